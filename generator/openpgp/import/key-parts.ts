// What a key consists of, in the order of the file.
import { TAG, formatPacket, packetHeaderLength } from '../packets/packets.ts';
import type { KeyPart } from './key-part.ts';
import type { SignaturePart } from './signature-part.ts';

/** A user ID, or a photo. */
export interface UserPart {
  readonly kind: 'user';
  readonly isPhoto: boolean;
  readonly body: Uint8Array;
}

export type AnyPart = KeyPart | UserPart | SignaturePart;

/** A key with everything that belongs to it; the primary key comes first. */
export interface KeyParts {
  readonly primary: KeyPart;
  readonly parts: readonly AnyPart[];
}

/** Signature types (RFC 9580, section 5.2.1). */
export const SIGNATURE_TYPE = {
  binding: 0x18,
  back: 0x19,
  directKey: 0x1f,
  keyRevocation: 0x20,
  subkeyRevocation: 0x28,
  userRevocation: 0x30,
} as const;

const CERTIFICATION = 0x10;
/** Those of all Debian developers have a tenth of it at most. */
const MOST_COMPONENTS = 1000;
const MOST_OWN_SIGNATURES = 1000;

export function isCertification({ type }: SignaturePart): boolean {
  return (type & 0xfc) === CERTIFICATION;
}

/** A certification of a user ID, or its revocation. */
export function concernsUser(signature: SignaturePart): boolean {
  return isCertification(signature) || signature.type === SIGNATURE_TYPE.userRevocation;
}

export function concernsSubkey({ type }: SignaturePart): boolean {
  return type === SIGNATURE_TYPE.binding || type === SIGNATURE_TYPE.subkeyRevocation;
}

/** GnuPG knows self-signatures by the key ID of their issuer. */
export function isBySelf({ issuer }: SignaturePart, { keyId }: KeyPart): boolean {
  return issuer === keyId;
}

/**
 * Counts the parts of a key as they come: user IDs, subkeys, and the signatures that have to be
 * computed. Those by others cost nothing.
 */
export class PartCounter {
  #components = 0;
  #signatures = 0;

  /** False if it is one too many for a key that anybody uses. */
  add(part: AnyPart, primary: KeyPart): boolean {
    if (part.kind !== 'signature') this.#components++;
    else if (isBySelf(part, primary) || part.type === SIGNATURE_TYPE.keyRevocation) {
      this.#signatures++;
    }
    return this.#components <= MOST_COMPONENTS && this.#signatures <= MOST_OWN_SIGNATURES;
  }
}

/** Whether a key has no more parts than any that is used. */
export function isReasonable({ primary, parts }: KeyParts): boolean {
  const counter = new PartCounter();
  return parts.every((part) => counter.add(part, primary));
}

/** Where GnuPG looks for revocations of a key: also behind subkeys that come before all user IDs. */
export function signaturesBeforeUsers(parts: readonly AnyPart[]): readonly SignaturePart[] {
  const end = parts.findIndex(({ kind }) => kind === 'user');
  return parts
    .slice(0, end < 0 ? parts.length : end)
    .filter((part): part is SignaturePart => part.kind === 'signature');
}

/** The same user ID, or the same photo. */
export function isSameUser(one: UserPart, other: UserPart): boolean {
  return one.isPhoto === other.isPhoto && Buffer.compare(one.body, other.body) === 0;
}

export function isSameKey(one: KeyPart, other: KeyPart): boolean {
  return Buffer.compare(one.body, other.body) === 0;
}

/** As GnuPG compares: the same issuer, and the same numbers. */
export function isSameSignature(one: SignaturePart, other: SignaturePart): boolean {
  return (
    one.issuer === other.issuer &&
    one.publicKeyAlgorithm === other.publicKeyAlgorithm &&
    haveSameIntegers(one, other)
  );
}

export function haveSameIntegers(one: SignaturePart, other: SignaturePart): boolean {
  return (
    one.integers.length === other.integers.length &&
    one.integers.every((integer, index) => {
      const others = other.integers[index];
      return others !== undefined && Buffer.compare(integer, others) === 0;
    })
  );
}

/** How long they are together. Bytes. */
export function lengthOf(parts: readonly AnyPart[]): number {
  let total = 0;
  for (const part of parts) {
    const { length } = part.body;
    total += packetHeaderLength(tagOf(part), length) + length;
  }
  return total;
}

/** The packets of a key, framed as GnuPG frames them. */
export function formatParts(parts: readonly AnyPart[]): Uint8Array {
  return Buffer.concat(parts.map((part) => formatPacket(tagOf(part), part.body)));
}

function tagOf(part: AnyPart): number {
  switch (part.kind) {
    case 'primary':
      return TAG.publicKey;
    case 'subkey':
      return TAG.publicSubkey;
    case 'user':
      return part.isPhoto ? TAG.userAttribute : TAG.userId;
    case 'signature':
      return TAG.signature;
  }
}
