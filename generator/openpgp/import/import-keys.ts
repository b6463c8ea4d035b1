// What a node has of its key files: `gpg --import` of GnuPG 2.2.40, as Debian builds it, into one
// fresh keyring, file by file (g10/import.c: import, import_one_real, import_revoke_cert).
import { unarmorAsGnupg } from './armor.ts';
import type { KeyNote, KeyNoteCode } from './key-notes.ts';
import type { KeyPart } from './key-part.ts';
import {
  type KeyParts,
  type AnyPart,
  SIGNATURE_TYPE,
  isBySelf,
  isCertification,
  isReasonable,
  isSameSignature,
  lengthOf,
} from './key-parts.ts';
import { mergeKey } from './merge-key.ts';
import { type PrunedKey, pruneKey } from './prune-key.ts';
import { type ReadItem, readKeyItems } from './read-key-items.ts';
import { repairKey } from './repair-key.ts';
import type { SignaturePart } from './signature-part.ts';
import { KeyWorkError, PartVerifier, isKnownAlgorithm } from './verify-part.ts';

/** A key file, and where it is from. */
export interface FileToImport {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A key as it lies in the keyring afterwards. */
export interface ImportedKey {
  readonly parts: KeyParts;
  /** The one that it came in first. */
  readonly file: FileToImport;
}

const MAX_KEY_BYTES = 5 * 1024 * 1024;
const MIN_UNWRITABLE_BYTES = 2039;
/** Of signatures and user IDs, to say why none is good. */
const MOST_TO_EXPLAIN = 20;
const MARK = Buffer.from('efbbbf2d2d2d2d2d424547494e', 'hex');

/** A keyring of GnuPG while files are imported into it. */
export class KeyImport {
  readonly verifier = new PartVerifier();
  readonly #keys = new Map<string, ImportedKey>();
  /** By the fingerprint of a primary key or subkey, the first key in the keyring that has it. */
  readonly #holders = new Map<string, string>();
  /** The place of each key in the keyring. */
  readonly #ranks = new Map<string, number>();
  readonly #byKeyId = new Map<string, string>();
  readonly #notes: KeyNote[] = [];
  readonly #isOneNode: boolean;
  /** The keys that the file at hand gave, and how to take that back. */
  readonly #given = new Set<string>();
  #undo: (() => void)[] = [];

  /** Keys that no node has together do not stand in each other's way. */
  constructor({ isOneNode = true }: { readonly isOneNode?: boolean } = {}) {
    this.#isOneNode = isOneNode;
  }

  /** In the order in which they came. */
  get keys(): readonly ImportedKey[] {
    return [...this.#keys.values()];
  }

  get notes(): readonly KeyNote[] {
    return this.#notes;
  }

  /** The key whose primary key has an ID (lower-case hex), if it is there. */
  readonly find = (keyId: string): KeyParts | undefined =>
    this.#keys.get(this.#byKeyId.get(keyId) ?? '')?.parts;

  /** Adds a key that was imported already. */
  add(file: FileToImport, key: KeyParts): void {
    const known = this.#keys.get(key.primary.fingerprint);
    this.#keep(file, known ? mergeKey(known.parts, key) : key);
  }

  /**
   * Imports a file: the fingerprints of the keys that it gives, or that it adds to. Nothing is imported of
   * one that takes too much to read.
   */
  importFile(file: FileToImport): readonly string[] {
    this.#given.clear();
    this.#undo = [];
    if (!this.#tryToImport(file)) {
      for (const undo of this.#undo.toReversed()) undo();
      this.#given.clear();
    }
    return [...this.#given];
  }

  /** False if it takes too much to read it. */
  #tryToImport(file: FileToImport): boolean {
    const { path, bytes } = file;
    const armor = unarmorAsGnupg(bytes);
    const note = (code: KeyNoteCode): void => this.#note(path, code, undefined);
    if (Buffer.from(bytes).includes(MARK)) note('byte-order-mark');
    if (armor.hasBadHeader) note('armor-header');
    if (armor.readsEnd) note('armor-end-as-data');
    if (armor.hasWrongChecksum) {
      if (!armor.hasBadHeader) note('armor-checksum');
      return true;
    }
    if (armor.isEndless) note('armor-endless');
    if ((armor.isArmored && armor.blocks === 0) || isUtf16(bytes)) {
      note('no-key-block');
      return true;
    }
    this.verifier.startFile();
    try {
      return this.#importItems(file, readKeyItems(armor.bytes));
    } catch (error) {
      if (!(error instanceof KeyWorkError)) throw error;
      note('too-much-to-verify');
      return false;
    }
  }

  #importItems(file: FileToImport, items: Iterable<ReadItem>): boolean {
    for (const item of items) {
      const outcome = this.#take(file, item);
      if (outcome === 'refused') return false;
      if (outcome === 'end') break;
    }
    return true;
  }

  #note(path: string, code: KeyNoteCode, primary: KeyPart | undefined, detail?: string): void {
    const fingerprint = primary?.fingerprint;
    this.#notes.push({ code, path, fingerprint, ...(detail === undefined ? {} : { detail }) });
  }

  #take(file: FileToImport, item: ReadItem): Outcome {
    const { path } = file;
    switch (item.kind) {
      case 'note':
        this.#note(path, item.code, item.primary, item.detail);
        return 'dropped';
      case 'revocation':
        return this.#importRevocation(file, item.signature);
      case 'key':
        return this.#importKey(file, item.key);
      case 'too many':
        this.#note(path, 'too-many-parts', undefined);
        return 'refused';
    }
  }

