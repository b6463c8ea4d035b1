// What a new state of the store has changed: which signatures are served from now on, which no longer, and
// which files are rejected that were not. Worked out from what the store notes of its changes, with pauses,
// since a commit may change a million directories and lookups do not wait.
import { createHash, hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { PublishableFile } from '../../generator/gate/checked-file.ts';
import type { Standing, StoreChange } from '../../generator/store/journal.ts';
import type { RejectedFile } from '../../generator/store/report.ts';

/** A signature that is served from now on, and under which number. */
export interface AddedSignature {
  readonly file: PublishableFile;
  /** That it is served from: of a release, another one than its own. */
  readonly directory: string;
  readonly number: number;
}

/** What a state has changed, in no order. */
export interface StateDifference {
  readonly added: readonly AddedSignature[];
  readonly removed: readonly PublishableFile[];
  readonly rejected: readonly RejectedFile[];
  /** The same wherever the same has changed, in whatever order it was found. Hexadecimal. */
  readonly fingerprint: string;
}

/** The state of the store as it is numbered in this process. */
export interface PublishedGeneration {
  readonly number: number;
  /** Null for a directory. */
  readonly commit: string | null;
  /** ISO 8601. */
  readonly loadedAt: string;
}

export type Cause = 'source' | 'verdicts';

/** A state that has come into force. */
export interface Publication {
  readonly generation: PublishedGeneration;
  /** Signatures that are served now. */
  readonly signatures: number;
  /** The commit that was published before; null for a directory, and for what begins with nothing. */
  readonly before: string | null;
  /** Nothing is known of what was published before: there is nothing to compare with. */
  readonly isInitial: boolean;
  /** A new state of the source; or verdicts on the same one, by other keys or at another time. */
  readonly cause: Cause;
  readonly difference: StateDifference;
}

/** Gives the number of a signature in a directory. */
export type NumberOf = (directory: string, file: PublishableFile) => number;

/** Directories between two pauses. */
const AT_ONCE = 200;
/** SHA-256. */
const FINGERPRINT_BYTES = 32;

export const NO_DIFFERENCE: StateDifference = {
  added: [],
  removed: [],
  rejected: [],
  fingerprint: '0'.repeat(2 * FINGERPRINT_BYTES),
};

/** Collects what has changed. */
export async function collectDifference(
  changes: Iterable<StoreChange>,
  numberOf: NumberOf,
): Promise<StateDifference> {
  const added: AddedSignature[] = [];
  const removed: PublishableFile[] = [];
  const rejected: RejectedFile[] = [];
  const sum = new UnorderedSum();
  let looked = 0;
  for (const { name, before, after } of changes) {
    if (++looked % AT_ONCE === 0) await setImmediate();
    for (const file of missingIn(after, before)) {
      added.push({ file, directory: name, number: numberOf(name, file) });
      sum.add(`+${name} ${file.signature.hash}`);
    }
    for (const file of missingIn(before, after)) {
      removed.push(file);
      sum.add(`-${name} ${file.signature.hash}`);
    }
    for (const file of newlyRejected(before, after)) {
      rejected.push(file);
      sum.add(`!${file.code} ${file.path}`);
    }
  }
  return { added, removed, rejected, fingerprint: sum.digest() };
}

/** Whether anything is other than before. */
export function hasChanged({ added, removed, rejected }: StateDifference): boolean {
  return added.length + removed.length + rejected.length > 0;
}

/** The signatures of one state that another one does not serve. */
function missingIn(one: Standing, other: Standing): readonly PublishableFile[] {
  if (other.served.length === 0 || one.served === other.served) {
    return one.served === other.served ? [] : one.served;
  }
  const hashes = new Set(other.served.map(({ signature }) => signature.hash));
  return one.served.filter(({ signature }) => !hashes.has(signature.hash));
}

function newlyRejected(before: Standing, after: Standing): readonly RejectedFile[] {
  if (before.rejected.length === 0) return after.rejected;
  const known = new Set(before.rejected.map(({ code, path }) => `${code} ${path}`));
  return after.rejected.filter(({ code, path }) => !known.has(`${code} ${path}`));
}

/** A hash of a set: those of its texts, added up in words of four bytes. */
class UnorderedSum {
  readonly #bytes = Buffer.alloc(FINGERPRINT_BYTES);

  add(text: string): void {
    const own = hash('sha256', text, 'buffer');
    for (let at = 0; at < FINGERPRINT_BYTES; at += 4) {
      this.#bytes.writeUInt32LE((this.#bytes.readUInt32LE(at) + own.readUInt32LE(at)) >>> 0, at);
    }
  }

  digest(): string {
    return this.#bytes.toString('hex');
  }
}

/** Names a publication: the same in every replica that publishes the same change of the same source. */
export function nameDifference(
  source: readonly unknown[],
  { generation, before, isInitial, difference }: Publication,
): string {
  const parts = [source, before, generation.commit, isInitial, difference.fingerprint];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
