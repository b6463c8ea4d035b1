// Which candidates are new to the repository, and under which number each of them goes there.
import { createHash } from 'node:crypto';
import type { Signature } from '../../generator/gate/judge.ts';
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { type Rejection, reject } from '../../generator/terms/rejection.ts';
import type { ChooseNumber } from './choose-number.ts';
import type { GoodCandidate } from './judge-candidates.ts';
import { type StandingFile, joinSubtree } from './standing.ts';

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

/** Plans a push onto what stands in the directories, by their names. */
export function planPush(
  candidates: readonly GoodCandidate[],
  standing: ReadonlyMap<string, readonly StandingFile[]>,
  options: PlanOptions,
): readonly Placement[] {
  const places = new Map<string, PlannedDirectory>();
  return candidates.map((good) => {
    const { directory } = good.place;
    const planned =
      places.get(directory) ??
      new PlannedDirectory(directory, standing.get(directory) ?? [], options);
    places.set(directory, planned);
    return planned.add(good);
  });
}

/** One directory, with what is planned for it so far. */
class PlannedDirectory {
  readonly #directory: string;
  readonly #options: PlanOptions;
  readonly #taken: Set<number>;
  /** Paths, by the SHA-256 of the bytes. */
  readonly #byBytes = new Map<string, string>();
  readonly #good: { readonly signature: Signature; readonly path: string }[] = [];

  constructor(directory: string, standing: readonly StandingFile[], options: PlanOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#taken = new Set(standing.map(({ number }) => number));
    for (const { bytes, path, signature } of standing) {
      this.#byBytes.set(hashOf(bytes), path);
      if (signature) this.#good.push({ signature, path });
    }
  }

  add(good: GoodCandidate): Placement {
    const { bytes } = good.candidate;
    const same = this.#byBytes.get(hashOf(bytes));
    if (same !== undefined) return { kind: 'there', good, path: same, isSame: true };
    const repeated = this.#options.takesRepeats
      ? undefined
      : this.#good.find(({ signature }) => isRepeat(good.signature, signature));
    if (repeated) return { kind: 'there', good, path: repeated.path, isSame: false };
    if (this.#good.length >= MAX_SIGNATURES) {
      const message = `expected at most ${MAX_SIGNATURES} signatures in ${this.#directory}`;
      return { kind: 'refused', good, rejection: reject('too-many-signatures', message) };
    }
    const { subtree, chooseNumber } = this.#options;
    const number = chooseNumber(this.#taken, bytes);
    const path = joinSubtree(subtree, formatLocation(this.#directory, number));
    this.#taken.add(number);
    this.#byBytes.set(hashOf(bytes), path);
    this.#good.push({ signature: good.signature, path });
    return { kind: 'new', good, path };
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