  #importKey(file: FileToImport, read: KeyParts): Outcome {
    const { path } = file;
    const pruned = this.#prune(read);
    if (!pruned) {
      this.#note(path, 'misplaced-certification', read.primary);
      return 'dropped';
    }
    const { primary, parts } = pruned.key;
    if (this.#isSubkeyOfOther(path, primary)) return 'dropped';
    const known = this.#keys.get(primary.fingerprint);
    const hasUser = parts.some(({ kind }) => kind === 'user');
    if (!known && !hasUser) {
      this.#note(path, whyNoUser(read, this.verifier), primary);
      return 'dropped';
    }
    if (parts.some(isUnwritable)) {
      this.#note(path, 'unwritable-user-id', primary);
      return 'end';
    }
    for (const code of pruned.notes) this.#note(path, code, primary);
    if (known && !hasUser) this.#note(path, 'merged-without-user-id', primary);
    const merged = known ? mergeKey(known.parts, pruned.key) : pruned.key;
    return this.#keep(file, merged);
  }

  /** GnuPG looks for a primary key among subkeys too, and stops there ("doesn't match our copy"). */
  #isSubkeyOfOther(path: string, primary: KeyPart): boolean {
    const holder = this.#holders.get(primary.fingerprint);
    if (!this.#isOneNode || holder === undefined || holder === primary.fingerprint) return false;
    const from = this.#keys.get(holder)?.file.path ?? path;
    this.#note(path, 'subkey-of-other', primary, `of the key ${holder} in ${from}`);
    return true;
  }

  #prune(read: KeyParts): PrunedKey | undefined {
    return pruneKey(
      repairKey(read, this.verifier, (keyId) => this.find(keyId)?.primary),
      this.verifier,
    );
  }

  #keep(file: FileToImport, key: KeyParts): Outcome {
    const { path } = file;
    const { fingerprint, keyId } = key.primary;
    if (!isReasonable(key)) {
      this.#note(path, 'too-many-parts', key.primary);
      return 'refused';
    }
    const isLarge = lengthOf(key.parts) > MAX_KEY_BYTES;
    const parts = isLarge ? withoutOthers(key) : key;
    if (isLarge && lengthOf(parts.parts) > MAX_KEY_BYTES) {
      this.#note(path, 'oversized-key', key.primary);
      return 'dropped';
    }
    this.#given.add(fingerprint);
    const first = this.#keys.get(fingerprint)?.file ?? file;
    this.#set(this.#keys, fingerprint, { parts, file: first });
    this.#hold(parts);
    if (!this.#byKeyId.has(keyId)) this.#set(this.#byKeyId, keyId, fingerprint);
    return 'taken';
  }

  /** Until the file at hand is taken back. */
  #set<Value>(map: Map<string, Value>, key: string, value: Value): void {
    const before = map.get(key);
    map.set(key, value);
    this.#undo.push(() => void (before === undefined ? map.delete(key) : map.set(key, before)));
  }

  #hold({ primary: { fingerprint }, parts }: KeyParts): void {
    const rank = this.#ranks.get(fingerprint) ?? this.#ranks.size;
    this.#set(this.#ranks, fingerprint, rank);
    for (const part of parts) {
      if (part.kind !== 'primary' && part.kind !== 'subkey') continue;
      const holder = this.#holders.get(part.fingerprint);
      if (!holder || rank < (this.#ranks.get(holder) ?? 0)) {
        this.#set(this.#holders, part.fingerprint, fingerprint);
      }
    }
  }

  /** A revocation that does not verify ends the import; one of an absent key is passed over. */
  #importRevocation(file: FileToImport, revocation: SignaturePart): Outcome {
    const known = this.find(revocation.issuer);
    const primary = known?.primary;
    const isGood = primary && this.verifier.verifySelf(revocation, primary, primary) !== 'bad';
    if (!known || !isGood) {
      this.#note(file.path, 'lost-revocation', primary);
      return known ? 'end' : 'dropped';
    }
    const [, ...rest] = known.parts;
    const isKnown = rest.some(
      (part) =>
        part.kind === 'signature' &&
        part.type === SIGNATURE_TYPE.keyRevocation &&
        isSameSignature(part, revocation),
    );
    const parts = isKnown ? known.parts : [primary, revocation, ...rest];
    return this.#keep(file, { primary, parts });
  }
}

/** `end`: nothing behind it in the file is imported; `refused`: the file is not taken at all. */
type Outcome = 'taken' | 'dropped' | 'end' | 'refused';

/** As PowerShell writes what it is given. */
function isUtf16([first, second]: Uint8Array): boolean {
  return first === 0xff && second === 0xfe;
}

function isUnwritable(part: AnyPart): boolean {
  return part.kind === 'user' && !part.isPhoto && part.body.length >= MIN_UNWRITABLE_BYTES;
}

function withoutOthers({ primary, parts }: KeyParts): KeyParts {
  return {
    primary,
    parts: parts.filter((part) => part.kind !== 'signature' || isBySelf(part, primary)),
  };
}

/** Why GnuPG keeps no user ID of a key. */
function whyNoUser({ primary, parts }: KeyParts, verifier: PartVerifier): KeyNoteCode {
  if (!isKnownAlgorithm(primary.algorithm)) return 'unknown-algorithm';
  const users = parts.filter((part) => part.kind === 'user');
  if (users.length === 0) return 'no-user-id';
  const certifications = parts.filter((part) => part.kind === 'signature').filter(isCertification);
  const good = certifications
    .slice(0, MOST_TO_EXPLAIN)
    .filter((part) =>
      users
        .slice(0, MOST_TO_EXPLAIN)
        .some((user) => verifier.verify(part, primary, primary, user) === 'good'),
    );
  if (good.some((part) => !isBySelf(part, primary))) {
    return 'self-signature-without-issuer';
  }
  return good.length > 0 ? 'self-signature-older-than-key' : 'no-self-certification';
}
