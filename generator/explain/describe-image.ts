import type { Signature } from '../gate/judge.ts';
import type { SignatureStore } from '../store/store.ts';
import { formatTime } from '../terms/text.ts';
import { parseDirectory } from '../terms/location.ts';
import type { SignedImage } from './reason.ts';

/** An image by the newest of its signatures; undefined where a directory has none. */
export function describeImage(store: SignatureStore, directory: string): SignedImage | undefined {
  const place = parseDirectory(directory);
  const newest = findNewest(store.signaturesIn(directory));
  if (!place || !newest) return undefined;
  return {
    repository: place.repository,
    digest: `sha256:${place.digestHex}`,
    identity: newest.claims.dockerReference,
    signer: newest.signer?.primaryFingerprint ?? null,
    signedAt: formatTime(newest.signedAt),
  };
}

function findNewest(signatures: readonly Signature[]): Signature | undefined {
  let newest = signatures[0];
  for (const signature of signatures) {
    if (newest && signature.signedAt > newest.signedAt) newest = signature;
  }
  return newest;
}
