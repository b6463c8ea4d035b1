// Copies images to where they are mirrored, by their digests: whoever pulls a tag here gets what it named before,
// until the new image is whole and signed.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pMap from 'p-map';
import { toLine } from '../../generator/terms/text.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { Progress } from '../check/progress.ts';
import { refuseArrival, refuseChange } from '../promote/refused-copies.ts';
import { type CopyOptions, type CopyRefusal, copyImage } from '../registry/copy-image.ts';
import {
  type CopyPolicies,
  atDigest,
  copyWhole,
  findArrivalFault,
} from '../registry/copy-whole.ts';
import { retrying } from '../registry/retrying.ts';
import type { RefusedOutcome } from '../sign/format-signed.ts';
import {
  type FailedOutcome,
  type PlanImagesOptions,
  type PlannedImage,
  toOutcome,
} from './plan-images.ts';
import type { ListVerifier } from './list-verifier.ts';
import type { ImageSource } from './read-sources.ts';
import { writePolicy, writeRegistriesD } from './source-policy.ts';

/** What came of the copy of an image: `there`: it had arrived before. */
export type ArrivalOutcome =
  { readonly status: 'copied' } | { readonly status: 'there' } | RefusedOutcome | FailedOutcome;

export interface MirrorCopiesOptions extends PlanImagesOptions {
  readonly io: ProcessIo;
  /** For what is temporary. */
  readonly directory: string;
  readonly lists: ListVerifier;
}

/** The policy for what is judged already, and asked for by its digest. */
const OPEN = 'open.json';

/** Copies images, and gives them their tags. */
export class MirrorCopies {
  readonly #run: MirrorCopiesOptions;
  readonly #registries = new Map<ImageSource, Promise<string>>();
  #written = 0;

  private constructor(run: MirrorCopiesOptions) {
    this.#run = run;
  }

  static async open(run: MirrorCopiesOptions): Promise<MirrorCopies> {
    const directory = join(run.directory, 'copy');
    await mkdir(directory);
    const text = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });
    await writeFile(join(directory, OPEN), text);
    return new MirrorCopies({ ...run, directory });
  }

  /**
   * Copies images, and sees that each has arrived under the digests that it had. What is here is judged all the same,
   * whoever has brought it, unless it `isJudged` already; nothing of it is transferred again but its manifests.
   * @throws UsageError once the run is to end
   */
  async copy(
    images: readonly PlannedImage[],
    isJudged: boolean,
  ): Promise<ReadonlyMap<PlannedImage, ArrivalOutcome>> {
    const { io, jobs } = this.#run;
    const progress = new Progress({ count: async () => images.length }, io, 'images');
    const copyOne = async (image: PlannedImage) => {
      const outcome = await this.#copyOne(image, isJudged);
      progress.step();
      return [image, outcome] as const;
    };
    try {
      return new Map(await pMap(images, copyOne, { concurrency: jobs }));
    } finally {
      progress.stop();
    }
  }

  async #copyOne(image: PlannedImage, isJudged: boolean): Promise<ArrivalOutcome> {
    const { registry } = this.#run;
    const manifests = image.statements.map(({ digestHex }) => digestHex);
    const hexes = new Set([image.digestHex, ...manifests, ...image.others]);
    const arrivals = [...hexes].map((hex) => [atDigest(image.target, hex), hex] as const);
    const findFault = async () =>
      retrying(registry.ending, async () => findArrivalFault(arrivals, registry));
    try {
      const isThere = !(await findFault());
      if (isThere && isJudged) return { status: 'there' };
      const policies = await this.#writePolicies(image);
      const whole = { ...image, from: image.asked, manifests };
      const to = atDigest(image.target, image.digestHex);
      const refusal = await retrying(registry.ending, async () => copyWhole(whole, to, policies));
      if (refusal) return refuseCopy(image, refusal);
      if (isThere) return { status: 'there' };
      const fault = await findFault();
      return fault ? refuseArrival(fault) : { status: 'copied' };
    } catch (error) {
      return toOutcome(error, registry.ending);
    }
  }

  async #writePolicies(image: PlannedImage): Promise<CopyPolicies> {
    const { source, digestHex, others } = image;
    const { directory, lists, registry } = this.#run;
    const tagged = { ...source.from, tag: image.target.tag };
    const requirements = source.policy.requirementsFor(tagged);
    const policy = await writePolicy(directory, `${this.#written++}`, tagged, requirements);
    const signed = { ...this.#shared, policy, registriesD: await this.#registriesOf(source) };
    const isListSigned =
      others.length > 0 &&
      (await retrying(registry.ending, async () => lists.isSigned(source, tagged, digestHex)));
    const companions = isListSigned ? { ...signed, policy: join(directory, OPEN) } : signed;
    return { signed, companions };
  }

  /** Undefined for that of this machine. */
  async #registriesOf(source: ImageSource): Promise<string | undefined> {
    const { server } = source;
    if (server === undefined) return undefined;
    const name = `registries-${this.#registries.size}.d`;
    const known =
      this.#registries.get(source) ?? writeRegistriesD(this.#run.directory, name, server);
    this.#registries.set(source, known);
    return known;
  }

  get #shared(): Pick<CopyOptions, 'authfile' | 'environment' | 'ending'> {
    const { authfile, environment, ending } = this.#run.registry;
    return { authfile, environment, ending };
  }

  /**
   * Gives an image that has arrived its tag; gives why it has not got it, undefined where it has.
   * @throws UsageError once the run is to end
   */
  async tag(image: PlannedImage): Promise<RefusedOutcome | FailedOutcome | undefined> {
    const { registry, directory } = this.#run;
    const { target, digestHex } = image;
    const policy = join(directory, OPEN);
    const options = { ...this.#shared, policy, registriesD: undefined };
    try {
      const refusal = await retrying(registry.ending, async () =>
        copyImage(atDigest(target, digestHex), target, options, {
          parts: 'index-only',
          flags: [],
        }),
      );
      if (refusal) return refuseChange(refusal.message);
      const fault = await findArrivalFault([[target, digestHex]], registry);
      return fault && refuseArrival(fault);
    } catch (error) {
      return toOutcome(error, registry.ending);
    }
  }
}

function refuseCopy(image: PlannedImage, { kind, message }: CopyRefusal): RefusedOutcome {
  if (kind === 'changed') return refuseChange(message);
  const companions =
    image.others.length > 0
      ? '; attestations are taken without a signature if their list has one, by --keys at the store of --server'
      : '';
  return {
    status: 'refused',
    code: 'copy-rejected',
    message: `the policy does not take it: ${toLine(message)}`,
    hint: `ask whoever publishes it by which key and for which name it is signed; keys, policy and signedIdentity say what counts${companions}`,
  };
}
