import { formatClaims } from '../../../test/kit/signer/claims.ts';
import type { Image } from './images.ts';
import { type SignedMessage, signMessage } from './sign-message.ts';
import type { BenchKey } from './signing-key.ts';

/** Signs an image as `skopeo copy --sign-by` does, as of now. */
export async function signImage(
  key: BenchKey,
  image: Pick<Image, 'dockerReference' | 'digest'>,
): Promise<SignedMessage> {
  const created = Math.max(key.created, Math.floor(Date.now() / 1000));
  const { dockerReference, digest } = image;
  const claims = { dockerReference, manifestDigest: digest, timestamp: created };
  return signMessage(key, Buffer.from(formatClaims(claims)), created);
}
