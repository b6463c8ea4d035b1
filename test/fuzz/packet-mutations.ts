// Changes of the row of packets: their order, number, framing and lengths.
import { COMPRESSION, compress, decompress } from './compression.ts';
import { type Mutation, type MutatedPackets, packetMutation } from './mutation.ts';
import { FRAMINGS, type Packet, TAG, formatPackets, parsePackets } from './packet.ts';
import type { Random } from './random.ts';
import { makeStrayPacket } from './stray-packet.ts';

export const PACKET_MUTATIONS: readonly Mutation[] = [
  packetMutation('packet dropped', (random, packets) => {
    const at = random.below(packets.length);
    return { what: `dropped ${name(packets[at])}`, packets: packets.toSpliced(at, 1) };
  }),
  packetMutation('packet doubled', (random, packets) => {
    const packet = random.pick(packets);
    const to = random.below(packets.length + 1);
    const changed = packets.toSpliced(to, 0, packet);
    return { what: `doubled ${name(packet)} at ${to}`, packets: changed };
  }),
  packetMutation('packet moved', (random, packets) => {
    if (packets.length < 2) return undefined;
    const from = random.below(packets.length);
    const packet = packets[from];
    if (!packet) return undefined;
    const to = random.below(packets.length);
    const moved = packets.toSpliced(from, 1).toSpliced(to, 0, packet);
    return { what: `moved ${name(packet)} from ${from} to ${to}`, packets: moved };
  }),
  packetMutation('reframed', (random, packets) =>
    change(random, packets, (packet) => {
      const framing = random.pick(FRAMINGS);
      const piece = random.pick([1, 2, 16, 256, 512, 512, 4096, 65_536]);
      const what = framing === 'new-partial' ? `${framing} of ${piece}` : framing;
      return { what, packet: { ...packet, framing, piece } };
    }),
  ),
  packetMutation('length changed', (random, packets) =>
    change(random, packets, (packet) => {
      const lengthError = random.pick([-100, -2, -1, 1, 2, 10, 300, 70_000, -packet.body.length]);
      const framing = random.pick(FRAMINGS.filter((one) => /\d/.test(one)));
      return { what: `length off by ${lengthError}`, packet: { ...packet, lengthError, framing } };
    }),
  ),
  packetMutation('body extended', (random, packets) =>
    change(random, packets, (packet) => {
      const added = random.bytes(random.pick([1, 2, 20]));
      const body = Buffer.concat([packet.body, added]);
      return { what: `${added.length} more bytes`, packet: { ...packet, body } };
    }),
  ),
  packetMutation('body cut', (random, packets) =>
    change(random, packets, (packet) => {
      const length = random.pick([0, 1, random.below(packet.body.length + 1)]);
      const body = packet.body.subarray(0, length);
      return { what: `cut to ${length} bytes`, packet: { ...packet, body } };
    }),
  ),
  packetMutation('packet inserted', (random, packets) => {
    const { what, packet } = makeStrayPacket(random);
    const at = random.below(packets.length + 1);
    const changed = packets.toSpliced(at, 0, packet);
    return { what: `${what} at ${at} of ${packets.length}`, packets: changed };
  }),
  packetMutation('tag changed', (random, packets) =>
    change(random, packets, (packet) => {
      const tag = random.below(64);
      return { what: `tag ${tag}`, packet: { ...packet, tag } };
    }),
  ),
  packetMutation('compression added', (random, packets) => {
    const start = random.chance(0.6) ? 0 : random.below(packets.length);
    const end = random.chance(0.6) ? packets.length : start + 1;
    const [algorithmName, algorithm] = random.pick(Object.entries(COMPRESSION));
    const content = formatPackets(packets.slice(start, end));
    const body = compress({ algorithm, content });
    const framing = random.pick(FRAMINGS);
    const wrapped = packets.toSpliced(start, end - start, { tag: TAG.compressed, framing, body });
    return { what: `${algorithmName} (${framing}) around ${start} to ${end}`, packets: wrapped };
  }),
  packetMutation('compression deepened', (random, packets) => {
    const depth = random.pick([2, 3, 5, 10, 20, 31, 32, 33, 40, 80]);
    const packetsOf = (rest: number): readonly Packet[] => {
      if (rest === 0) return packets;
      const content = formatPackets(packetsOf(rest - 1));
      const body = compress({ algorithm: COMPRESSION.zip, content });
      return [{ tag: TAG.compressed, framing: 'old-indeterminate', body }];
    };
    return { what: `${depth} times compressed`, packets: packetsOf(depth) };
  }),
  {
    kind: 'compression removed',
    apply: (_random, bytes) => {
      const packets = parsePackets(bytes) ?? [];
      const index = packets.findIndex(({ tag }) => tag === TAG.compressed);
      const content = decompress(packets[index]?.body ?? Buffer.alloc(0))?.content;
      if (!content) return undefined;
      const around = [packets.slice(0, index), packets.slice(index + 1)].map(formatPackets);
      return {
        what: 'unwrapped',
        bytes: Buffer.concat([around[0] ?? content, content, around[1] ?? content]),
      };
    },
  },
  {
    kind: 'compression changed',
    apply: (random, bytes) => {
      const packets = parsePackets(bytes) ?? [];
      const index = packets.findIndex(({ tag }) => tag === TAG.compressed);
      const packet = packets[index];
      const opened = packet && decompress(packet.body);
      if (!packet || !opened) return undefined;
      const algorithm = random.pick([0, 1, 2, 2, 3, 4, 99]);
      const rest = random.chance(0.7) ? Buffer.alloc(0) : random.bytes(random.pick([1, 20]));
      const body = Buffer.concat([compress({ ...opened, algorithm }), rest]);
      const framing = random.pick(FRAMINGS);
      return {
        what: `algorithm ${algorithm} (${framing}), ${rest.length} bytes after it`,
        bytes: formatPackets(packets.with(index, { ...packet, framing, body })),
      };
    },
  },
];

function change(
  random: Random,
  packets: readonly Packet[],
  toPacket: (packet: Packet) => { what: string; packet: Packet },
): MutatedPackets | undefined {
  if (packets.length === 0) return undefined;
  const at = random.below(packets.length);
  const old = packets[at];
  if (!old) return undefined;
  const { what, packet } = toPacket(old);
  return { what: `${name(old)}: ${what}`, packets: packets.with(at, packet) };
}

function name(packet: Packet | undefined): string {
  return `tag ${packet?.tag}`;
}
