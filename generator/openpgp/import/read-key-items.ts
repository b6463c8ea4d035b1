// Cuts binary packets into keys as GnuPG does when it imports (g10/import.c of 2.2.40: read_block):
// what it skips, and what ends the import, with the loss of the key at hand and of all behind it.
import { type Packet, TAG, bodyLengthOf, eachPacket } from '../packets/packets.ts';
import { type KeyPart, isCutKeyTaken, readKeyPart } from './key-part.ts';
import { type KeyParts, type AnyPart, PartCounter, SIGNATURE_TYPE } from './key-parts.ts';
import type { KeyNoteCode } from './key-notes.ts';
import { type BrokenSignature, type SignaturePart, readSignaturePart } from './signature-part.ts';

/** What a file of keys consists of, in its order. */
export type ReadItem =
  | { readonly kind: 'key'; readonly key: KeyParts }
  /** A revocation that stands for itself. */
  | { readonly kind: 'revocation'; readonly signature: SignaturePart }
  | {
      readonly kind: 'note';
      readonly code: KeyNoteCode;
      readonly primary: KeyPart | undefined;
      readonly detail?: string;
    }
  /** More than anybody uses: the rest is not read. */
  | { readonly kind: 'too many' };

const KEY_TAGS: ReadonlySet<number> = new Set([TAG.publicKey, TAG.publicSubkey]);
const MAX_USER_ID_BYTES = 2048;
const MAX_PHOTO_BYTES = 16 * 1024 * 1024;
const MARKER = 10;
const MARKER_BODY = Buffer.from('PGP');
const ONE_PASS_BYTES = 13;
const COMMENT = '#'.charCodeAt(0);
/** Only these may come in pieces, or go on to the end. */
const PARTIAL_TAGS: ReadonlySet<number> = new Set([8, 9, 11, 18, 20]);
const INDETERMINATE_TAGS: ReadonlySet<number> = new Set([8, 9, 11]);
const PRIVATE_TAGS: ReadonlySet<number> = new Set([5, 7]);

/** More than a file of 16 MiB has if its keys are real. */
const MOST_PACKETS = 250_000;
const MOST_KEYS = 10_000;

/** The keys of binary packets, with what is lost on the way, one by one. */
export function* readKeyItems(bytes: Uint8Array): Generator<ReadItem> {
  const reader = new BlockReader();
  for (const packet of eachPacket(bytes)) {
    const goesOn = reader.take(packet);
    yield* reader.giveItems();
    if (!goesOn) break;
  }
  reader.finish();
  yield* reader.giveItems();
}

class BlockReader {
  #items: ReadItem[] = [];
  readonly #noted = new Set<string>();
  #packets = 0;
  #keys = 0;
  #counter = new PartCounter();
  #primary: KeyPart | undefined;
  #parts: AnyPart[] = [];
  /** In a key of another version: all of it is skipped. */
  #skipsKey = false;
  /** Behind a user ID that is too long. */
  #skipsSignatures = false;

  /** False where the import ends. */
  take(packet: Packet): boolean {
    if (++this.#packets > MOST_PACKETS) return this.#refuse();
    const fault = findFrameFault(packet);
    if (fault) return this.#break(fault);
    const { tag, body } = packet;
    if (KEY_TAGS.has(tag) && !packet.isWhole && isCutKeyTaken(body, bodyLengthOf(packet))) {
      this.finish();
      return false;
    }
    if (tag === TAG.publicKey) return this.#takePrimary(body);
    if (tag === TAG.publicSubkey) return this.#takeSubkey(body);
    if (tag === TAG.signature) return this.#takeSignature(packet);
    if (tag === TAG.userId || tag === TAG.userAttribute) return this.#takeUser(packet);
    if (tag === TAG.compressed) return this.#break('compressed-keys');
    if (PRIVATE_TAGS.has(tag)) return this.#break('broken-packet');
    if (tag === MARKER && !MARKER_BODY.equals(body)) return this.#break('broken-packet');
    if (tag === TAG.onePassSignature && (body.length < ONE_PASS_BYTES || body[0] !== 3)) {
      return this.#break('broken-packet');
    }
    this.#skipsSignatures = false;
    return true;
  }

  /** What was read since the last time. */
  giveItems(): readonly ReadItem[] {
    const items = this.#items;
    if (items.length > 0) this.#items = [];
    return items;
  }

  #refuse(): false {
    this.#items.push({ kind: 'too many' });
    this.#primary = undefined;
    return false;
  }

