import assert from 'node:assert/strict';
import { type KeyObject, createPublicKey } from 'node:crypto';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { type SigningKey, verifyPlain } from '../../../generator/openpgp/signing-key.ts';
import { readPackets } from '../../../generator/openpgp/packets/packets.ts';
import {
  type PlainMessage,
  readPlainMessage,
} from '../../../generator/openpgp/packets/plain-message.ts';
import type { SignaturePacket } from '../../../generator/openpgp/packets/signature-packet.ts';
import {
  type RsaKey,
  isSignedByRsa,
  readRsaKey,
  packTasks,
  unpackTasks,
} from '../../../generator/openpgp/rsa.ts';
import { MAX_BLOB_BYTES } from '../../../generator/openpgp/signature-file.ts';
import { type ForgedKey, forgeKey } from '../../fuzz/forged-key.ts';
import { formatInteger } from '../../fuzz/integer.ts';
import { readVector } from '../../kit/samples/samples.ts';
import { forgeMessage, forgeSigner } from '../../kit/samples/forged.ts';
import * as fc from 'fast-check';
import { generateRsa } from '../../kit/signer/generate-key.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const CREATED = Date.UTC(2023, 0, 15) / 1000;
const MAY_SIGN = 2;
const INTEGERS_AT = 6;
const HASHES = { 8: 'SHA-256', 9: 'SHA-384', 10: 'SHA-512', 11: 'SHA-224' } as const;
const BITS = [2048, 3072, 4096] as const;

const read = (bytes: Uint8Array): PlainMessage => {
  const message = readPlainMessage(bytes, MAX_BLOB_BYTES);
  return message ?? assert.fail('it is not plain');
};
const bodyOf = ({ publicKey }: Pick<ForgedKey, 'publicKey'>): Buffer => {
  const [primary] = readPackets(publicKey, 1);
  return Buffer.from(primary?.body ?? assert.fail());
};
const keyOf = (key: ForgedKey): RsaKey => readRsaKey(bodyOf(key)) ?? assert.fail();
const makeSecret = (modulusLength: number): KeyObject => generateRsa(modulusLength);
const forge = (secret: KeyObject): ForgedKey =>
  forgeKey(secret, { name: 'forged', created: CREATED, flags: MAY_SIGN });

const withSignature = (message: PlainMessage, parts: Partial<SignaturePacket>): PlainMessage => ({
  ...message,
  signature: { ...message.signature, ...parts },
});
const flipped = (bytes: Uint8Array, at: number, mask: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
};
/** The number of a signature, without its bit count. */
const digitsOf = ({ signature }: PlainMessage) => Buffer.from(signature.integers.subarray(2));
/** As it lies in a packet, with the bit count of all its bytes, zeros in front included. */
const padded = (digits: Buffer): Buffer => {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(8 * digits.length);
  return Buffer.concat([count, digits]);
};
const numberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const modulusOf = ({ object }: RsaKey) =>
  numberOf(Buffer.from(object.export({ format: 'jwk' }).n ?? '', 'base64url'));

