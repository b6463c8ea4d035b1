import assert from 'node:assert/strict';
import { findWeakness, nameAlgorithms } from '../../../generator/openpgp/algorithms.ts';

describe('generator: OpenPGP algorithms', () => {
  for (const [publicKey, hash, bits, names, weakness] of [
    [1, 8, 3072, 'RSA, SHA-256', undefined],
    [3, 10, 2048, 'RSA, SHA-512', undefined],
    [1, 9, 2047, 'RSA, SHA-384', 'RSA-2047'],
    [1, 8, 1024, 'RSA, SHA-256', 'RSA-1024'],
    [1, 11, undefined, 'RSA, SHA-224', undefined],
    [1, 1, 4096, 'RSA, MD5', 'MD5'],
    [1, 2, 4096, 'RSA, SHA-1', 'SHA-1'],
    [22, 3, undefined, 'EdDSA, RIPEMD-160', 'RIPEMD-160'],
    [17, 8, 3072, 'DSA, SHA-256', 'DSA'],
    [19, 8, undefined, 'ECDSA, SHA-256', undefined],
    [27, 12, undefined, 'Ed25519, SHA3-256', undefined],
    [28, 14, undefined, 'Ed448, SHA3-512', undefined],
    [99, 77, undefined, 'algorithm 99, hash 77', undefined],
  ] as const) {
    it(`says of ${publicKey} and ${hash} with ${bits ?? 'unknown'} bits: ${names}`, () => {
      const algorithms = nameAlgorithms(publicKey, hash, bits);
      assert.equal(`${algorithms.publicKey}, ${algorithms.hash}`, names);
      assert.equal(algorithms.bits, bits);
      assert.equal(findWeakness(algorithms), weakness);
    });
  }
});