  /** The key at hand, if there is one, is named; of each it is told once. */
  #note(code: KeyNoteCode, detail?: string): void {
    const primary = code === 'old-key' ? undefined : this.#primary;
    const name = `${code} ${primary?.fingerprint} ${detail}`;
    if (this.#noted.has(name)) return;
    this.#noted.add(name);
    this.#items.push({ kind: 'note', code, primary, ...(detail === undefined ? {} : { detail }) });
  }

  #break(code: KeyNoteCode, detail?: string): false {
    this.#note(code, detail);
    this.#primary = undefined;
    this.#parts = [];
    return false;
  }

  /** The key at hand is whole. */
  finish(): void {
    if (this.#primary) {
      this.#items.push({ kind: 'key', key: { primary: this.#primary, parts: this.#parts } });
    }
    this.#primary = undefined;
    this.#parts = [];
  }

  #takePrimary(body: Uint8Array): boolean {
    const [version = 0] = body;
    this.#skipsSignatures = false;
    if (version !== 4) {
      const isOld = version === 2 || version === 3;
      this.#skipsKey = true;
      this.#note(isOld ? 'old-key' : 'newer-key', `version ${version}`);
      return true;
    }
    const key = readKeyPart('primary', body);
    if (!key) return this.#break('broken-packet');
    this.#skipsKey = false;
    this.finish();
    this.#primary = key;
    this.#parts = [key];
    this.#counter = new PartCounter();
    return ++this.#keys <= MOST_KEYS || this.#refuse();
  }

  #takeSubkey(body: Uint8Array): boolean {
    const [version = 0] = body;
    if (version === COMMENT) return true;
    if (version !== 4) return this.#break('newer-part', `a subkey of version ${version}`);
    const key = readKeyPart('subkey', body);
    if (!key) return this.#break('broken-packet');
    return this.#add(key);
  }

  #takeUser(packet: Packet): boolean {
    const { tag, body } = packet;
    const isPhoto = tag === TAG.userAttribute;
    const limit = isPhoto ? MAX_PHOTO_BYTES : MAX_USER_ID_BYTES;
    if (bodyLengthOf(packet) > limit) {
      if (!this.#skipsKey && this.#primary) this.#note('oversized-user-id');
      this.#skipsSignatures = true;
      return true;
    }
    return this.#add({ kind: 'user', isPhoto, body });
  }

  #takeSignature(packet: Packet): boolean {
    const { body } = packet;
    const signature = readSignaturePart(body, bodyLengthOf(packet));
    if (signature === 'cut-short') {
      this.finish();
      return false;
    }
    if (signature === 'too-short') return true;
    if (typeof signature === 'string') return this.#break(...breakBy(signature, body));
    if (this.#skipsSignatures) return true;
    const standsAlone = !this.#primary && !this.#skipsKey;
    if (standsAlone && signature.type === SIGNATURE_TYPE.keyRevocation) {
      this.#items.push({ kind: 'revocation', signature });
      return true;
    }
    return this.#add(signature);
  }

  #add(part: AnyPart): boolean {
    if (part.kind !== 'signature') this.#skipsSignatures = false;
    if (this.#skipsKey || !this.#primary) return true;
    this.#parts.push(part);
    return this.#counter.add(part, this.#primary) || this.#refuse();
  }
}

function breakBy(broken: BrokenSignature, [version = 0]: Uint8Array): [KeyNoteCode, string?] {
  return broken === 'newer'
    ? ['newer-part', `a signature of version ${version}`]
    : ['broken-packet'];
}

/** Whether GnuPG cannot read the header of a packet, or takes none such for its type. */
function findFrameFault({ tag, bytes, isIndeterminate }: Packet): KeyNoteCode | undefined {
  const [first = 0, second = 0] = bytes;
  if (first < 0x80) return 'broken-packet';
  const isNew = (first & 0x40) !== 0;
  const isPartial = isNew && second >= 224 && second < 255;
  if (isPartial && !PARTIAL_TAGS.has(tag)) return 'broken-packet';
  if (isIndeterminate && !INDETERMINATE_TAGS.has(tag)) return 'broken-packet';
  return bytes.length < headerLength(first, second) ? 'broken-packet' : undefined;
}

function headerLength(first: number, second: number): number {
  if ((first & 0x40) === 0) return (first & 3) === 3 ? 1 : 1 + 2 ** (first & 3);
  return second < 192 ? 2 : second < 224 ? 3 : second === 255 ? 6 : 2;
}
