// Messages that are signed well, but written as no signing program writes them.
import { COMPRESSION, compress } from './compression.ts';
import type { ForgedKey, SignatureSpec } from './forged-key.ts';
import { HASHES } from './key-material.ts';
import { FRAMINGS, type Framing, type Packet, TAG, formatPackets } from './packet.ts';
import type { Random } from './random.ts';
import { makeSubpacket } from './make-subpacket.ts';
import { formatSeconds } from './subpacket.ts';

/** A message and what is peculiar about it. */
export interface ForgedMessage {
  readonly what: string;
  readonly bytes: Buffer;
}

const BINARY = 0;
const SHA256 = 8;
const SIGNED_AT = Date.UTC(2024, 1, 2) / 1000;
const YEAR = 365 * 24 * 3600;
const CREATED = 2;
const ISSUER = 16;

/** A message as gpg would write it, over any payload. */
export function forgePlainMessage(key: ForgedKey, payload: Buffer): Buffer {
  const fields = { type: BINARY, hash: SHA256, created: SIGNED_AT };
  const hashed = [{ type: CREATED, data: formatSeconds(SIGNED_AT) }];
  const unhashed = [{ type: ISSUER, data: key.keyId }];
  const signature = key.sign(payload, { version: 4, ...fields, hashed, unhashed });
  return formatPackets([
    { tag: TAG.onePass, framing: 'old-1', body: formatOnePass(key, fields) },
    { tag: TAG.literal, framing: 'new-1', body: formatLiteral('b', '', 0, payload) },
    { tag: TAG.signature, framing: 'old-2', body: signature },
  ]);
}

/** A message with a few peculiarities in its fields, its order and its framing. */
export function forgeMessage(
  random: Random,
  keys: readonly ForgedKey[],
  payload: Buffer,
): ForgedMessage {
  const [plain = random.pick(keys)] = keys;
  const key = random.chance(0.8) ? plain : random.pick(keys);
  const { what: specWhat, spec } = makeSpec(random, key);
  const mode = random.chance(0.7) ? 'b' : random.pick(['t', 'u', 'l', '1', 'm', '\0', '\xff']);
  const name = random.pick(['', '', 'a', '_CONSOLE', 'x'.repeat(255), '\0\n\xff']);
  const date = random.pick([0, SIGNED_AT, 0xffffffff]);
  const framing = () => (random.chance(0.5) ? 'new-1' : random.pick(FRAMINGS.slice(0, 3)));
  const body = formatLiteral(mode, name, date, payload);
  const literal = { tag: TAG.literal, framing: literalFraming(random), body };
  const signature = { tag: TAG.signature, framing: framing(), body: key.sign(payload, spec) };
  const onePass = { tag: TAG.onePass, framing: framing(), body: formatOnePass(key, spec) };
  const isOldStyle = random.chance(0.15);
  const packets = isOldStyle ? [signature, literal] : [onePass, literal, signature];
  const wrapped = wrap(random, packets);
  const literalWhat = `literal ${JSON.stringify(mode)} ${JSON.stringify(name.slice(0, 8))} ${date}`;
  const order = isOldStyle ? 'signature first' : 'one-pass';
  const framings = packets.map((packet) => packet.framing).join(' ');
  return {
    what: [`${key.name} key`, specWhat, literalWhat, order, framings, wrapped.what].join(', '),
    bytes: formatPackets(wrapped.packets),
  };
}

function makeSpec(random: Random, key: ForgedKey): { what: string; spec: SignatureSpec } {
  const version = random.chance(0.8) ? 4 : 3;
  const type = random.chance(0.8)
    ? random.pick([0, 0, 1])
    : random.pick([2, 0x10, 0x18, 0x40, 0x50]);
  const hash = random.chance(0.5) ? SHA256 : random.pick([...HASHES.keys()]);
  const times = [0, key.created - 1, key.created, SIGNED_AT + 15 * YEAR, 0xffffffff];
  const created = random.chance(0.8) ? SIGNED_AT : random.pick(times);
  const hashed = [{ what: '', subpacket: { type: CREATED, data: formatSeconds(created) } }];
  const issuer = { what: '', subpacket: { type: ISSUER, data: key.keyId } };
  const unhashed = random.chance(0.85) ? [issuer] : [];
  for (let left = version === 4 ? random.pick([0, 0, 1, 1, 2, 3]) : 0; left > 0; left--) {
    const area = random.chance(0.75) ? hashed : unhashed;
    const one = makeSubpacket(random, key, created);
    one.what = `${area === hashed ? 'hashed' : 'unhashed'} ${one.what}`;
    area.splice(random.below(area.length + 1), 0, one);
  }
  if (random.chance(0.03)) hashed.shift();
  const isText = type === 1 && random.chance(0.5);
  const names = [...hashed, ...unhashed].map((one) => one.what).filter(Boolean);
  return {
    what: [
      `version ${version} type ${type} ${HASHES.get(hash)} at ${created}`,
      ...(isText ? ['signed as text'] : []),
      ...(version === 4 && unhashed.every(({ subpacket }) => subpacket.type !== ISSUER)
        ? ['no unhashed issuer']
        : []),
      ...names,
    ].join(', '),
    spec: {
      version,
      type,
      hash,
      created,
      isText,
      hashed: hashed.map((one) => one.subpacket),
      unhashed: unhashed.map((one) => one.subpacket),
    },
  };
}

/** The body of a one-pass packet (RFC 9580, section 5.4). */
export function formatOnePass(
  { keyId, publicKeyAlgorithm }: Pick<ForgedKey, 'keyId' | 'publicKeyAlgorithm'>,
  { type, hash }: Pick<SignatureSpec, 'type' | 'hash'>,
): Buffer {
  return Buffer.concat([Buffer.from([3, type, hash, publicKeyAlgorithm]), keyId, Buffer.from([1])]);
}

/** The body of a literal packet (RFC 9580, section 5.9). */
export function formatLiteral(mode: string, name: string, date: number, payload: Buffer): Buffer {
  const start = Buffer.concat([
    Buffer.from(mode, 'latin1'),
    Buffer.from([name.length]),
    Buffer.from(name, 'latin1'),
    formatSeconds(date),
  ]);
  return Buffer.concat([start, payload]);
}

function literalFraming(random: Random): Framing {
  return random.chance(0.5) ? 'new-1' : random.pick(FRAMINGS.filter((one) => !one.endsWith('te')));
}

function wrap(
  random: Random,
  packets: readonly Packet[],
): { what: string; packets: readonly Packet[] } {
  const layers = random.pick([0, 1, 1, 1, 2]);
  const names: string[] = [];
  let wrapped = packets;
  for (let left = layers; left > 0; left--) {
    const [name, algorithm] = random.pick(Object.entries(COMPRESSION));
    const body = compress({ algorithm, content: formatPackets(wrapped) });
    const framing = random.chance(0.5) ? 'old-indeterminate' : random.pick(FRAMINGS);
    wrapped = [{ tag: TAG.compressed, framing, body }];
    names.push(`compressed (${name}, ${framing})`);
  }
  return { what: names.join(' in ') || 'not compressed', packets: wrapped };
}
