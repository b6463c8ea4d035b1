import { setImmediate } from 'node:timers/promises';
import { checkEntries } from './check-entries.ts';
import type { CheckedFile } from './checked-file.ts';
import type { Judge } from './judge.ts';
import { parseLocation } from './location.ts';
import type { Snapshot } from './sources/source.ts';
import { SignatureStore } from './store.ts';

/** Files taken into a store at once: enough to make the step cheap, few enough to stay short. */
const BATCH = 1000;

/** Checks every file of a snapshot as of `now` and builds the store. `onChecked` counts along. */
export async function loadStore(
  snapshot: Snapshot,
  judge: Judge,
  now: Date,
  onChecked: () => void = () => undefined,
): Promise<SignatureStore> {
  // A directory is numbered as a whole, so its files go into the store together.
  const byDirectory = new Map<string | undefined, CheckedFile[]>();
  for await (const file of checkEntries(snapshot, snapshot.entries(), judge, now)) {
    const directory = parseLocation(file.path)?.directory;
    const files = byDirectory.get(directory);
    if (files) files.push(file);
    else byDirectory.set(directory, [file]);
    onChecked();
  }
  const store = new SignatureStore();
  let batch: CheckedFile[] = [];
  for (const files of byDirectory.values()) {
    batch = batch.concat(files);
    if (batch.length < BATCH) continue;
    store.prepare(batch).apply();
    batch = [];
    await setImmediate();
  }
  store.prepare(batch).apply();
  return store;
}
