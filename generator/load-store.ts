import { checkEntries } from './check-entries.ts';
import type { CheckedFile } from './checked-file.ts';
import type { Judge } from './judge.ts';
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
  const store = new SignatureStore();
  let batch: CheckedFile[] = [];
  for await (const file of checkEntries(snapshot, snapshot.entries(), judge, now)) {
    batch.push(file);
    onChecked();
    if (batch.length < BATCH) continue;
    store.prepare(batch).apply();
    batch = [];
  }
  store.prepare(batch).apply();
  return store;
}
