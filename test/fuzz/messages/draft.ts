// A signed message before its bytes are made: what GnuPG would write, field by field, so that any field
// can be changed before the signature is computed, or after.
import { COMPRESSION, compress } from '../compression.ts';
import { formatLiteral, formatOnePass } from '../forged-message.ts';
import { HASHES } from '../key-material.ts';
import { type Framing, type Packet, TAG, formatPackets } from '../packet.ts';
import type { Random } from '../random.ts';
import { type SignatureFields, formatSignature, parseSignature } from '../signature-packet.ts';
import { type Subpacket, formatSeconds } from '../subpacket.ts';
import type { MessageKey } from './message-keys.ts';

/** All that a message is made of. */
export interface Draft {
  readonly by: MessageKey;
  readonly payload: Buffer;
  readonly version: 3 | 4;
  readonly type: number;
  readonly hash: number;
  /** What the signature says of its key's algorithm. */
  readonly algorithm: number;
  /** Seconds since 1970. */
  readonly created: number;
  readonly hashed: readonly Subpacket[];
  readonly unhashed: readonly Subpacket[];
  readonly literal: { readonly mode: string; readonly name: string; readonly date: number };
  readonly framings: { readonly [Part in MessagePart]: Pick<Packet, 'framing' | 'piece'> };
  readonly order: readonly MessagePart[];
  /** Around the message, the innermost first. */
  readonly layers: readonly Layer[];
  /** Changes of what has been signed, in their order. */
  readonly changes: readonly FieldChange[];
  readonly onePass: (body: Buffer) => Buffer;
  /** The last change: of the whole message. */
  readonly finish: (message: Buffer) => Buffer;
}

export type MessagePart = 'onePass' | 'literal' | 'signature';

/** A compressed packet. */
export interface Layer {
  readonly algorithm: number;
  readonly framing: Framing;
  readonly piece?: number;
  readonly lengthError?: number;
  readonly change?: (body: Buffer) => Buffer;
}

export type FieldChange = (fields: SignatureFields, draft: Draft) => SignatureFields;

/** Subpacket types (RFC 9580, section 5.2.3.7). */
export const SUBPACKET = {
  created: 2,
  expires: 3,
  issuer: 16,
  notation: 20,
  signerName: 28,
  fingerprint: 33,
} as const;

export const SIGNED_AT = Date.UTC(2024, 1, 2) / 1000;
const VERSION_4 = Buffer.from([4]);

export function fingerprintOf({ key }: MessageKey): Subpacket {
  return { type: SUBPACKET.fingerprint, data: Buffer.concat([VERSION_4, key.fingerprint]) };
}

export function issuerOf({ key }: MessageKey): Subpacket {
  return { type: SUBPACKET.issuer, data: key.keyId };
}

export function createdAt(seconds: number): Subpacket {
  return { type: SUBPACKET.created, data: formatSeconds(seconds) };
}

/** What one of the usual signing programs writes. */
export function makeDraft(random: Random, by: MessageKey, payload: Buffer): Draft {
  const name = { type: SUBPACKET.signerName, data: Buffer.from(`${by.kind}@example.test`) };
  const isOld = random.chance(0.1);
  return {
    by,
    payload,
    version: 4,
    type: 0,
    hash: random.chance(0.8) ? random.pick([8, 9, 10, 10]) : random.pick([...HASHES.keys()]),
    algorithm: by.key.publicKeyAlgorithm,
    created: SIGNED_AT,
    hashed: [
      ...(isOld ? [] : [fingerprintOf(by)]),
      createdAt(SIGNED_AT),
      ...(random.chance(0.3) ? [name] : []),
    ],
    unhashed: [issuerOf(by)],
    literal: { mode: 'b', name: '', date: random.pick([0, SIGNED_AT]) },
    framings: {
      onePass: { framing: 'old-1' },
      literal: { framing: random.pick(['new-1', 'old-2', 'new-partial']) },
      signature: { framing: 'old-2' },
    },
    order: random.chance(0.1) ? ['signature', 'literal'] : ['onePass', 'literal', 'signature'],
    layers: random.pick([
      [],
      [{ algorithm: COMPRESSION.zip, framing: 'old-indeterminate' }],
      [{ algorithm: COMPRESSION.zlib, framing: 'old-indeterminate' }],
    ]),
    changes: [],
    onePass: (body) => body,
    finish: (message) => message,
  };
}

/** Signs a draft, and makes the bytes of the message. */
export function formatDraft(draft: Draft): Buffer {
  const { by, payload, version, type, hash, created, hashed, unhashed, literal } = draft;
  const spec = { version, type, hash, created, hashed, unhashed, isText: type === 1 } as const;
  const signed = by.key.sign(payload, { ...spec, publicKeyAlgorithm: draft.algorithm });
  const { mode, name, date } = literal;
  const said = { keyId: by.key.keyId, publicKeyAlgorithm: draft.algorithm };
  const bodies: Readonly<Record<MessagePart, Buffer>> = {
    onePass: draft.onePass(formatOnePass(said, { type, hash })),
    literal: formatLiteral(mode, name, date, payload),
    signature: changeFields(signed, draft),
  };
  const tags = { onePass: TAG.onePass, literal: TAG.literal, signature: TAG.signature } as const;
  const packets = draft.order.map((part) => ({
    tag: tags[part],
    body: bodies[part],
    ...draft.framings[part],
  }));
  let message = formatPackets(packets);
  for (const { algorithm, change, ...framing } of draft.layers) {
    const compressed = compress({ algorithm, content: message });
    const body = change?.(compressed) ?? compressed;
    message = formatPackets([{ tag: TAG.compressed, body, ...framing }]);
  }
  return draft.finish(message);
}

function changeFields(body: Buffer, draft: Draft): Buffer {
  const fields = parseSignature(body);
  if (!fields) return body;
  return formatSignature(draft.changes.reduce((made, change) => change(made, draft), fields));
}
