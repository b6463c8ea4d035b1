/** Stages with a registry, a store and keys each, and people who promote from one to the next. */
import type { RunResult } from '../process/run.ts';
import { runLookaside } from '../program/lookaside.ts';
import { PUSHER } from './push-world.ts';
import { SignWorld } from './sign-world.ts';

/** Two stages: what `dev` has signed is promoted by `qa`. */
export class TwoStages {
  readonly dev: SignWorld<'dev' | 'tester' | 'subkey' | 'stranger'>;
  readonly next: SignWorld<'qa' | 'release'>;

  private constructor(dev: TwoStages['dev'], next: TwoStages['next']) {
    this.dev = dev;
    this.next = next;
  }

  /** The first stage accepts all but `stranger`, the second `qa` and `release`, any of them. */
  static async make(): Promise<TwoStages> {
    const [dev, next] = await Promise.all([
      SignWorld.make({
        dev: { name: 'Dev' },
        tester: { name: 'Tester' },
        subkey: { name: 'Subkey', subkey: true },
        stranger: { name: 'Stranger' },
      }),
      SignWorld.make({ qa: { name: 'QA' }, release: { name: 'Release' } }),
    ]);
    await dev.accept(['dev', 'tester', 'subkey']);
    await next.accept(['qa', 'release']);
    return new TwoStages(dev, next);
  }

  /** `--map` from the first registry to the second. */
  get map(): readonly string[] {
    return ['--map', `${this.dev.registry.host}=${this.next.registry.host}`];
  }

  /** `--from`, `--keys` and `--require` for the first stage. */
  async fromDev(...signers: readonly ('dev' | 'tester')[]): Promise<readonly string[]> {
    const files = await Promise.all([this.dev.keyFile('dev'), this.dev.keyFile('tester')]);
    return [
      '--from',
      this.dev.remote.path,
      ...files.flatMap((file) => ['--keys', file]),
      ...signers.flatMap((name) => ['--require', this.dev.keys[name].fingerprint]),
    ];
  }

  /** Runs `lookaside promote …` as `qa`, or another one of the second stage. */
  async promote(
    args: readonly string[],
    { by = 'qa', env = {} }: { by?: 'qa' | 'release'; env?: Record<string, string> } = {},
  ): Promise<RunResult> {
    const { signer, remote, keys } = this.next;
    const to = ['--to', remote.path, '--sign-by', keys[by].fingerprint];
    return runLookaside(['promote', ...args, ...this.map, ...to], {
      env: { ...PUSHER, GNUPGHOME: signer.home, ...env },
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.dev.stop(), this.next.stop()]);
  }
}
