import { compress, decompress } from './compression.ts';
import { type Packet, TAG, formatPackets, parsePackets } from './packet.ts';
import type { Random } from './random.ts';

/** Bytes after a change, and what was done. */
export interface Mutated {
  readonly what: string;
  readonly bytes: Buffer;
}

/** One kind of change. It gives undefined for bytes that it does not apply to. */
export interface Mutation {
  /** For the table of results, in a few words. */
  readonly kind: string;
  readonly apply: (random: Random, bytes: Buffer) => Mutated | undefined;
}

/** Packets after a change, and what was done. */
export interface MutatedPackets {
  readonly what: string;
  readonly packets: readonly Packet[];
}

export type PacketChange = (
  random: Random,
  packets: readonly Packet[],
) => MutatedPackets | undefined;

/** A change of packets (one at least) at one level of a message: most often the innermost. */
export function packetMutation(kind: string, change: PacketChange): Mutation {
  return {
    kind,
    apply: (random, bytes) =>
      mutateContent(random, bytes, (content) => {
        const packets = parsePackets(content);
        if (!packets || packets.length === 0) return undefined;
        const changed = change(random, packets);
        return changed && { what: changed.what, bytes: formatPackets(changed.packets) };
      }),
  };
}

/** A change of the bytes inside of compression, or, now and then, of the bytes around it. */
export function mutateContent(
  random: Random,
  bytes: Buffer,
  change: (content: Buffer) => Mutated | undefined,
): Mutated | undefined {
  const packets = parsePackets(bytes) ?? [];
  const index = packets.findIndex(({ tag }) => tag === TAG.compressed);
  const outer = packets[index];
  const opened = outer && decompress(outer.body);
  if (!outer || !opened || random.chance(0.1)) return change(bytes);
  const changed = mutateContent(random, opened.content, change);
  if (!changed) return undefined;
  const body = compress({ algorithm: opened.algorithm, content: changed.bytes });
  return {
    what: `inside: ${changed.what}`,
    bytes: formatPackets(packets.with(index, { ...outer, body })),
  };
}
