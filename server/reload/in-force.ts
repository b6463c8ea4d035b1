// What may be read again while the server runs, as it is in force, and when each kind of files was read.
import type { Policy } from '../../generator/policy/policy.ts';
import type { WebhookSecret } from '../events/webhook-signature.ts';
import type { TlsFiles } from '../listen/listener.ts';

/** What may be read again while the server runs. */
export interface Reloadable {
  /** What signatures have to meet. */
  readonly policy: Policy;
  readonly webhookSecrets: readonly string[];
  /** What events are signed with. */
  readonly notifySecrets: readonly WebhookSecret[];
  readonly tls: TlsFiles | undefined;
}

/** Files that are read together: `policy` are key files and a policy file. */
export type ReloadedKind = 'policy' | 'webhook-secret' | 'notify-secret' | 'tls';

/** How files of a kind were read last. */
export interface FileReading {
  readonly isGood: boolean;
  /** When they could be used last; milliseconds since 1970. */
  readonly goodAt: number;
}

export class InForce {
  readonly #now: () => Date;
  readonly #readings = new Map<ReloadedKind, FileReading>();
  #values: Reloadable;

  /** Takes what was read at the start. */
  constructor(values: Reloadable, now: () => Date) {
    this.#values = values;
    this.#now = now;
    this.#noteGood(values);
  }

  readonly policy = (): Policy => this.#values.policy;
  readonly webhookSecrets = (): readonly string[] => this.#values.webhookSecrets;
  readonly tls = (): TlsFiles | undefined => this.#values.tls;
  readonly notifySecrets = (): readonly WebhookSecret[] => this.#values.notifySecrets;

  /** By the kind of files, of those that there are. */
  readonly readings = (): ReadonlyMap<ReloadedKind, FileReading> => this.#readings;

  /** When the kind of files was read that has not been read for longest; milliseconds since 1970. */
  readonly reloadedAt = (): number =>
    Math.min(...[...this.#readings.values()].map(({ goodAt }) => goodAt));

  replace(next: Partial<Reloadable>): void {
    this.#values = { ...this.#values, ...next };
    this.#noteGood(next);
  }

  readonly noteUnusable = (kind: ReloadedKind): void => {
    const { goodAt } = this.#readings.get(kind) ?? { goodAt: 0 };
    this.#readings.set(kind, { isGood: false, goodAt });
  };

  #noteGood({ policy, webhookSecrets = [], notifySecrets = [], tls }: Partial<Reloadable>): void {
    const reading = { isGood: true, goodAt: this.#now().getTime() };
    if (policy) this.#readings.set('policy', reading);
    if (webhookSecrets.length > 0) this.#readings.set('webhook-secret', reading);
    if (notifySecrets.length > 0) this.#readings.set('notify-secret', reading);
    if (tls) this.#readings.set('tls', reading);
  }
}
