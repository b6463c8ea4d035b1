// Whether the list of an image is signed, which skopeo does not ask: it judges each entry by itself. Attestations are
// entries that nobody signs; they are as good as the list that names their digests.
import { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { type Policy, createPolicy, createScope } from '../../generator/policy/policy.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { SigningError } from '../../signing/signing-error.ts';
import { assess } from '../../signing/stage/signer-demand.ts';
import { ServedStage } from '../../signing/stage/stage.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { PassingError } from '../base/usage-error.ts';
import { type Engines, openEngines } from '../inputs/open-engines.ts';
import type { ImageSource } from './read-sources.ts';

export interface ListVerifierOptions {
  readonly settings: Settings;
  readonly io: ProcessIo;
  /** For what is temporary. */
  readonly directory: string;
  readonly ending: AbortSignal;
}

function now(): Date {
  return new Date();
}

/** Verifies the signatures of lists, by the keys of a repository at its store. */
export class ListVerifier {
  readonly #options: ListVerifierOptions;
  readonly #stages = new Map<ImageSource, Promise<ServedStage | undefined>>();
  #engines: Promise<Engines> | undefined;

  constructor(options: ListVerifierOptions) {
    this.#options = options;
  }

  /**
   * Whether a list, by the hexadecimal digits of its digest, is signed for a tag. False where keys and store are only
   * known to skopeo.
   * @throws PassingError where the store does not answer
   */
  async isSigned(
    source: ImageSource,
    tagged: DockerReference,
    digestHex: string,
  ): Promise<boolean> {
    const known = this.#stages.get(source) ?? this.#openStage(source);
    this.#stages.set(source, known);
    const stage = await known;
    if (!stage) return false;
    try {
      const { signers } = await assess(stage, tagged, digestHex, []);
      return signers.length > 0;
    } catch (cause) {
      if (!(cause instanceof SigningError)) throw cause;
      throw new PassingError(cause.message, cause.hint, { cause });
    }
  }

  async #openStage({
    policy: { signedBy },
    server,
  }: ImageSource): Promise<ServedStage | undefined> {
    if (!signedBy || server === undefined || !/^https?:/i.test(server)) return undefined;
    const { settings, io, directory, ending } = this.#options;
    this.#engines ??= openEngines(io.environment, directory, toBudgets(settings));
    const { openMessage } = await this.#engines;
    const policy: Policy = await createPolicy([createScope('', undefined, [signedBy])]);
    const judge = new PlacingJudge({
      policy,
      openMessage,
      expiryWarning: 0,
      paths: toBudgets(settings),
    });
    return new ServedStage({ policy, judge, store: server.replace(/\/+$/, ''), ending, now });
  }

  async close(): Promise<void> {
    await (await this.#engines)?.close();
  }
}
