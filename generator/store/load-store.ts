import { setImmediate } from 'node:timers/promises';
import { checkEntries } from '../gate/check-entries.ts';
import type { CheckedFile } from '../gate/checked-file.ts';
import type { Judge } from '../gate/judge.ts';
import type { Effort } from '../openpgp/open-message.ts';
import type { Pass } from '../sources/source.ts';
import { type ListsIgnored, SignatureStore } from './store.ts';

/** Files taken into a store at once, at least. */
const BATCH = 256;

export interface LoadOptions {
  /** Any where it is left out. */
  readonly effort?: Effort;
  /** None where it is left out. */
  readonly listsIgnored?: ListsIgnored;
}

/** Checks every file of a snapshot as of `now`, and builds the store. `onChecked` counts along. */
export async function loadStore(
  snapshot: Pass,
  judge: Judge,
  now: Date,
  onChecked: () => void = () => undefined,
  { effort, listsIgnored = false }: LoadOptions = {},
): Promise<SignatureStore> {
  const store = new SignatureStore(listsIgnored);
  await fillStore(store, checkEntries(snapshot, snapshot.entries(), judge, now, effort), onChecked);
  return store;
}

/** Takes files into a store that nobody looks into yet. */
export async function fillStore(
  store: SignatureStore,
  files: AsyncIterable<CheckedFile>,
  onChecked: () => void,
): Promise<void> {
  let batch: CheckedFile[] = [];
  let directory: string | undefined;
  for await (const file of files) {
    onChecked();
    // A directory is numbered as a whole, and sources give the files of one behind each other.
    if (batch.length >= BATCH && file.directory !== directory) {
      store.prepare(batch).apply();
      batch = [];
      // A source that never waits would keep everything else waiting.
      await setImmediate();
    }
    ({ directory } = file);
    batch.push(file);
  }
  store.prepare(batch).apply();
}
