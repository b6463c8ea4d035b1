// Which candidates are new to the repository, and under which number each of them goes there.
import { createHash } from 'node:crypto';
import type { PublishableFile } from '../../generator/gate/checked-file.ts';
import type { Signature } from '../../generator/gate/judge.ts';
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { type Rejection, reject } from '../../generator/terms/rejection.ts';
import type { ChooseNumber } from './choose-number.ts';
import type { GoodCandidate } from './judge-candidates.ts';
import { type PublishedFile, joinSubtree } from './published-signatures.ts';

/** What becomes of a good candidate. Paths are from the root of the repository. */
export type Placement =
  | { readonly kind: 'new'; readonly good: GoodCandidate; readonly path: string }
  /** The same bytes are there, or a signature by the same signer, for the same, that is good as long. */
  | {
      readonly kind: 'there';
      readonly good: GoodCandidate;
      readonly path: string;
      readonly isSame: boolean;
    }
  | { readonly kind: 'refused'; readonly good: GoodCandidate; readonly rejection: Rejection };

export interface PlanOptions {
  readonly subtree: string;
  readonly chooseNumber: ChooseNumber;
  /** Whether a signature is new that says the same as one that is there, by the same signer. */
  readonly takesRepeats: boolean;
}

/** What is to be done with each candidate, and what the directories hold then. */
export interface PushPlan {
  /** In the order of the candidates. */
  readonly placements: readonly Placement[];
  /** All that nodes would accept in each directory, by its name. */
  readonly directories: ReadonlyMap<string, readonly PublishableFile[]>;
}

/** Plans a push onto what stands in the directories, by their names. */
export function planPush(
  candidates: readonly GoodCandidate[],
  published: ReadonlyMap<string, readonly PublishedFile[]>,
  options: PlanOptions,
): PushPlan {
  const planned = new Map<string, PlannedDirectory>();
  const placements = candidates.map((good) => {
    const { directory } = good.place;
    const place =
      planned.get(directory) ??
      new PlannedDirectory(directory, published.get(directory) ?? [], options);
    planned.set(directory, place);
    return place.add(good);
  });
  const directories = [...planned].map(([name, { publishable }]) => [name, publishable] as const);
  return { placements, directories: new Map(directories) };
}

/** One directory, with what is planned for it so far. */
class PlannedDirectory {
  readonly #directory: string;
  readonly #options: PlanOptions;
  readonly #taken: Set<number>;
  /** Paths, by the SHA-256 of the bytes. */
  readonly #byBytes = new Map<string, string>();
  readonly #publishable: PublishableFile[] = [];

  constructor(directory: string, published: readonly PublishedFile[], options: PlanOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#taken = new Set(published.map(({ number }) => number));
    for (const { bytes, path, number, signature } of published) {
      this.#byBytes.set(hashOf(bytes), path);
      if (signature) this.#keep(path, number, signature);
    }
  }

  get publishable(): readonly PublishableFile[] {
    return this.#publishable;
  }

  add(good: GoodCandidate): Placement {
    const { bytes } = good.candidate;
    const same = this.#byBytes.get(hashOf(bytes));
    if (same !== undefined) return { kind: 'there', good, path: same, isSame: true };
    const repeated = this.#options.takesRepeats
      ? undefined
      : this.#publishable.find(({ signature }) => isRepeat(good.signature, signature));
    if (repeated) return { kind: 'there', good, path: repeated.path, isSame: false };
    if (this.#publishable.length >= MAX_SIGNATURES) {
      const message = `expected at most ${MAX_SIGNATURES} signatures in ${this.#directory}`;
      return { kind: 'refused', good, rejection: reject('too-many-signatures', message) };
    }
    const { subtree, chooseNumber } = this.#options;
    const number = chooseNumber(this.#taken, bytes);
    const path = joinSubtree(subtree, formatLocation(this.#directory, number));
    this.#taken.add(number);
    this.#byBytes.set(hashOf(bytes), path);
    this.#keep(path, number, good.signature);
    return { kind: 'new', good, path };
  }

  #keep(path: string, number: number, signature: Signature): void {
    const directory = this.#directory;
    this.#publishable.push({ kind: 'publishable', path, directory, number, signature });
  }
}

/** Whether a signature says nothing that another one does not, for as long. */
function isRepeat(one: Signature, other: Signature): boolean {
  return (
    one.signer !== undefined &&
    one.signer.primaryFingerprint === other.signer?.primaryFingerprint &&
    one.claims.dockerReference === other.claims.dockerReference &&
    one.claims.manifestDigest === other.claims.manifestDigest &&
    one.validUntil <= other.validUntil
  );
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}
