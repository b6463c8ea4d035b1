// Keys as packets: split, identified and checked before any library reads them, so that a key that
// OpenPGP.js cannot read still reaches gpgv. The result is built anew, packet by packet, from public
// keys alone: both engines judge by it and nodes are given it, and no byte of a file gets there in
// any other way.
import { createHash } from 'node:crypto';
import {
  PRIVATE_TAGS,
  PUBLIC_KEY_TAGS,
  type Packet,
  TAG,
  eachPacket,
  formatPacket,
} from './packets.ts';
import { readSignaturePacket } from './signature-packet.ts';

/** A primary or subkey. */
export interface KeyPart {
  /** Upper-case hex. */
  readonly fingerprint: string;
  /** The body of its packet. */
  readonly packetBody: Uint8Array;
  /** Whether it has no revocation, and only signatures that GnuPG makes by itself. */
  readonly hasPlainPackets: boolean;
}

/** One key with everything that belongs to it. */
export interface KeyBlock {
  /** Its packets, framed as GnuPG frames them. */
  readonly bytes: Uint8Array;
  readonly userIds: readonly string[];
  readonly primary: KeyPart;
  readonly subkeys: readonly KeyPart[];
}

const VERSION = 4;
/** Packets that may hold keys which are not seen here. */
const REFUSED_TAGS: ReadonlySet<number> = new Set([...PRIVATE_TAGS, TAG.compressed]);

/** Signature types (RFC 9580, section 5.2.1). */
const CERTIFICATIONS: ReadonlySet<number> = new Set([0x10, 0x11, 0x12, 0x13]);
const SUBKEY_BINDING = 0x18;
const SUBKEY_REVOCATION = 0x28;

/**
 * Cuts binary OpenPGP packets into keys. Undefined if they do not begin with a public key, if one is
 * cut short, private or compressed. Packets that are no part of a public key are left out, as GnuPG
 * leaves them out of what it imports: its own trust, markers, padding, unknown ones. Keys of
 * versions before 4 are skipped, as by GnuPG.
 */
export function readKeyBlocks(bytes: Uint8Array): readonly KeyBlock[] | undefined {
  const blocks: Packet[][] = [];
  for (const packet of eachPacket(bytes)) {
    if (!packet.isWhole || REFUSED_TAGS.has(packet.tag)) return undefined;
    if (packet.tag === TAG.publicKey) blocks.push([packet]);
    else if (blocks.length === 0) return undefined;
    else if (PUBLIC_KEY_TAGS.has(packet.tag)) blocks.at(-1)?.push(packet);
  }
  return blocks.length === 0 ? undefined : blocks.flatMap((block) => toKeyBlock(block) ?? []);
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
    bytes: Buffer.concat(packets.map(({ tag, body }) => formatPacket(tag, body))),
    userIds: users.map(([head]) => Buffer.from(head?.body ?? []).toString('utf8')),
    primary: { fingerprint: fingerprintOf(key), packetBody: key.body, hasPlainPackets: arePlain },
    subkeys: subkeys.flatMap((section) => {
      const [head] = section;
      if (head?.body[0] !== VERSION) return [];
      const hasPlainPackets = arePlain && hasOnly(section, (type) => type === SUBKEY_BINDING);
      return [{ fingerprint: fingerprintOf(head), packetBody: head.body, hasPlainPackets }];
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
