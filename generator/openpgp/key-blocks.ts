// Keys as packets: cut apart, named and looked through before any library reads them, so that a
// key that OpenPGP.js cannot read still reaches gpgv, byte for byte.
import { createHash } from 'node:crypto';
import { type Packet, TAG, readPackets } from './packets.ts';
import { readSignaturePacket } from './signature-packet.ts';

/** A primary or subkey. */
export interface KeyPart {
  /** Upper-case hex. */
  readonly fingerprint: string;
  /** The body of its packet. */
  readonly packetBody: Uint8Array;
  /** Whether it has no revocation, and no signature but what GnuPG makes by itself. */
  readonly isPlain: boolean;
}

/** One key with everything that belongs to it. */
export interface KeyBlock {
  readonly bytes: Uint8Array;
  readonly userIds: readonly string[];
  readonly primary: KeyPart;
  readonly subkeys: readonly KeyPart[];
}

const VERSION = 4;
/** Packets that follow a key without a meaning for signatures: GnuPG's own trust, and padding. */
const IDLE_TAGS: ReadonlySet<number> = new Set([12, 21]);

/** Signature types (RFC 9580, section 5.2.1). */
const CERTIFICATIONS: ReadonlySet<number> = new Set([0x10, 0x11, 0x12, 0x13]);
const SUBKEY_BINDING = 0x18;
const SUBKEY_REVOCATION = 0x28;

function isKey({ tag }: Packet): boolean {
  return tag === TAG.publicKey;
}

/**
 * Cuts binary OpenPGP packets into keys. Undefined if anything is there that is no part of a
 * public key, or is cut short. Keys of versions before 4 are passed over: GnuPG does so too.
 */
export function readKeyBlocks(bytes: Uint8Array): readonly KeyBlock[] | undefined {
  const packets = readPackets(bytes, Infinity);
  const first = packets.findIndex(isKey);
  if (first !== 0 || packets.some(({ isWhole }) => !isWhole)) return undefined;
  const blocks: Packet[][] = [];
  for (const packet of packets) {
    if (isKey(packet)) blocks.push([packet]);
    else blocks.at(-1)?.push(packet);
  }
  return blocks.flatMap((block) => toKeyBlock(block) ?? []);
}

function toKeyBlock(packets: readonly Packet[]): KeyBlock | undefined {
  const [key] = packets;
  if (key?.body[0] !== VERSION) return undefined;
  const sections = toSections(packets);
  const [primary = [], ...others] = sections;
  const subkeys = others.filter(([head]) => head?.tag === TAG.publicSubkey);
  const users = others.filter(([head]) => head?.tag === TAG.userId);
  const arePlain =
    users.length > 0 &&
    users.length + subkeys.length === others.length &&
    primary.length === 1 &&
    users.every((section) => hasOnly(section, (type) => CERTIFICATIONS.has(type))) &&
    // The revocation of a subkey concerns that subkey alone.
    subkeys.every((section) => hasOnly(section, isSubkeySignature));
  return {
    bytes: Buffer.concat(packets.map((packet) => packet.bytes)),
    userIds: users.map(([head]) => Buffer.from(head?.body ?? []).toString('utf8')),
    primary: { fingerprint: fingerprintOf(key), packetBody: key.body, isPlain: arePlain },
    subkeys: subkeys.flatMap((section) => {
      const [head] = section;
      if (head?.body[0] !== VERSION) return [];
      const isPlain = arePlain && hasOnly(section, (type) => type === SUBKEY_BINDING);
      return [{ fingerprint: fingerprintOf(head), packetBody: head.body, isPlain }];
    }),
  };
}

function isSubkeySignature(type: number): boolean {
  return type === SUBKEY_BINDING || type === SUBKEY_REVOCATION;
}

/** A packet and the signatures that belong to it; anything odd is a section of its own. */
function toSections(packets: readonly Packet[]): readonly (readonly Packet[])[] {
  const sections: Packet[][] = [];
  for (const packet of packets) {
    if (IDLE_TAGS.has(packet.tag)) continue;
    if (packet.tag === TAG.signature) sections.at(-1)?.push(packet);
    else sections.push([packet]);
  }
  return sections;
}

function hasOnly(section: readonly Packet[], isExpected: (type: number) => boolean): boolean {
  return section.slice(1).every(({ body }) => {
    const signature = readSignaturePacket(body);
    return signature?.version === VERSION && isExpected(signature.type);
  });
}

/** Of a key of version 4 (RFC 9580, section 5.5.4.2). */
function fingerprintOf({ body }: Packet): string {
  const header = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return createHash('sha1').update(header).update(body).digest('hex').toUpperCase();
}
