// What a stage says of an image: the signatures that lie there, verified here with keys that were given here.
// Where a file lies and what a server calls it counts for nothing: only what is signed does.
import type { Signature } from '../../generator/gate/judge.ts';
import type { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { type Policy, findScope } from '../../generator/policy/policy.ts';
import { matchesIdentity } from '../../generator/policy/signed-identity.ts';
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { type DockerReference, parseDockerReference } from '../../generator/terms/image-name.ts';
import { formatDirectory, formatLocation } from '../../generator/terms/location.ts';
import { isRejection } from '../../generator/terms/rejection.ts';
import { SigningError } from '../signing-error.ts';
import { fetchServed, withoutLogin } from './fetch-served.ts';

/** A file of a stage that counts for nothing, and why. */
export interface BadFile {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** What was found for one manifest. */
export interface StageFindings {
  /** By keys that are accepted, under whatever name. */
  readonly good: readonly Signature[];
  readonly bad: readonly BadFile[];
}

/** Where images are promoted from. */
export interface Stage {
  /** By which its signatures are judged. */
  readonly policy: Policy;
  /** What it has for a manifest of an image; the digest in 64 hexadecimal digits. */
  readonly find: (image: DockerReference, digestHex: string) => Promise<StageFindings>;
}

/** A stage whose signature repository was read. */
export class StoredStage implements Stage {
  readonly policy: Policy;
  readonly #store: SignatureStore;

  /** `store` has the verdicts by `policy`. */
  constructor(policy: Policy, store: SignatureStore) {
    this.policy = policy;
    this.#store = store;
  }

  async find(_image: DockerReference, digestHex: string): Promise<StageFindings> {
    const directories = [...this.#store.directoriesOf(digestHex)];
    return {
      good: directories.flatMap((directory) => this.#store.signaturesIn(directory)),
      bad: this.#store.rejectedOf(digestHex),
    };
  }

  /** The images that are signed there with a tag, each once, by the names that nodes pull. */
  listImages(): readonly DockerReference[] {
    const found = new Map<string, DockerReference>();
    for (const { signature } of this.#store.served()) {
      const { dockerReference } = signature.claims;
      const identity = parseDockerReference(dockerReference);
      if (identity?.tag === undefined || identity.digest !== undefined) continue;
      if (countsFor(this.policy, identity, signature)) found.set(dockerReference, identity);
    }
    return [...found.values()];
  }
}

export interface ServedStageOptions {
  readonly policy: Policy;
  readonly judge: PlacingJudge;
  /** The address of the store, as nodes have it, without a slash at its end. */
  readonly store: string;
  readonly ending: AbortSignal;
  readonly now: () => Date;
}

/** For one answer. Milliseconds. */
const PATIENCE = 30_000;

/** A stage whose store is asked as nodes ask it. */
export class ServedStage implements Stage {
  readonly policy: Policy;
  readonly #options: ServedStageOptions;

  constructor(options: ServedStageOptions) {
    this.policy = options.policy;
    this.#options = options;
  }

  /** @throws SigningError where the store does not answer as stores do */
  async find({ repository }: DockerReference, digestHex: string): Promise<StageFindings> {
    const good: Signature[] = [];
    const bad: BadFile[] = [];
    const directory = formatDirectory(repository, digestHex);
    for (let number = 1; number <= MAX_SIGNATURES; number++) {
      const path = formatLocation(directory, number);
      const bytes = await this.#get(path);
      if (!bytes) break;
      const { judge, now } = this.#options;
      const verdict = await judge.place(bytes, now());
      if (isRejection(verdict)) {
        bad.push({ path, code: verdict.code, message: verdict.message });
      } else if (verdict.place.digestHex === digestHex) {
        good.push(verdict.signature);
      } else {
        const message = `expected the digest sha256:${digestHex}, got sha256:${verdict.place.digestHex}`;
        bad.push({ path, code: 'digest-mismatch', message });
      }
    }
    return { good, bad };
  }

  /** Undefined behind the last signature. */
  async #get(path: string): Promise<Uint8Array | undefined> {
    const { store, ending } = this.#options;
    const served = await fetchServed(store, path, { timeLimit: PATIENCE, ending }).catch(
      (cause: unknown) => {
        const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
        const hint =
          'give the address that nodes have for the store, and see that it can be reached';
        throw new SigningError(`cannot ask ${withoutLogin(store)}: ${messageOf(reason)}`, {
          hint,
          cause,
        });
      },
    );
    if ('bytes' in served) return served.bytes;
    if (served.status === 404) return undefined;
    const hint = 'nodes fail here too; give the address that they have for the store';
    throw new SigningError(
      served.status === 200
        ? `${withoutLogin(store)}: ${path} is larger than a signature`
        : `${withoutLogin(store)}: expected a signature or 404 for ${path}, got ${served.status}`,
      { hint },
    );
  }
}

/** Whether nodes that pull an image would take a signature for it; the digest aside. */
export function countsFor(
  policy: Policy,
  image: DockerReference,
  { signer, scope, meets, claims }: Signature,
): boolean {
  const identity = parseDockerReference(claims.dockerReference);
  if (!signer || !identity || findScope(policy, image)?.name !== scope.name) return false;
  return meets.some(({ signedIdentity }) => matchesIdentity(signedIdentity, image, identity));
}

/** As nodes look for it: by its tag, where it has one. */
export function toPulledName({ digest, ...image }: DockerReference): DockerReference {
  return { ...image, digest: image.tag === undefined ? digest : undefined };
}
