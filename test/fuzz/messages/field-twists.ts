// Every other field of a message at its edges: those of the signature, its numbers, the one-pass and
// literal packets, framing, compression and order.
import { COMPRESSION } from '../compression.ts';
import { formatInteger } from '../integer.ts';
import { FRAMINGS, formatPackets } from '../packet.ts';
import type { Random } from '../random.ts';
import { type SignatureFields, formatHashedPart } from '../signature-packet.ts';
import { makeStrayPacket } from '../stray-packet.ts';
import { formatSeconds } from '../subpacket.ts';
import type { Draft, FieldChange, Layer, MessagePart } from './draft.ts';
import { RSA_FORMS, signRsaForm } from './rsa-forms.ts';
import type { Twist, Twisted } from './twist.ts';

const RSA = 1;
const PARTS: readonly MessagePart[] = ['onePass', 'literal', 'signature'];
/** Order of the group of Ed25519: added to s, it changes nothing where it is not looked for. */
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

export const FIELD_TWISTS: readonly Twist[] = [
  (random, draft) => {
    const algorithm = random.pick([0, 1, 2, 3, 16, 17, 18, 19, 20, 22, 25, 27, 28, 100, 255]);
    return { what: `algorithm ${algorithm}`, draft: { ...draft, algorithm } };
  },
  (random, draft) => {
    const type = random.pick([1, 1, 2, 3, 0x10, 0x13, 0x18, 0x19, 0x1f, 0x20, 0x30, 0x40, 0x50]);
    return { what: `type ${type}`, draft: { ...draft, type } };
  },
  (_random, draft) => ({ what: 'version 3', draft: { ...draft, version: 3 } }),
  (random, draft) => {
    const version = random.pick([0, 1, 2, 3, 5, 6, 255]);
    return withChange(draft, `version byte ${version}`, (fields) => ({ ...fields, version }));
  },
  (random, draft) =>
    withChange(draft, 'start of the digest', (fields) => ({
      ...fields,
      digestStart: random.bytes(2),
    })),
  (random, draft) => twistSaid(random, draft),
  (random, draft) => twistIntegers(random, draft),
  (random, draft) => twistIntegers(random, draft),
  (random, draft) => twistRsa(random, draft),
  (random, draft) => twistOnePass(random, draft),
  (random, draft) => twistLiteral(random, draft),
  (random, draft) => twistFraming(random, draft),
  (random, draft) => twistFraming(random, draft),
  (random, draft) => twistLayers(random, draft),
  (random, draft) => twistOrder(random, draft),
  (random, draft) => twistWhole(random, draft),
];

function withChange(draft: Draft, what: string, change: FieldChange): Twisted {
  return { what, draft: { ...draft, changes: [...draft.changes, change] } };
}

/** What is said after signing is a lie: the digest is over something else. */
function twistSaid(random: Random, draft: Draft): Twisted {
  const value = random.pick([0, 1, 2, 3, 8, 9, 10, 11, 17, 19, 22, 27]);
  const [field, change] = random.pick<readonly [string, FieldChange]>([
    ['hash', (fields) => ({ ...fields, hashAlgorithm: value })],
    ['algorithm', (fields) => ({ ...fields, publicKeyAlgorithm: value })],
    ['type', (fields) => ({ ...fields, type: value })],
  ]);
  return withChange(draft, `${field} ${value}, though not signed so`, change);
}

