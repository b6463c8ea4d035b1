// What kind of key a key is, for people and for those who compare it with what clients take.
import { ALGORITHM, type KeyPart } from '../import/key-part.ts';
import { bitsOf, readMpi } from '../import/mpi.ts';

/** The algorithm of a primary key or subkey. */
export interface KeyAlgorithm {
  readonly family: 'RSA' | 'DSA' | 'ECDSA' | 'EdDSA' | 'other';
  /** Of RSA and DSA keys. */
  readonly bits: number | undefined;
  /** Of the others, where it has a name: `NIST P-256`, `Ed25519`, … */
  readonly curve: string | undefined;
  /** `RSA-3072`, `Ed25519`, … */
  readonly label: string;
}

/** By the object identifier, in hexadecimal digits (RFC 9580, section 9.2). */
const CURVES: Readonly<Record<string, string>> = {
  '2a8648ce3d030107': 'NIST P-256',
  '2b81040022': 'NIST P-384',
  '2b81040023': 'NIST P-521',
  '2b2403030208010107': 'brainpoolP256r1',
  '2b240303020801010b': 'brainpoolP384r1',
  '2b240303020801010d': 'brainpoolP512r1',
  '2b8104000a': 'secp256k1',
  '2b06010401da470f01': 'Ed25519',
};
const FAMILIES: ReadonlyMap<number, KeyAlgorithm['family']> = new Map([
  [ALGORITHM.rsa, 'RSA'],
  [ALGORITHM.rsaEncrypt, 'RSA'],
  [ALGORITHM.rsaSign, 'RSA'],
  [ALGORITHM.dsa, 'DSA'],
  [ALGORITHM.ecdsa, 'ECDSA'],
  [ALGORITHM.eddsa, 'EdDSA'],
]);
/** In the body of a key packet of version 4: version, creation time, algorithm. */
const PARAMETERS_AT = 6;

/** The algorithm of a key, by its packet. */
export function readKeyAlgorithm({
  algorithm,
  body,
}: Pick<KeyPart, 'algorithm' | 'body'>): KeyAlgorithm {
  const family = FAMILIES.get(algorithm) ?? 'other';
  switch (family) {
    case 'RSA':
    case 'DSA': {
      const bits = bitsOf(readMpi(body, PARAMETERS_AT)?.value ?? new Uint8Array());
      return { family, bits, curve: undefined, label: `${family}-${bits}` };
    }
    case 'ECDSA':
    case 'EdDSA': {
      const size = body[PARAMETERS_AT] ?? 0;
      const identifier = body.subarray(PARAMETERS_AT + 1, PARAMETERS_AT + 1 + size);
      const curve = CURVES[Buffer.from(identifier).toString('hex')];
      const label = family === 'EdDSA' && curve !== undefined ? curve : `${family} ${curve ?? ''}`;
      return { family, bits: undefined, curve, label: label.trim() };
    }
    case 'other':
      return { family, bits: undefined, curve: undefined, label: `algorithm ${algorithm}` };
  }
}
