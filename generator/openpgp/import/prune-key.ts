// What GnuPG keeps of a key (g10/import.c of 2.2.40: chk_self_sigs, delete_inv_parts, with Debian's
// change for subkeys that are revoked). Self-signatures that do not verify are left out too: GnuPG
// keeps some of them, but none of them counts.
import {
  type KeyParts,
  type AnyPart,
  type UserPart,
  SIGNATURE_TYPE,
  concernsSubkey,
  concernsUser,
  isBySelf,
} from './key-parts.ts';
import type { KeyPart } from './key-part.ts';
import type { KeyNoteCode } from './key-notes.ts';
import type { SignaturePart } from './signature-part.ts';
import { type PartVerdict, type PartVerifier, isKnownAlgorithm } from './verify-part.ts';

/** What is kept of a key. */
export interface PrunedKey {
  readonly key: KeyParts;
  /** Whether each part could be computed here. */
  readonly isCertain: boolean;
  readonly notes: readonly KeyNoteCode[];
}

const RSA = 1;
const { directKey, keyRevocation, binding, subkeyRevocation, userRevocation, back } =
  SIGNATURE_TYPE;
/** `IS_CERT`: what may be in a key at all. */
const KEY_SIGNATURES: ReadonlySet<number> = new Set([
  0x10,
  0x11,
  0x12,
  0x13,
  binding,
  directKey,
  keyRevocation,
  subkeyRevocation,
  userRevocation,
]);

/** Undefined where the whole key is invalid. */
export function pruneKey(key: KeyParts, verifier: PartVerifier): PrunedKey | undefined {
  const pruner = new Pruner(key, verifier);
  return pruner.checkSelfSignatures() ? pruner.result() : undefined;
}

class Pruner {
  readonly #key: KeyParts;
  readonly #verifier: PartVerifier;
  readonly #good = new Set<AnyPart>();
  readonly #deleted = new Set<AnyPart>();
  readonly #notes = new Set<KeyNoteCode>();
  #isCertain = true;

  constructor(key: KeyParts, verifier: PartVerifier) {
    this.#key = key;
    this.#verifier = verifier;
  }

  /** False if a certification has no user ID in front of it. */
  checkSelfSignatures(): boolean {
    const { primary, parts } = this.#key;
    let user: UserPart | undefined;
    let subkey: KeyPart | undefined;
    let newest: Newest = {};
    for (const part of parts) {
      if (part.kind === 'user') user = part;
      if (part.kind === 'subkey') [subkey, newest] = [part, {}];
      if (part.kind !== 'signature' || !isBySelf(part, primary)) continue;
      if (concernsUser(part)) {
        if (!user) return false;
        if (this.#check(part, user) === 'bad') this.#deleted.add(part);
        else this.#good.add(user);
      } else if (concernsSubkey(part)) this.#checkSubkey(part, subkey, newest);
      else if (part.type === directKey || part.type === keyRevocation) {
        if (this.#check(part, primary) === 'bad') this.#deleted.add(part);
      }
    }
    return true;
  }

  #check(signature: SignaturePart, part: AnyPart): PartVerdict {
    const verdict = this.#verifier.verifySelf(signature, this.#key.primary, part);
    if (verdict === 'unknown') this.#isCertain = false;
    return verdict;
  }

  /** The newest binding stays, and the newest revocation. */
  #checkSubkey(signature: SignaturePart, subkey: KeyPart | undefined, newest: Newest): void {
    const kind = signature.type === binding ? 'binding' : 'revocation';
    if (!subkey || this.#check(signature, subkey) === 'bad') {
      this.#deleted.add(signature);
      return;
    }
    const before = newest[kind];
    if (before && signature.created < before.created) {
      this.#deleted.add(signature);
      return;
    }
    this.#good.add(subkey);
    if (before) this.#deleted.add(before);
    newest[kind] = signature;
  }

  result(): PrunedKey {
    const { primary, parts } = this.#key;
    const kept: AnyPart[] = [primary];
    let isUserSeen = false;
    let isSubkeySeen = false;
    /** Behind a user ID or subkey that is dropped. */
    let isDropping = false;
    for (const part of parts.slice(1)) {
      if (part.kind !== 'signature') {
        isDropping = !this.#good.has(part);
        if (part.kind === 'user') isUserSeen = true;
        else if (isDropping) this.#notes.add('subkey-not-bound');
        else isSubkeySeen = true;
        if (!isDropping) kept.push(part);
      } else if (!isDropping && this.#isKept(part, isUserSeen, isSubkeySeen)) kept.push(part);
    }
    return {
      key: { primary, parts: kept },
      isCertain: this.#isCertain,
      notes: [...this.#notes],
    };
  }

  #isKept(signature: SignaturePart, isUserSeen: boolean, isSubkeySeen: boolean): boolean {
    const { publicKeyAlgorithm, isExportable, type } = signature;
    const isWritable = isKnownAlgorithm(publicKeyAlgorithm) || publicKeyAlgorithm === RSA;
    if (!isWritable || !isExportable || this.#deleted.has(signature)) return false;
    if (type === keyRevocation && isUserSeen) {
      this.#notes.add('lost-revocation');
      return false;
    }
    if (concernsSubkey(signature) && !isSubkeySeen) return false;
    return type !== back && KEY_SIGNATURES.has(type);
  }
}

interface Newest {
  binding?: SignaturePart;
  revocation?: SignaturePart;
}
