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
import { type CopyOptions, type CopyRefusal, copyImage } from '../registry/copy-image.ts';
import { type PlatformOptions, findDigest } from '../registry/read-platforms.ts';
import type { RefusedOutcome } from '../sign/format-signed.ts';
import type { AssessedImage } from './assess-images.ts';

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
  /** Whether nodes would wait for a merge to accept what comes under a tag that they pull. */
  readonly isProposal: boolean;
}

/** A registry takes a few at once. */
const AT_ONCE = 2;

/** Copies images, and remembers what came of each. */
export class ImageCopies {
  readonly #run: CopyRun;
  readonly #outcomes = new Map<string, CopyOutcome>();
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
   * why some have not, by the `statementId` of all their parts: what has not arrived is not signed.
   * @throws AggregateError of UsageErrors where a registry fails
   */
  async copy(images: readonly AssessedImage[]): Promise<ReadonlyMap<string, RefusedOutcome>> {
    this.#hasBegun = true;
    const options = await writePolicy(images, this.#run);
    const progress = new Progress({ count: async () => images.length }, this.#run.io, 'images');
    const refusals = new Map<string, RefusedOutcome>();
    const copyOne = async (one: AssessedImage): Promise<void> => {
      const outcome = await copyWhole(one, options, this.#run);
      progress.step();
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
}

async function copyWhole(
  { image, parts }: AssessedImage,
  options: CopyOptions,
  { registry, isProposal }: CopyRun,
): Promise<CopyOutcome> {
  const { target, digestHex, asked } = image;
  const digest = `sha256:${digestHex}`;
  const to = target.tag === undefined ? { ...target, digest } : target;
  const there = await findDigest(to, registry);
  if (there !== undefined && there !== digestHex && isProposal) return refuseTag(to, there);
  const isThere = there === digestHex;
  if (!isThere) {
    const from = { ...asked, tag: undefined, digest };
    const refusal = await copyImage(from, to, options);
    if (refusal) return refuseCopy(image.name, refusal);
  }
  // Whatever the registry has made of it.
  const arrivals: readonly (readonly [DockerReference, string])[] = [
    [to, digestHex],
    ...parts.map(
      ({ statement }) =>
        [
          { ...target, tag: undefined, digest: `sha256:${statement.digestHex}` },
          statement.digestHex,
        ] as const,
    ),
  ];
  for (const [arrived, wanted] of arrivals) {
    const found = await findDigest(arrived, registry);
    if (found !== wanted) return refuseArrival(arrived, wanted, found);
  }
  return { status: isThere ? 'there' : 'copied' };
}

function refuseTag(to: DockerReference, there: string): RefusedOutcome {
  const name = formatReference(to);
  return {
    status: 'refused',
    code: 'tag-in-use',
    message: `${name} is another image now, sha256:${there}, and until the request is merged nodes would refuse the new one`,
    hint: 'propose without --copy, and run the same with --copy once it is merged',
  };
}

function refuseCopy(name: string, { kind, message }: CopyRefusal): RefusedOutcome {
  return kind === 'policy'
    ? {
        status: 'refused',
        code: 'copy-rejected',
        message: `skopeo does not take ${name} by the signatures that were found: ${toLine(message)}`,
        hint: 'look at these signatures with `lookaside explain`, and at the keys of --keys',
      }
    : {
        status: 'refused',
        code: 'digest-changed',
        message: `the other registry would not have it under the same digest: ${toLine(message)}`,
        hint: 'push the image again in a format that both registries take',
      };
}

function refuseArrival(
  arrived: DockerReference,
  wanted: string,
  found: string | undefined,
): RefusedOutcome {
  const got = found === undefined ? 'nothing' : found === '' ? 'no manifest' : `sha256:${found}`;
  return {
    status: 'refused',
    code: 'digest-changed',
    message: `expected sha256:${wanted} at ${formatReference(arrived)} after the copy, got ${got}`,
    hint: 'look at what the registry makes of images, and whether somebody else pushes this tag',
  };
}

/** Writes a policy.json, and a store of the signatures that it asks for. */
async function writePolicy(
  images: readonly AssessedImage[],
  { policy, demands, registry, directory }: CopyRun,
): Promise<CopyOptions> {
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
  // JSON is YAML.
  const lookaside = { 'default-docker': { lookaside: pathToFileURL(store).href } };
  await writeFile(join(registriesD, 'stage.yaml'), JSON.stringify(lookaside));
  const scopes = images.map(({ image: { pulled } }) => [
    nameOf(pulled),
    demands.map((demand) => toRequirement(demand, pulled, policy)),
  ]);
  const text = {
    default: [{ type: 'reject' }],
    transports: { docker: Object.fromEntries(scopes) },
  };
  await writeFile(policyFile, JSON.stringify(text));
  const { authfile, environment, ending } = registry;
  return { policy: policyFile, registriesD, authfile, environment, ending };
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
