// Keys and messages that are computed here, so that they are good whatever their fields say.
import { type KeyObject } from 'node:crypto';
import {
  type ForgedKey,
  type ForgedKeyOptions,
  type SignatureSpec,
  forgeKey,
} from '../../fuzz/forged-key.ts';
import { type Packet, TAG, formatPackets } from '../../fuzz/packet.ts';
import { type Subpacket, formatSeconds } from '../../fuzz/subpacket.ts';
import { generateRsa } from '../signer/generate-key.ts';

/** Subpacket types. */
export const CREATED = 2;
export const EXPIRES = 3;
export const ISSUER = 16;
export const NOTATION = 20;
export const ISSUER_FINGERPRINT = 33;

const SIGNED_AT = Date.UTC(2024, 0, 15) / 1000;
const KEY_MADE_AT = Date.UTC(2023, 0, 15) / 1000;
export const SHA256 = 8;
const MAY_SIGN = 2;

let secret: KeyObject | undefined;

/** An RSA key of 2048 bits that may sign, with what is told of its certification. */
export function forgeSigner(options: Partial<ForgedKeyOptions> = {}): ForgedKey {
  secret ??= generateRsa(2048);
  return forgeKey(secret, { name: 'forged', created: KEY_MADE_AT, flags: MAY_SIGN, ...options });
}

export interface MessageParts {
  readonly payload?: Buffer;
  readonly spec?: Partial<SignatureSpec>;
  /** Behind those that GnuPG writes. */
  readonly hashed?: readonly Subpacket[];
  readonly unhashed?: readonly Subpacket[];
  /** Of the literal packet: `b` unless told. */
  readonly format?: string;
  /** Bytes of the one-pass packet that differ, by index. */
  readonly onePass?: Readonly<Record<number, number>>;
  /** Changes the packets before they are put together. */
  readonly change?: (packets: readonly Packet[]) => readonly Packet[];
}

/** A message as gpg writes it, but for what is told. */
export function forgeMessage(key: ForgedKey, parts: MessageParts = {}): Buffer {
  const { payload = Buffer.from('payload'), format = 'b' } = parts;
  const fingerprint = Buffer.concat([Buffer.from([4]), key.fingerprint]);
  const spec = {
    version: 4,
    type: 0,
    hash: SHA256,
    created: SIGNED_AT,
    hashed: [
      { type: ISSUER_FINGERPRINT, data: fingerprint },
      { type: CREATED, data: formatSeconds(SIGNED_AT) },
      ...(parts.hashed ?? []),
    ],
    unhashed: [{ type: ISSUER, data: key.keyId }, ...(parts.unhashed ?? [])],
    ...parts.spec,
  } as const;
  const onePass = Buffer.concat([
    Buffer.from([3, spec.type, spec.hash, key.publicKeyAlgorithm]),
    key.keyId,
    Buffer.from([1]),
  ]);
  for (const [at, value] of Object.entries(parts.onePass ?? {})) onePass[Number(at)] = value;
  const literal = Buffer.concat([Buffer.from(`${format}\0`, 'latin1'), Buffer.alloc(4), payload]);
  const packets: readonly Packet[] = [
    { tag: TAG.onePass, framing: 'old-1', body: onePass },
    { tag: TAG.literal, framing: 'new-1', body: literal },
    { tag: TAG.signature, framing: 'old-2', body: key.sign(payload, spec) },
  ];
  return formatPackets(parts.change?.(packets) ?? packets);
}
