// What was judged good before, kept between runs: a start need not verify a million signatures
// that were verified the day before. Only "yes" is remembered: for exactly these bytes at exactly
// this place, by an equal judge, in the time in which it holds.
import { hash } from 'node:crypto';
import type { CheckedFile, PublishableFile } from '../../gate/checked-file.ts';
import type { Judge, Signature } from '../../gate/judge.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Location } from '../../terms/location.ts';
import { isRejection } from '../../terms/rejection.ts';
import type { SignatureStore } from '../store.ts';
import { isLasting } from './shared-verdict.ts';
import type { VerdictFile } from './verdict-file.ts';
import type { VerdictIndex } from './verdict-index.ts';
import type { VerdictLines } from './verdict-line.ts';

/** What a judge with a memory has beside. */
export interface Memory {
  /** Holds what is remembered in memory until `release`: for a load, when most is asked for. */
  readonly recall: () => Promise<void>;
  /** Remembers what was judged good without this judge. */
  readonly remember: (file: PublishableFile) => void;
  /** After a load of `all` files also shortens the file where most of it was of no use. */
  readonly release: (load: 'all' | 'some') => Promise<void>;
  /**
   * For a store that came about without recalling: writes the file anew where it has become far
   * longer than the store needs. Never rejects.
   */
  readonly condense: (store: SignatureStore) => Promise<void>;
}

/** Lines of no use that a file may have at least. */
const SLACK = 1000;
/** What the file may have without being looked into: three times as much as lines usually take. */
const BYTES_PER_SIGNATURE = 1024;
const SLACK_BYTES = SLACK * BYTES_PER_SIGNATURE;

/** Puts a memory before a judge; `policy` is the judge's, and `lines` are of it. */
export function createRememberingJudge(
  judge: Judge,
  policy: Policy,
  lines: VerdictLines,
  file: VerdictFile,
): Judge & Memory {
  let index: VerdictIndex | undefined;
  let used: number[] = [];

  const find = (location: Location, bytes: Uint8Array, now: Date): Signature | undefined => {
    if (!index || index.size === 0) return undefined;
    for (const line of index.find(hash('sha256', bytes, 'base64url'))) {
      const verdict = lines.parse(index.text(line) ?? '', location);
      if (!verdict || now.getTime() < verdict.validFrom) continue;
      if (verdict.validUntil <= now.getTime()) continue;
      used.push(line);
      return { ...verdict, bytes };
    }
    return undefined;
  };

  const linesOf = function* (files: Iterable<CheckedFile>): Generator<string> {
    for (const one of files) {
      if (one.kind !== 'publishable' || !isLasting(one.signature, policy)) continue;
      yield lines.format(one.directory, one.signature);
    }
  };

  return {
    judge: async (location, bytes, now, effort) => {
      const remembered = find(location, bytes, now);
      if (remembered) return remembered;
      const verdict = await judge.judge(location, bytes, now, effort);
      if (!isRejection(verdict) && isLasting(verdict, policy)) {
        file.add(lines.format(location.directory, verdict));
      }
      return verdict;
    },
    suggest: judge.suggest,
    ...(judge.paths && { paths: judge.paths }),
    recall: async () => {
      index = await file.read();
      used = [];
    },
    remember: ({ directory, signature }) => {
      if (isLasting(signature, policy)) file.add(lines.format(directory, signature));
    },
    release: async (load) => {
      if (load === 'all' && index && index.size > 2 * used.length + SLACK) {
        await file.keep(index, used);
      }
      index = undefined;
      used = [];
    },
    condense: async (store) => {
      if (file.size() <= SLACK_BYTES + BYTES_PER_SIGNATURE * store.signatures) return;
      await file.replace(linesOf(store.freeze()));
    },
  };
}
