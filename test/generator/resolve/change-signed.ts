import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import type { SignatureStore } from '../../../generator/store/store.ts';
import { type Signed, filesOf } from './resolve-world.ts';

/** Brings a store that has some signatures to others, as a refresh does. */
export function changeSigned(
  store: Pick<SignatureStore, 'signaturesIn'>,
  before: readonly Signed[],
  after: readonly Signed[],
): void {
  const wanted = new Map(filesOf(after).map((file) => [file.path, file]));
  const gone = filesOf(before)
    .filter(({ path }) => !wanted.has(path))
    .map(({ path, directory }): CheckedFile => ({ kind: 'removed', path, directory }));
  (store as SignatureStore).prepare([...gone, ...wanted.values()]).apply();
}
