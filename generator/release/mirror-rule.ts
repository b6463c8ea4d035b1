// What oc-mirror v2 makes of a release's first signature (openshift/oc-mirror, internal/pkg/release, signature.go):
// it looks at no other, stops at whatever it does not take, and copies the image that the signature names. It asks
// for the verdict on the signature before it has read the payload, so that any signature by a known key will do.
import { type Rejection, isRejection, reject } from '../terms/rejection.ts';
import { GoFault, catchFault } from './go-openpgp/go-fault.ts';
import { readGoMessage } from './go-openpgp/go-message.ts';
import { isMirrorable } from './release-order.ts';
import type { ReleaseKeyring } from './release-keyring.ts';
import { parseIdentity } from './release-payload.ts';

/** What oc-mirror goes on with. */
export interface MirroredImage {
  /** The image that it copies: the signed identity. */
  readonly identity: string;
}

/** Judges the bytes of signature-1 with the file of `OCP_SIGNATURE_VERIFICATION_PK`. */
export function judgeForMirror(
  bytes: Uint8Array,
  keyring: ReleaseKeyring,
): MirroredImage | Rejection {
  if (!keyring.isArmored) {
    return reject(
      'unknown-signer',
      'oc-mirror loads armored keyrings only, and this one is binary',
      {
        hint: 'Export the keys with `gpg --export --armor`.',
      },
    );
  }
  const message = catchFault(() => readGoMessage(bytes, keyring.entities));
  if (message instanceof GoFault) {
    return reject('malformed', `oc-mirror cannot read the message: ${message.message}`);
  }
  if (!message.isSigned) return reject('not-signed', 'expected a signed message');
  if (!message.signer) {
    const key = (message.keyId ?? '').toUpperCase();
    return reject('unknown-signer', `expected a signature by a known key, got one by ${key}`);
  }
  const identity = parseIdentity(message.untrustedPayload);
  if (isRejection(identity)) return identity;
  if (!message.signature) return reject('malformed', 'expected a signature behind the payload');
  if (!isMirrorable(identity.identity)) {
    const got = JSON.stringify(identity.identity);
    return reject('invalid-identity', `expected an image with a tag or digest to copy, got ${got}`);
  }
  return identity;
}
