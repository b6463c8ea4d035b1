// Signatures whose time has come are judged again, without a pause that lookups would feel.
import { setImmediate } from 'node:timers/promises';
import { pMapIterable } from 'p-map';
import type { CheckedFile, PublishableFile } from '../generator/checked-file.ts';
import type { Judge } from '../generator/judge.ts';
import { parseLocation } from '../generator/location.ts';
import { isRejection } from '../generator/rejection.ts';
import { toBlobEntry } from '../generator/sources/blob-entry.ts';
import type { SignatureStore } from '../generator/store.ts';

/** Files that are judged again at once, and those that are looked at between two pauses. */
const CONCURRENCY = 32;
const LOOKED_AT_ONCE = 5000;

/** The files whose verdict has changed since they, or their keys, have expired. */
export async function judgeExpired(
  store: SignatureStore,
  judge: Judge,
  now: Date,
): Promise<readonly CheckedFile[]> {
  const judgeAgain = async (file: PublishableFile): Promise<readonly CheckedFile[]> => {
    const { path, directory, number, signature } = file;
    const location = parseLocation(path);
    if (!location) return [];
    const again = await judge.judge(location, signature.bytes, now);
    if (!isRejection(again)) {
      return [{ kind: 'publishable', path, directory, number, signature: again }];
    }
    // No verdict is no reason to take away what was good; it is asked for again the next time.
    if (again.code === 'cannot-verify') return [];
    const entry = toBlobEntry(path, signature.bytes);
    return [{ kind: 'rejected', path, directory, entry, rejection: again }];
  };
  const judged: CheckedFile[] = [];
  const again = pMapIterable(findExpired(store, now), judgeAgain, { concurrency: CONCURRENCY });
  for await (const files of again) judged.push(...files);
  return judged;
}

/** With pauses: a pass over a large store would keep lookups waiting. */
async function* findExpired(store: SignatureStore, now: Date): AsyncGenerator<PublishableFile> {
  let looked = 0;
  for (const file of store.expired(now)) {
    if (++looked % LOOKED_AT_ONCE === 0) await setImmediate();
    if (file) yield file;
  }
}