describe('generator: OpenPGP: RSA', () => {
  const forged = forgeSigner();
  const key = keyOf(forged);
  const good = read(forgeMessage(forged));

  describe('says yes', () => {
    for (const bits of BITS) {
      it(`to keys of ${bits} bits, with every hash`, () => {
        const sized = forge(makeSecret(bits));
        assert.equal(keyOf(sized).bytes, bits / 8);
        for (const hash of Object.keys(HASHES).map(Number)) {
          const message = read(forgeMessage(sized, { spec: { hash } }));
          assert.equal(isSignedByRsa(message, keyOf(sized)), true, `hash ${hash}`);
        }
      });
    }

    for (const [name, keys] of [
      ['lab/openpgp/good-uncompressed.sig', 'lab/keys/lab.gpg'],
      ['lab/openpgp/good-compressed-zip.sig', 'lab/keys/lab.gpg'],
      ['lab/openpgp/oldstyle-signature-then-literal.sig', 'lab/keys/lab.gpg'],
      ['lab/openpgp/digest-sha224.sig', 'lab/keys/lab.gpg'],
      ['lab/openpgp/digest-sha384.sig', 'lab/keys/lab.gpg'],
      ['lab/openpgp/key-rsa1024.sig', 'lab/keys/rsa1024.gpg'],
      ['lab/openpgp/signing-subkey.sig', 'lab/keys/with-subkey.gpg'],
      ['containers-image/image.signature', 'containers-image/public-key.gpg'],
    ] as const) {
      it(`to ${name}`, async () => {
        const message = read(await readVector(name));
        const keyring = await readKeyring([{ path: keys, bytes: await readVector(keys) }]);
        const [found] = keyring.find(message.signature.keyId ?? '');
        assert(found?.rsa);
        assert.equal(isSignedByRsa(message, found.rsa), true);
        const other = { ...message, untrustedPayload: Buffer.from('other') };
        assert.equal(isSignedByRsa(other, found.rsa), false);
      });
    }

    it('to any payload: none, and a long one', () => {
      for (const payload of [Buffer.alloc(0), Buffer.alloc(150, 0xff)]) {
        assert.equal(isSignedByRsa(read(forgeMessage(forged, { payload })), key), true);
      }
    });

    it('to a number that is shorter than the modulus', () => {
      const message = shortNumber(forged, key);
      assert(digitsOf(message).length < key.bytes);
      assert.equal(isSignedByRsa(message, key), true);
      const zeros = Buffer.alloc(key.bytes - digitsOf(message).length);
      const whole = padded(Buffer.concat([zeros, digitsOf(message)]));
      assert.equal(isSignedByRsa(withSignature(message, { integers: whole }), key), true);
    });

    it('to both numbers of the algorithm', () => {
      assert.equal(isSignedByRsa(withSignature(good, { publicKeyAlgorithm: 3 }), key), true);
      assert(readRsaKey(bodyOf(forged).with(INTEGERS_AT - 1, 3)));
    });
  });

  describe('says no', () => {
    const { signature } = good;
    const table: Readonly<Record<string, () => PlainMessage>> = {
      'no number': () => withSignature(good, { integers: new Uint8Array() }),
      'the number 0': () => withSignature(good, { integers: formatInteger(Buffer.alloc(1)) }),
      'a number of zeros': () => withSignature(good, { integers: padded(Buffer.alloc(key.bytes)) }),
      'a number of ones': () =>
        withSignature(good, { integers: padded(Buffer.alloc(key.bytes, 0xff)) }),
      'the number 1': () => withSignature(good, { integers: formatInteger(Buffer.from([1])) }),
      'two numbers': () =>
        withSignature(good, { integers: Buffer.concat([signature.integers, signature.integers]) }),
      'a number and an empty one': () =>
        withSignature(good, { integers: Buffer.concat([signature.integers, Buffer.alloc(2)]) }),
      'a number and a byte': () =>
        withSignature(good, { integers: Buffer.concat([signature.integers, Buffer.alloc(1)]) }),
      'a number that is cut short': () =>
        withSignature(good, { integers: signature.integers.subarray(0, -1) }),
      'a number that lacks its last byte': () =>
        withSignature(good, { integers: padded(digitsOf(good).subarray(0, -1)) }),
      'a zero in front of a whole number': () => {
        const zeros = Buffer.alloc(key.bytes + 1 - digitsOf(good).length);
        return withSignature(good, { integers: padded(Buffer.concat([zeros, digitsOf(good)])) });
      },
      'the number and the modulus': () => {
        const message = shortNumber(forged, key);
        const sum = numberOf(digitsOf(message)) + modulusOf(key);
        const digits = Buffer.from(sum.toString(16).padStart(2 * key.bytes, '0'), 'hex');
        return withSignature(message, { integers: formatInteger(digits) });
      },
      'the modulus less the number': () => {
        const rest = modulusOf(key) - numberOf(digitsOf(good));
        const digits = Buffer.from(rest.toString(16).padStart(2 * key.bytes, '0'), 'hex');
        return withSignature(good, { integers: formatInteger(digits) });
      },
      'no start of the hash': () => withSignature(good, { digestStart: new Uint8Array() }),
      'half a start of the hash': () =>
        withSignature(good, { digestStart: signature.digestStart.subarray(0, 1) }),
      'another hash by name': () => withSignature(good, { hashAlgorithm: 10 }),
      'an unknown hash': () => withSignature(good, { hashAlgorithm: 0 }),
      'DSA by name': () => withSignature(good, { publicKeyAlgorithm: 17 }),
      'encryption alone by name': () => withSignature(good, { publicKeyAlgorithm: 2 }),
      'a good signature with SHA-1': () => read(forgeMessage(forged, { spec: { hash: 2 } })),
      'a good signature with RIPEMD-160': () => read(forgeMessage(forged, { spec: { hash: 3 } })),
      'a good signature of version 3': () => read(forgeMessage(forged, { spec: { version: 3 } })),
      'the signature of another payload': () => {
        const other = read(forgeMessage(forged, { payload: Buffer.from('other') }));
        return { ...good, signature: other.signature };
      },
    };
    for (const [what, make] of Object.entries(table)) {
      it(`to ${what}`, () => assert.equal(isSignedByRsa(make(), key), false));
    }

    for (const bits of BITS) {
      it(`to another key of ${bits} bits`, () => {
        assert.equal(isSignedByRsa(good, keyOf(forge(makeSecret(bits)))), false);
      });
    }

    for (const [what, change] of [
      [
        'payload',
        (mask: number, at: number) => ({
          ...good,
          untrustedPayload: flipped(good.untrustedPayload, at, mask),
        }),
      ],
      [
        'fields',
        (mask: number, at: number) =>
          withSignature(good, { signedFields: flipped(signature.signedFields, at, mask) }),
      ],
      [
        'start of the hash',
        (mask: number, at: number) =>
          withSignature(good, { digestStart: flipped(signature.digestStart, at, mask) }),
      ],
      [
        'number',
        (mask: number, at: number) =>
          withSignature(good, { integers: flipped(signature.integers, at + 2, mask) }),
      ],
    ] as const) {
      it(`to every bit that is changed in the ${what}`, () => {
        const sizes = {
          payload: good.untrustedPayload.length,
          fields: signature.signedFields.length,
          'start of the hash': 2,
          number: digitsOf(good).length,
        };
        for (let at = 0; at < sizes[what]; at++) {
          for (let bit = 0; bit < 8; bit++) {
            assert.equal(isSignedByRsa(change(1 << bit, at), key), false, `bit ${bit} of ${at}`);
          }
        }
      });
    }

    it('to every length that is cut off or added', () => {
      for (let length = 0; length < good.untrustedPayload.length; length++) {
        const untrustedPayload = good.untrustedPayload.subarray(0, length);
        assert.equal(isSignedByRsa({ ...good, untrustedPayload }, key), false);
      }
      for (let length = 0; length < signature.integers.length; length++) {
        const integers = signature.integers.subarray(0, length);
        assert.equal(isSignedByRsa(withSignature(good, { integers }), key), false);
      }
    });
  });

  it('says of a message with a byte changed what OpenPGP.js says', async () => {
    const bytes = forgeMessage(forged);
    const { find } = await readKeyring([{ path: 'key', bytes: forged.publicKey }]);
    const [signer] = find(forged.keyId.toString('hex'));
    assert(signer?.rsa && signer.isPlain);
    const withoutRsa: SigningKey = { ...signer, rsa: undefined };
    assert.equal(await verifyPlain(good, signer, NOW, isSignedByRsa), undefined);
    let [yes, no] = [0, 0];
    for (let at = 0; at < bytes.length; at++) {
      const message = readPlainMessage(flipped(bytes, at, 1 << (at % 8)), MAX_BLOB_BYTES);
      if (!message) continue;
      const isGood = (await verifyPlain(message, signer, NOW, isSignedByRsa)) === undefined;
      // What only OpenPGP.js refuses is beside the signature, and looked at before.
      if (isGood && message.signature.hasPlainFields) {
        assert.equal(
          await verifyPlain(message, withoutRsa, NOW, isSignedByRsa),
          undefined,
          `byte ${at}`,
        );
        assert.deepEqual(message.untrustedPayload, good.untrustedPayload);
        assert.deepEqual(message.signature.signedFields, good.signature.signedFields);
      }
      if (!isGood) {
        const refusal = await verifyPlain(message, withoutRsa, NOW, isSignedByRsa);
        assert.notEqual(refusal, undefined, `byte ${at}`);
      }
      if (isGood) yes++;
      else no++;
    }
    assert(no > 200 && yes > 0, `${no} times no, ${yes} times yes`);
  });

  describe('reads from a packet', () => {
    const body = bodyOf(forged);
    const { n = '', e = '' } = createPublicKey(
      key.object.export({ format: 'pem', type: 'spki' }),
    ).export({ format: 'jwk' });
    const [modulus, exponent] = [Buffer.from(n, 'base64url'), Buffer.from(e, 'base64url')];
    const start = body.subarray(0, INTEGERS_AT);
    const bodyWith = (...integers: readonly Buffer[]) => Buffer.concat([start, ...integers]);

    it('the key that it was made of', () => {
      const again = bodyWith(formatInteger(modulus), formatInteger(exponent));
      assert.deepEqual(again, body);
      assert.equal(key.bytes, modulus.length);
    });

    const table: Readonly<Record<string, () => Uint8Array>> = {
      'an empty one': () => Buffer.alloc(0),
      'one of a key to encrypt': () => body.with(INTEGERS_AT - 1, 2),
      'one of a DSA key': () => body.with(INTEGERS_AT - 1, 17),
      'one of an EdDSA key': () => body.with(INTEGERS_AT - 1, 22),
      'one without numbers': () => start,
      'one without exponent': () => bodyWith(formatInteger(modulus)),
      'one with a third number': () =>
        bodyWith(formatInteger(modulus), formatInteger(exponent), formatInteger(exponent)),
      'one with an empty third number': () => Buffer.concat([body, Buffer.alloc(2)]),
      'one with a byte more': () => Buffer.concat([body, Buffer.alloc(1)]),
      'a modulus that says that it is longer': () => flipped(body, INTEGERS_AT, 0x10),
      'a modulus that says that it is shorter': () => flipped(body, INTEGERS_AT, 0x08),
    };
    for (const [what, make] of Object.entries(table)) {
      it(`nothing: ${what}`, () => assert.equal(readRsaKey(make()), undefined));
    }

    it('nothing that is cut short, anywhere', () => {
      for (let length = 0; length < body.length; length++) {
        assert.equal(readRsaKey(body.subarray(0, length)), undefined, `${length}`);
      }
    });

    it('no key that the signature is by, when a bit of its numbers is changed', () => {
      for (let at = INTEGERS_AT; at < body.length; at++) {
        const changed = readRsaKey(flipped(body, at, 1 << (at % 8)));
        const isSame = changed?.object.equals(key.object) === true;
        if (changed && !isSame) assert.equal(isSignedByRsa(good, changed), false, `byte ${at}`);
      }
    });

    it('no key that any signature is by, of numbers that are none', () => {
      const odd = [Buffer.alloc(0), Buffer.alloc(1), Buffer.from([1]), Buffer.from([2])];
      for (const part of odd) {
        for (const numbers of [
          [padded(part), formatInteger(exponent)],
          [formatInteger(modulus), padded(part)],
          [padded(part), padded(part)],
        ]) {
          const odder = readRsaKey(bodyWith(...numbers));
          for (const digits of [digitsOf(good), ...odd]) {
            const message = withSignature(good, { integers: padded(digits) });
            assert.equal(odder !== undefined && isSignedByRsa(message, odder), false);
          }
        }
      }
    });

    it('nothing from keys of other kinds', async () => {
      for (const name of ['dsa2048', 'ecdsa-p256', 'ed25519']) {
        const publicKey = await readVector(`lab/keys/${name}.gpg`);
        assert.equal(readRsaKey(bodyOf({ publicKey })), undefined, name);
      }
    });
  });
});

/** A message whose number begins with a zero byte or more: one of 256 does. */
function shortNumber(forged: ForgedKey, key: RsaKey): PlainMessage {
  for (let attempt = 0; attempt < 20_000; attempt++) {
    const message = read(forgeMessage(forged, { payload: Buffer.from(`payload ${attempt}`) }));
    if (digitsOf(message).length < key.bytes) return message;
  }
  return assert.fail('no number is short');
}

const KEYS = [1024, 1536].map((modulusLength) => createPublicKey(generateRsa(modulusLength)));

describe('generator: OpenPGP: RSA tasks on their way to a thread', () => {
  it('come out as they went in', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const task = fc.record(
      {
        key: fc.constantFrom(...KEYS),
        hashName: fc.constantFrom('sha256', 'sha512'),
        signed: bytes,
        digestStart: bytes,
        signature: bytes,
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(task), (tasks) => {
        assert.deepEqual(unpackTasks(structuredClone(packTasks(tasks))), tasks);
      }),
    );
  });
});
