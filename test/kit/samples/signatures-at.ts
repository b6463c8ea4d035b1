import type { SignatureStore } from '../../../generator/store/store.ts';

type Found = NonNullable<ReturnType<SignatureStore['find']>>;

/** The signatures of a directory as a pull finds them, from 1 on; undefined if it finds none. */
export function signaturesAt(
  store: SignatureStore | undefined,
  directory: string,
): readonly Found[] | undefined {
  const signatures: Found[] = [];
  for (let next = store?.find(directory, 1); next;) {
    signatures.push(next);
    next = store?.find(directory, signatures.length + 1);
  }
  return signatures.length > 0 ? signatures : undefined;
}
