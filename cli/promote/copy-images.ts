// Copies images to the names that they have in the next stage. skopeo takes them only by a policy that is
// made of what `--require` demands, with the signatures that were found: a second judge of the same.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pMap from 'p-map';
import { type Policy, findScope } from '../../generator/policy/policy.ts';
import {
  formatReference,
  nameOf,
  toSignedIdentityJson,
} from '../../generator/policy/signed-identity.ts';
import type { DockerReference } from '../../generator/terms/image-name.ts';
import { formatDirectory, formatLocation } from '../../generator/terms/location.ts';
import { toLine } from '../../generator/terms/text.ts';
import { statementId } from '../../signing/sign/statement.ts';
import type { SignerDemand } from '../../signing/stage/signer-demand.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { Progress } from '../check/progress.ts';
import type { CopyRefusal } from '../registry/copy-image.ts';
import {
  type CopyPolicies,
  type WholeImage,
  atDigest,
  copyWhole,
  findArrivalFault,
} from '../registry/copy-whole.ts';
import { type PlatformOptions, findDigest } from '../registry/read-platforms.ts';
import { UsageError } from '../base/usage-error.ts';
import type { RefusedOutcome } from '../sign/format-signed.ts';
import type { AssessedImage } from './assess-images.ts';
import { refuseArrival, refuseChange } from './refused-copies.ts';

/** What came of the copy of an image. */
export type CopyOutcome =
  /** `copied`: it has arrived, whole. `there`: it was there before. */
  { readonly status: 'copied' | 'there' } | RefusedOutcome;

export interface CopyRun {
  readonly policy: Policy;
  readonly demands: readonly SignerDemand[];
  readonly registry: PlatformOptions;
  readonly io: ProcessIo;
  /** For what is temporary. */
  readonly directory: string;
  /** Whether nodes of the next stage will accept an image once this run is over. */
  readonly willBeAccepted: (image: AssessedImage) => Promise<boolean>;
}

/** A registry takes a few at once. */
const AT_ONCE = 2;

/** Copies images, and remembers what came of each. */
export class ImageCopies {
  readonly #run: CopyRun;
  readonly #outcomes = new Map<string, CopyOutcome>();
  /** By their names, images that have arrived, and whose tag is still that of another one. */
  readonly #waiting = new Map<string, () => Promise<void>>();
  #hasBegun = false;

  constructor(run: CopyRun) {
    this.#run = run;
  }

  /** By the names of images. */
  get outcomes(): ReadonlyMap<string, CopyOutcome> {
    return this.#outcomes;
  }

