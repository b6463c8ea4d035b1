// Changes of the fields of one-pass, signature and literal packets.
import { type Mutated, type Mutation, type MutatedPackets, packetMutation } from './mutation.ts';
import { type Packet, TAG } from './packet.ts';
import { type SignatureFields, formatSignature, parseSignature } from './signature-packet.ts';
import { makeSubpacket } from './make-subpacket.ts';
import { formatSubpackets } from './subpacket.ts';

export const FIELD_MUTATIONS: readonly Mutation[] = [
  packetMutation('one-pass changed', (random, packets) =>
    changeBody(packets, TAG.onePass, (body) => {
      const [at, field] = random.pick<readonly [number, string]>([
        [0, 'version'],
        [1, 'type'],
        [2, 'hash'],
        [3, 'public-key algorithm'],
        [4, 'key ID'],
        [11, 'key ID'],
        [12, 'nested'],
      ]);
      const value = random.pick([0, 1, 2, 3, 4, 8, 10, 17, 22, 255]);
      return { what: `${field} ${value}`, bytes: setByte(body, at, value) };
    }),
  ),
  packetMutation('one-pass key 0', (_random, packets) =>
    changeBody(packets, TAG.onePass, (body) => ({
      what: 'no key ID',
      bytes: Buffer.concat([body.subarray(0, 4), Buffer.alloc(8), body.subarray(12)]),
    })),
  ),
  packetMutation('literal changed', (random, packets) =>
    changeBody(packets, TAG.literal, (body) => {
      const [mode = 0, length = 0] = body;
      const rest = body.subarray(2 + length);
      const date = random.bytes(4);
      const name = random.pick(['', 'name', '_CONSOLE', '\xff', '../x', 'x'.repeat(255)]);
      return random.pick<() => Mutated>([
        () => {
          const other = random.pick([...Buffer.from('btul1m '), 0, 255]);
          return { what: `mode ${other}`, bytes: setByte(body, 0, other) };
        },
        () => ({
          what: `name ${name.slice(0, 10)}`,
          bytes: Buffer.concat([
            Buffer.from([mode, name.length]),
            Buffer.from(name, 'latin1'),
            rest,
          ]),
        }),
        () => ({
          what: 'date',
          bytes: Buffer.concat([body.subarray(0, 2 + length), date, rest.subarray(4)]),
        }),
        () => ({ what: 'name too long', bytes: setByte(body, 1, 255) }),
        () => ({ what: 'newline after it', bytes: Buffer.concat([body, Buffer.from('\n')]) }),
      ])();
    }),
  ),
  packetMutation('signature field changed', (random, packets) =>
    changeSignature(packets, (fields) => {
      const value = random.pick([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 17, 19, 22, 27, 255]);
      return random.pick<() => Changed>([
        () => ({ what: `version ${value}`, fields: { ...fields, version: value } }),
        () => ({ what: `type ${value}`, fields: { ...fields, type: value } }),
        () => ({ what: `hash ${value}`, fields: { ...fields, hashAlgorithm: value } }),
        () => ({ what: `algorithm ${value}`, fields: { ...fields, publicKeyAlgorithm: value } }),
        () => ({ what: 'digest start', fields: { ...fields, digestStart: random.bytes(2) } }),
      ])();
    }),
  ),
  packetMutation('unhashed area changed', (random, packets) =>
    changeSignature(packets, (fields) => {
      const { unhashed } = fields;
      const key = { keyId: random.bytes(8), fingerprint: random.bytes(20) };
      const { what, subpacket } = makeSubpacket(random, key, 0);
      const added = formatSubpackets([subpacket]);
      return random.pick<() => Changed>([
        () => ({ what: 'emptied', fields: { ...fields, unhashed: Buffer.alloc(0) } }),
        () => ({
          what: `${what} after it`,
          fields: { ...fields, unhashed: Buffer.concat([unhashed, added]) },
        }),
        () => ({
          what: `${what} before it`,
          fields: { ...fields, unhashed: Buffer.concat([added, unhashed]) },
        }),
        () => ({ what: `only ${what}`, fields: { ...fields, unhashed: added } }),
        () => ({ what: 'of random bytes', fields: { ...fields, unhashed: random.bytes(9) } }),
        () => ({ what: 'filled with zeros', fields: { ...fields, unhashed: Buffer.alloc(9) } }),
        () => ({ what: 'cut', fields: { ...fields, unhashed: unhashed.subarray(0, -1) } }),
      ])();
    }),
  ),
  packetMutation('hashed area changed', (random, packets) =>
    changeSignature(packets, (fields) => {
      const key = { keyId: random.bytes(8), fingerprint: random.bytes(20) };
      const { what, subpacket } = makeSubpacket(random, key, 0);
      const hashed = Buffer.concat([fields.hashed, formatSubpackets([subpacket])]);
      return { what, fields: { ...fields, hashed } };
    }),
  ),
  packetMutation('signature integers changed', (random, packets) =>
    changeSignature(packets, (fields) => {
      const { integers } = fields;
      if (integers.length < 4) return undefined;
      const bits = integers.readUInt16BE(0);
      const withBits = (other: number) => {
        const out = Buffer.from(integers);
        out.writeUInt16BE(other & 0xffff, 0);
        return out;
      };
      const padded = Buffer.concat([
        withBits(bits + 8).subarray(0, 2),
        Buffer.alloc(1),
        integers.subarray(2),
      ]);
      const [what, changed] = random.pick<readonly [string, Buffer]>([
        ['a leading zero', padded],
        ['a bit count rounded up', withBits(Math.ceil(bits / 8) * 8)],
        ['a bit count less', withBits(bits - 1)],
        ['a bit count more', withBits(bits + 1)],
        ['one more integer', Buffer.concat([integers, Buffer.from([0, 1, 1])])],
        ['all bits gone', withBits(0)],
        ['a byte less', integers.subarray(0, -1)],
      ]);
      return { what, fields: { ...fields, integers: changed } };
    }),
  ),
];

interface Changed {
  readonly what: string;
  readonly fields: SignatureFields;
}

function changeSignature(
  packets: readonly Packet[],
  change: (fields: SignatureFields) => Changed | undefined,
): MutatedPackets | undefined {
  return changeBody(packets, TAG.signature, (body) => {
    const fields = parseSignature(body);
    const changed = fields && change(fields);
    return changed && { what: changed.what, bytes: formatSignature(changed.fields) };
  });
}

function changeBody(
  packets: readonly Packet[],
  tag: number,
  change: (body: Buffer) => Mutated | undefined,
): MutatedPackets | undefined {
  const at = packets.findIndex((packet) => packet.tag === tag);
  const packet = packets[at];
  const changed = packet && change(packet.body);
  return (
    packet &&
    changed && { what: changed.what, packets: packets.with(at, { ...packet, body: changed.bytes }) }
  );
}

function setByte(body: Buffer, at: number, value: number): Buffer {
  const out = Buffer.from(body);
  if (at < out.length) out[at] = value;
  return out;
}
