import type { Sight } from '../../../generator/explain/rejected-for.ts';
import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import { SignatureStore } from '../../../generator/store/store.ts';

/** A store of these files. */
export function storeOf(...files: readonly CheckedFile[]): SignatureStore {
  const store = new SignatureStore();
  store.prepare(files).apply();
  return store;
}

/** What a store alone shows. */
export function sightOf(store: SignatureStore): Sight {
  return { store, rejectedOf: (hex) => store.rejectedOf(hex) };
}