  /** Whether anything was to be copied so far. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Copies images that are not there yet, and sees that each has arrived under the digests that it had. Gives
   * why some have not, by the `statementId` of all their parts: what has not arrived is not signed. A tag that
   * nodes pull stays with its image until `moveTags`.
   * @throws AggregateError of UsageErrors where a registry fails
   */
  async copy(images: readonly AssessedImage[]): Promise<ReadonlyMap<string, RefusedOutcome>> {
    this.#hasBegun = true;
    const policies = await writePolicy(images, this.#run);
    const progress = new Progress({ count: async () => images.length }, this.#run.io, 'images');
    const refusals = new Map<string, RefusedOutcome>();
    const copyOne = async (one: AssessedImage): Promise<void> => {
      const outcome = await this.#copyOne(one, policies);
      progress.step();
      if (outcome === undefined) return;
      this.#outcomes.set(one.image.name, outcome);
      if (outcome.status !== 'refused') return;
      for (const { statement } of one.parts) refusals.set(statementId(statement), outcome);
    };
    try {
      await pMap(images, copyOne, { concurrency: AT_ONCE, stopOnError: false });
    } finally {
      progress.stop();
    }
    return refusals;
  }

  /**
   * Gives images that are signed now the tags that other images have. Does nothing for those that it is not told of.
   * @throws AggregateError of UsageErrors where a registry fails
   */
  async moveTags(names: ReadonlySet<string>): Promise<void> {
    const moves = [...this.#waiting].filter(([name]) => names.has(name));
    await pMap(
      moves,
      async ([name, move]) => {
        await move();
        this.#outcomes.set(name, { status: 'copied' });
      },
      { concurrency: AT_ONCE, stopOnError: false },
    );
  }

  /** Undefined for one that has arrived and waits for its tag. */
  async #copyOne(one: AssessedImage, policies: CopyPolicies): Promise<CopyOutcome | undefined> {
    const { registry, willBeAccepted } = this.#run;
    const { name, target, digestHex } = one.image;
    const place = atDigest(target, digestHex);
    const tagged = target.tag === undefined ? place : target;
    const there = await findDigest(tagged, registry);
    const isTaken = there !== undefined && there !== digestHex;
    if (isTaken && !(await willBeAccepted(one))) return refuseTag(tagged, there);
    const to = isTaken ? place : tagged;
    // Whatever the registry has made of it.
    const arrivals = [
      [to, digestHex] as const,
      ...one.parts.map(
        ({ statement }) => [atDigest(target, statement.digestHex), statement.digestHex] as const,
      ),
    ];
    const isThere = there === digestHex && !(await findArrivalFault(arrivals, registry));
    if (!isThere) {
      const refusal = await copyWhole(toWhole(one), to, policies);
      if (refusal) return refuseCopy(name, refusal);
      const fault = await findArrivalFault(arrivals, registry);
      if (fault) return refuseArrival(fault);
    }
    if (!isTaken) return { status: isThere ? 'there' : 'copied' };
    this.#waiting.set(name, async () => moveTag(one, tagged, policies, registry));
    return undefined;
  }
}

/** All of it is there already, under its digest. */
async function moveTag(
  one: AssessedImage,
  tagged: DockerReference,
  policies: CopyPolicies,
  registry: PlatformOptions,
): Promise<void> {
  const { name, digestHex } = one.image;
  const refusal = await copyWhole(toWhole(one), tagged, policies);
  const fault = await findArrivalFault([[tagged, digestHex]], registry);
  const refused = refusal ? refuseCopy(name, refusal) : fault && refuseArrival(fault);
  if (refused) throw new UsageError(refused.message, refused.hint);
}

function refuseTag(to: DockerReference, there: string): RefusedOutcome {
  const name = formatReference(to);
  return {
    status: 'refused',
    code: 'tag-in-use',
    message: `${name} is another image now, sha256:${there}, and nodes would refuse the new one until everybody has signed it and that is merged`,
    hint: 'leave out --copy, and run the same with --copy once nodes accept the new image',
  };
}

function refuseCopy(name: string, { kind, message }: CopyRefusal): RefusedOutcome {
  if (kind === 'changed') return refuseChange(message);
  return {
    status: 'refused',
    code: 'copy-rejected',
    message: `skopeo does not take ${name} by the signatures that were found: ${toLine(message)}`,
    hint: 'look at these signatures with `lookaside explain`, and at the keys of --keys',
  };
}

/** As it is copied. */
function toWhole({ image: { asked, digestHex, others }, parts }: AssessedImage): WholeImage {
  const manifests = parts.map(({ statement }) => statement.digestHex);
  return { from: asked, digestHex, manifests, others };
}

/** Writes a policy.json, and a store of the signatures that it asks for. */
async function writePolicy(
  images: readonly AssessedImage[],
  { policy, demands, registry, directory }: CopyRun,
): Promise<CopyPolicies> {
  const root = join(directory, 'copy');
  const store = join(root, 'signatures');
  const numbers = new Map<string, number>();
  for (const { image, parts } of images) {
    for (const { statement, assessment } of parts) {
      const place = formatDirectory(image.pulled.repository, statement.digestHex);
      for (const { bytes } of assessment.proof) {
        const number = (numbers.get(place) ?? 0) + 1;
        numbers.set(place, number);
        const file = join(store, formatLocation(place, number));
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, bytes);
      }
    }
  }
  const registriesD = join(root, 'registries.d');
  const policyFile = join(root, 'policy.json');
  await mkdir(registriesD, { recursive: true });
  await mkdir(store, { recursive: true });
  const { href } = pathToFileURL(store);
  // JSON is YAML. Before containers/image 5.22 it is `sigstore`.
  const stores = { 'default-docker': { lookaside: href, sigstore: href } };
  await writeFile(join(registriesD, 'stage.yaml'), JSON.stringify(stores));
  const scopes = images.map(({ image: { pulled } }) => [
    nameOf(pulled),
    demands.map((demand) => toRequirement(demand, pulled, policy)),
  ]);
  const text = {
    default: [{ type: 'reject' }],
    transports: { docker: Object.fromEntries(scopes) },
  };
  await writeFile(policyFile, JSON.stringify(text));
  const openFile = join(root, 'unsigned.json');
  await writeFile(openFile, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const { authfile, environment, ending } = registry;
  const shared = { registriesD, authfile, environment, ending };
  return {
    signed: { ...shared, policy: policyFile },
    // By the digests that stand in the list, which is signed.
    companions: { ...shared, policy: openFile },
  };
}

/** As policy.json has it. The tag was looked at already, and the copy is asked for by its digest. */
function toRequirement({ keys }: SignerDemand, image: DockerReference, policy: Policy): object {
  const { keyring } = policy;
  const wanted = new Set(keys.map(({ fingerprint }) => fingerprint));
  const blocks = keyring?.blocks.filter((_, at) => wanted.has(keyring.keys[at]?.fingerprint ?? ''));
  const rule = findScope(policy, image)?.signedBy[0]?.signedIdentity;
  const isByTag = !rule || rule.type === 'matchExact' || rule.type === 'matchRepoDigestOrExact';
  return {
    type: 'signedBy',
    keyType: 'GPGKeys',
    keyData: Buffer.concat(blocks ?? []).toString('base64'),
    signedIdentity: isByTag ? { type: 'matchRepository' } : toSignedIdentityJson(rule),
  };
}
