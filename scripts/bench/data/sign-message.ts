// OpenPGP messages in the form that skopeo gets from GnuPG: a compressed packet of indeterminate
// length around one-pass packet, literal data and signature (RFC 9580, section 5). The RSA
// operation runs in Node's thread pool, so that all cores sign.
import { createHash, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { formatInteger } from '../../../test/fuzz/integer.ts';
import { TAG, formatPackets } from '../../../test/fuzz/packet.ts';
import { formatHashedPart, formatSignature } from '../../../test/fuzz/signature-packet.ts';
import { formatSeconds, formatSubpackets } from '../../../test/fuzz/subpacket.ts';
import type { BenchKey } from './signing-key.ts';

/** A signed message, and what an RSA library needs to verify it by itself. */
export interface SignedMessage {
  readonly message: Buffer;
  /** The octets that were hashed and signed. */
  readonly signedBytes: Buffer;
  /** The bare RSA signature of {@link HASH}, PKCS #1 v1.5. */
  readonly rsa: Buffer;
}

export const HASH = 'sha512';
const SHA512 = 10;
const RSA = 1;
const BINARY = 0;
const ZIP = 1;
const ISSUER = 16;
const ISSUER_FINGERPRINT = 33;
const CREATED = 2;
const VERSION_4 = 4;
const signAsync = promisify(sign);

let turn = 0;

/** Signs a payload as of `created`, in seconds since 1970. */
export async function signMessage(
  key: BenchKey,
  payload: Buffer,
  created: number,
): Promise<SignedMessage> {
  const secret = key.secrets[turn++ % key.secrets.length];
  if (!secret) throw new Error('the key has no secret');
  const { keyId, fingerprint } = key.public;
  const fields = {
    version: VERSION_4,
    type: BINARY,
    publicKeyAlgorithm: RSA,
    hashAlgorithm: SHA512,
    hashed: formatSubpackets([
      { type: ISSUER_FINGERPRINT, data: Buffer.concat([Buffer.from([VERSION_4]), fingerprint]) },
      { type: CREATED, data: formatSeconds(created) },
    ]),
  };
  const part = formatHashedPart(fields);
  const trailer = Buffer.concat([Buffer.from([VERSION_4, 0xff]), formatSeconds(part.length)]);
  const signedBytes = Buffer.concat([payload, part, trailer]);
  const rsa = await signAsync(HASH, signedBytes, secret);
  const signature = formatSignature({
    ...fields,
    unhashed: formatSubpackets([{ type: ISSUER, data: keyId }]),
    digestStart: createHash(HASH).update(signedBytes).digest().subarray(0, 2),
    integers: formatInteger(rsa),
  });
  const onePass = Buffer.concat([Buffer.from([3, BINARY, SHA512, RSA]), keyId, Buffer.from([1])]);
  const header = Buffer.concat([Buffer.from('b\0'), formatSeconds(created)]);
  const packets = formatPackets([
    { tag: TAG.onePass, framing: 'old-1', body: onePass },
    { tag: TAG.literal, framing: 'new-2', body: Buffer.concat([header, payload]) },
    { tag: TAG.signature, framing: 'old-2', body: signature },
  ]);
  const body = Buffer.concat([Buffer.from([ZIP]), deflateRawSync(packets)]);
  const message = formatPackets([{ tag: TAG.compressed, framing: 'old-indeterminate', body }]);
  return { message, signedBytes, rsa };
}