function twistIntegers(random: Random, draft: Draft): Twisted {
  const change = (what: string, make: (fields: SignatureFields) => Buffer) =>
    withChange(draft, what, (fields) => ({ ...fields, integers: make(fields) }));
  const at = random.pick([0, -1]);
  const withNumber =
    (make: (bits: number, digits: Buffer) => Buffer) => (fields: SignatureFields) => {
      const all = split(fields.integers);
      const chosen = all.at(at);
      return Buffer.concat(
        all.map((one) =>
          one === chosen ? make(one.bits, one.digits) : written(one.bits, one.digits),
        ),
      );
    };
  return random.pick<() => Twisted>([
    () =>
      change(
        'a zero in front',
        withNumber((bits, digits) => written(bits + 8, Buffer.concat([Buffer.alloc(1), digits]))),
      ),
    () =>
      change(
        'two zeros in front',
        withNumber((_bits, digits) =>
          written(8 * digits.length + 16, Buffer.concat([Buffer.alloc(2), digits])),
        ),
      ),
    () =>
      change(
        'bits rounded up',
        withNumber((_bits, digits) => written(8 * digits.length, digits)),
      ),
    () =>
      change(
        'a bit more',
        withNumber((bits, digits) => written(bits + 1, digits)),
      ),
    () =>
      change(
        'a bit less',
        withNumber((bits, digits) => written(bits - 1, digits)),
      ),
    () =>
      change(
        'a number 0',
        withNumber(() => written(0, Buffer.alloc(0))),
      ),
    () =>
      change(
        'a number 1',
        withNumber(() => written(1, Buffer.from([1]))),
      ),
    () =>
      change(
        'a byte of zeros',
        withNumber(() => written(8, Buffer.alloc(1))),
      ),
    () =>
      change('one more number', ({ integers }) =>
        Buffer.concat([integers, written(1, Buffer.from([1]))]),
      ),
    () => change('bytes behind', ({ integers }) => Buffer.concat([integers, random.bytes(3)])),
    () =>
      change('numbers swapped', ({ integers }) =>
        Buffer.concat(
          split(integers)
            .toReversed()
            .map(({ bits, digits }) => written(bits, digits)),
        ),
      ),
    () => change('a byte less', ({ integers }) => integers.subarray(0, -1)),
    () => change('no numbers', () => Buffer.alloc(0)),
    () =>
      change('the first number alone', ({ integers }) =>
        Buffer.concat(
          split(integers)
            .slice(0, 1)
            .map(({ bits, digits }) => written(bits, digits)),
        ),
      ),
    () => change('a bit flipped', ({ integers }) => flip(random, integers)),
    () => change('a number and its modulus', (fields) => addModulus(draft, fields)),
  ])();
}

interface Integer {
  readonly bits: number;
  readonly digits: Buffer;
}

/** Only whole ones. */
function split(integers: Buffer): readonly Integer[] {
  const all: Integer[] = [];
  for (let at = 0; at + 2 <= integers.length;) {
    const bits = integers.readUInt16BE(at);
    const end = at + 2 + Math.ceil(bits / 8);
    all.push({ bits, digits: integers.subarray(at + 2, end) });
    at = end;
  }
  return all;
}

function written(bits: number, digits: Buffer): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(bits & 0xffff);
  return Buffer.concat([count, digits]);
}

function flip(random: Random, bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  const at = random.below(flipped.length);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
  return flipped;
}

function addModulus({ by: { key, secret } }: Draft, { integers }: SignatureFields): Buffer {
  if (key.publicKeyAlgorithm === RSA) {
    const { n = '' } = secret.export({ format: 'jwk' });
    const modulus = numberOf(Buffer.from(n, 'base64url'));
    return Buffer.concat(
      split(integers).map(({ digits }) => formatInteger(bytesOf(numberOf(digits) + modulus))),
    );
  }
  const [r, s] = split(integers);
  if (secret.asymmetricKeyType !== 'ed25519' || !r || !s) return integers;
  // s is written with its lowest byte first, padded to 32.
  const padded = Buffer.concat([Buffer.alloc(32), s.digits]).subarray(-32);
  const sum = bytesOf(numberOf(padded.toReversed()) + ED25519_ORDER);
  const lowFirst = Buffer.concat([Buffer.alloc(32), sum])
    .subarray(-32)
    .toReversed();
  return Buffer.concat([written(r.bits, r.digits), formatInteger(Buffer.from(lowFirst))]);
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
}

function bytesOf(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}

function twistRsa(random: Random, draft: Draft): Twisted {
  const form = random.pick(RSA_FORMS);
  return withChange(draft, `RSA: ${form}`, (fields, { by: { key, secret }, payload }) => {
    if (key.publicKeyAlgorithm !== RSA) return fields;
    const part = formatHashedPart(fields);
    const trailer = Buffer.concat([Buffer.from([4, 0xff]), formatSeconds(part.length)]);
    const signed = Buffer.concat([payload, part, trailer]);
    const integers = signRsaForm(secret, form, fields.hashAlgorithm, signed);
    return integers ? { ...fields, integers } : fields;
  });
}

function twistOnePass(random: Random, draft: Draft): Twisted {
  const at = random.below(13);
  const value = random.pick([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 17, 19, 22, 255]);
  const [what, onePass] = random.pick<readonly [string, Draft['onePass']]>([
    [`byte ${at} is ${value}`, (body) => Buffer.from(body.with(at, value))],
    [`byte ${at} is ${value}`, (body) => Buffer.from(body.with(at, value))],
    ['a byte less', (body) => body.subarray(0, -1)],
    ['a byte more', (body) => Buffer.concat([body, Buffer.alloc(1)])],
    ['key 0', (body) => Buffer.concat([body.subarray(0, 4), Buffer.alloc(8), body.subarray(12)])],
  ]);
  return { what: `one-pass: ${what}`, draft: { ...draft, onePass } };
}

function twistLiteral(random: Random, draft: Draft): Twisted {
  const mode = random.pick(['b', 'b', 't', 'u', 'l', '1', 'm', 'B', ' ', '\0', '\xff']);
  const name = random.pick(['', 'a', '_CONSOLE', '../x', 'x'.repeat(255), '\0\n\xff\x80']);
  const date = random.pick([0, 1, 2 ** 31, 0xffffffff]);
  const what = `literal ${JSON.stringify(mode)} ${JSON.stringify(name.slice(0, 9))} ${date}`;
  return { what, draft: { ...draft, literal: { mode, name, date } } };
}

function twistFraming(random: Random, draft: Draft): Twisted {
  const part = random.pick(PARTS);
  const framing = random.pick([...FRAMINGS, 'new-partial', 'new-partial'] as const);
  const piece = 2 ** random.below(11);
  const lengthError = random.chance(0.1) ? random.pick([-1, 1, 2]) : 0;
  const framings = { ...draft.framings, [part]: { framing, piece, lengthError } };
  const pieces = framing === 'new-partial' ? ` of ${piece}` : '';
  const error = lengthError === 0 ? '' : ` with ${lengthError} bytes too many`;
  return { what: `${part} ${framing}${pieces}${error}`, draft: { ...draft, framings } };
}

function twistLayers(random: Random, draft: Draft): Twisted {
  const names: string[] = [];
  const layers = Array.from({ length: random.pick([1, 1, 1, 2]) }, (): Layer => {
    const [name, algorithm] = random.pick(Object.entries(COMPRESSION));
    const framing = random.pick(FRAMINGS);
    const piece = 2 ** random.below(11);
    const [change, make] = random.pick<readonly [string, Layer['change']]>([
      ['', undefined],
      ['', undefined],
      [', bytes behind', (body) => Buffer.concat([body, Buffer.from('\n')])],
      [', a byte less', (body) => body.subarray(0, -1)],
      [', four bytes less', (body) => body.subarray(0, -4)],
      [', a bit flipped', (body) => flip(random, body)],
      [', another algorithm', (body) => Buffer.from(body.with(0, random.below(5)))],
    ]);
    const lengthError = random.chance(0.1) ? random.pick([-300, -1, 1, 300]) : 0;
    const pieces = framing === 'new-partial' ? ` of ${piece}` : '';
    const error = lengthError === 0 ? '' : ` with ${lengthError} bytes too many`;
    names.push(`${name} ${framing}${pieces}${error}${change}`);
    return { algorithm, framing, piece, lengthError, ...(make && { change: make }) };
  });
  return { what: `compressed: ${names.join(' in ')}`, draft: { ...draft, layers } };
}

function twistOrder(random: Random, draft: Draft): Twisted {
  const order = random.pick<Draft['order']>([
    ['signature', 'literal'],
    ['literal', 'signature'],
    ['onePass', 'literal'],
    ['onePass', 'signature', 'literal'],
    ['onePass', 'onePass', 'literal', 'signature', 'signature'],
    ['onePass', 'literal', 'signature', 'signature'],
    ['onePass', 'literal', 'literal', 'signature'],
    ['signature', 'signature', 'literal'],
    ['signature', 'literal', 'signature'],
    ['signature', 'onePass', 'literal', 'signature'],
    ['signature'],
    ['literal'],
  ]);
  return { what: `order: ${order.join(' ')}`, draft: { ...draft, order } };
}

function twistWhole(random: Random, draft: Draft): Twisted {
  const { what: stray, packet } = makeStrayPacket(random);
  const [what, finish] = random.pick<readonly [string, Draft['finish']]>([
    ['a newline behind', (message) => Buffer.concat([message, Buffer.from('\n')])],
    ['a byte less', (message) => message.subarray(0, -1)],
    ['twice', (message) => Buffer.concat([message, message])],
    [`${stray} in front`, (message) => Buffer.concat([formatPackets([packet]), message])],
    [`${stray} behind`, (message) => Buffer.concat([message, formatPackets([packet])])],
    ['a bit flipped', (message) => flip(random, message)],
  ]);
  return { what, draft: { ...draft, finish } };
}
