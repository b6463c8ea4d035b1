// What a node would not take of a key file, or takes where other clients do not: a closed table of
// causes and cures.
import { toPrintable } from '../../terms/text.ts';

/** Something about a key file that its owner should know. */
export interface KeyNote {
  readonly code: KeyNoteCode;
  /** The key file. */
  readonly path: string;
  /** The key that it is about, or that is lost; undefined where that is not known. Upper-case hex. */
  readonly fingerprint: string | undefined;
  /** A name, a line or a number to tell. */
  readonly detail?: string;
}

interface NoteTerms {
  /** What the cause is about: the file, or the key whose name is put before it. */
  readonly of: 'file' | 'key';
  readonly cause: string;
  readonly cure: string;
}

/** The cure of a key of a newer version that is alone in its file. */
const OLD_VERSION =
  'give nodes a key of version 4 to verify by: `gpg --quick-generate-key USER rsa3072 sign` makes one';
/** What does not keep GnuPG from importing anything: no reason why a file gives no key. */
const NO_REASONS: ReadonlySet<KeyNoteCode> = new Set([
  'armor-endless',
  'oversized-user-id',
  'subkey-not-bound',
  'subkey-not-cross-certified',
  'revoker-absent',
]);

const EXPORT = 'export the key again: `gpg --export --armor KEY > KEY.asc`';
const ASK = 'ask its owner to certify the user ID again, and to export the key';

/** Why a key, a part of it, or a whole file is not what nodes import. */
export const KEY_NOTES = {
  'armor-checksum': {
    of: 'file',
    cause: 'the checksum of the armor is wrong, so GnuPG takes nothing of the file',
    cure: `the file was changed or cut: ${EXPORT}`,
  },
  'armor-header': {
    of: 'file',
    cause:
      'a line behind BEGIN is neither empty nor a header such as "Comment: text", so GnuPG reads it as part of the key',
    cure: 'remove the line, and leave an empty one behind BEGIN',
  },
  'armor-end-as-data': {
    of: 'file',
    cause:
      'the armor has neither checksum nor padding, so GnuPG reads the END line as part of the key',
    cure: EXPORT,
  },
  'armor-endless': {
    of: 'file',
    cause: 'the armor has no END line: GnuPG takes it, Sequoia does not',
    cure: EXPORT,
  },
  'byte-order-mark': {
    of: 'file',
    cause: 'a byte order mark is in front of BEGIN, so GnuPG does not see that block',
    cure: 'save the file as UTF-8 without a byte order mark, or export the key again',
  },
  'no-key-block': {
    of: 'file',
    cause: 'GnuPG finds no line "-----BEGIN PGP PUBLIC KEY BLOCK-----"',
    cure: `the line must stand alone, without spaces in front, in ASCII or UTF-8: ${EXPORT}`,
  },
  'broken-packet': {
    of: 'file',
    cause:
      'something is not an OpenPGP packet, or is cut short: GnuPG loses the key it belongs to, and all keys behind it',
    cure: `nothing may be in front of, between or behind binary keys, not even a line break: ${EXPORT}`,
  },
  'compressed-keys': {
    of: 'file',
    cause: 'the keys are in a compressed packet, which newer GnuPG and Sequoia refuse',
    cure: EXPORT,
  },
  'newer-key': {
    of: 'file',
    cause:
      'one of the keys has a version after 4: GnuPG 2.2 skips it, GnuPG 2.4 loses the key before a version 6 one as well, Sequoia takes both',
    cure: 'put each key into a file of its own',
  },
  'newer-part': {
    of: 'file',
    cause:
      'a subkey or signature has a version after 4: GnuPG 2.2 loses the key it belongs to, and all keys behind it',
    cure: 'put each key into a file of its own, and export this one without that part',
  },
  'old-key': {
    of: 'file',
    cause: 'one of the keys has a version before 4: GnuPG skips it',
    cure: 'make a new key',
  },
  'oversized-user-id': {
    of: 'key',
    cause: 'has a user ID of more than 2048 bytes, which GnuPG drops',
    cure: 'give the key a shorter user ID with `gpg --quick-add-uid`',
  },
  'unwritable-user-id': {
    of: 'key',
    cause:
      'has a user ID of 2039 to 2048 bytes: GnuPG can read but not store it, and loses the key and all keys behind it',
    cure: 'delete that user ID, or give the key a shorter one',
  },
  'oversized-key': {
    of: 'key',
    cause: 'has more than 5 MiB: GnuPG skips it',
    cure: 'export it without the signatures of others: `gpg --export-options export-minimal --export KEY`',
  },
  'too-many-parts': {
    of: 'file',
    cause:
      'a key has more user IDs and subkeys, or more self-signatures, than any that is used (1000 each), or the file has more packets or keys (250,000 and 10,000), so it is not read',
    cure: EXPORT,
  },
  'too-much-to-verify': {
    of: 'file',
    cause: 'its keys have more self-signatures to verify than any that are used, so it is not read',
    cure: EXPORT,
  },
  'no-user-id': {
    of: 'key',
    cause: 'has no user ID, like keys from keys.openpgp.org: GnuPG does not import it',
    cure: 'ask its owner for the key with its user ID, as `gpg --export` writes it',
  },
  'no-self-certification': {
    of: 'key',
    cause:
      'has no user ID with a good signature by the key itself (it is missing, damaged, or uses MD5): GnuPG does not import it',
    cure: ASK,
  },
  'self-signature-without-issuer': {
    of: 'key',
    cause:
      'has self-signatures that do not name its key ID: GnuPG 2.2 does not recognize them and does not import the key, GnuPG 2.4 does',
    cure: ASK,
  },
  'self-signature-older-than-key': {
    of: 'key',
    cause: 'is younger than its self-signature: GnuPG does not import it',
    cure: `set the clock right where the key is kept, and ${ASK}`,
  },
  'misplaced-certification': {
    of: 'key',
    cause: 'has a certification in front of its user IDs: GnuPG does not import it',
    cure: EXPORT,
  },
  'subkey-of-other': {
    of: 'key',
    cause:
      'is in the keyring already, as a subkey of another key: GnuPG does not import it ("doesn\'t match our copy")',
    cure: 'put this key in front of the other one, or take the other one out: anybody can make a copy of their key with this one as a subkey',
  },
  'unknown-algorithm': {
    of: 'key',
    cause: 'uses an algorithm that GnuPG 2.2 does not know: GnuPG does not import it',
    cure: 'sign with RSA, or with Ed25519 as `gpg --quick-gen-key` makes it',
  },
  'nothing-certified': {
    of: 'key',
    cause:
      'is imported, but no signature by it counts: its self-signature may not be exported, or lies where GnuPG does not look',
    cure: ASK,
  },
  'subkey-not-bound': {
    of: 'key',
    cause: 'has a subkey without a good binding signature: GnuPG drops the subkey',
    cure: EXPORT,
  },
  'subkey-not-cross-certified': {
    of: 'key',
    cause:
      'has a signing subkey whose newest binding lacks a good signature by the subkey: no signature by the subkey counts',
    cure: 'ask its owner for `gpg --edit-key KEY cross-certify save`, and to export the key',
  },
  'lost-revocation': {
    of: 'file',
    cause: 'a revocation belongs to no key in front of it, or does not verify: it has no effect',
    cure: 'put the key in front of its revocation',
  },
  'revoker-absent': {
    of: 'key',
    cause: 'may be revoked by another key that is not among these keys: nodes take it for good',
    cure: 'add the key of the revoker, or do not trust this key any more',
  },
  'from-the-future': {
    of: 'key',
    cause: 'was made in the future: GnuPG does not import it before then',
    cure: 'set the clock right, here or where the key was made',
  },
  'merged-without-user-id': {
    of: 'key',
    cause: "comes again without user IDs: only Debian's GnuPG adds that to what it has",
    cure: EXPORT,
  },
} as const satisfies Readonly<Record<string, NoteTerms>>;

export type KeyNoteCode = keyof typeof KEY_NOTES;

/** What a note says, with the name of the file in front. */
export function describeNote({ code, path, fingerprint, detail }: KeyNote): string {
  const { of, cause }: NoteTerms = KEY_NOTES[code];
  const more = [
    ...(of === 'file' && fingerprint !== undefined ? [`in or behind the key ${fingerprint}`] : []),
    ...(detail === undefined ? [] : [toPrintable(detail)]),
  ];
  const about = of === 'key' ? `the key ${fingerprint ?? ''} ` : '';
  return `${path}: ${about}${cause}${more.length > 0 ? ` (${more.join(', ')})` : ''}`;
}

/** Why nothing was imported of a file, with the cure of the first reason, if there is one. */
export interface EmptyReasons {
  readonly reasons: readonly string[];
  readonly cure: string | undefined;
}

/** More would hide that which matters. */
const MOST_REASONS = 8;

/** Puts the notes of a file of which nothing was imported into words; `keys` are the keys in it. */
export function explainEmpty(notes: readonly KeyNote[], keys: number): EmptyReasons {
  const own = notes.filter(({ code }) => !NO_REASONS.has(code));
  const [first] = own;
  if (!first) {
    const isCut = notes.some(({ code }) => code === 'armor-endless');
    return { reasons: isCut ? ['the armor is cut short'] : [], cure: isCut ? EXPORT : undefined };
  }
  const isNewer = first.code === 'newer-key' || first.code === 'newer-part';
  // The last says why a file is not read any further.
  const some = [...own.slice(0, MOST_REASONS - 1), ...own.slice(MOST_REASONS - 1).slice(-1)];
  const reasons = some.map((note) => describeNote(note).slice(note.path.length + 2));
  const cure = isNewer && keys === 1 ? OLD_VERSION : KEY_NOTES[first.code].cure;
  return { reasons: [...new Set(reasons)], cure };
}

/**
 * A key of a newer version whose own signatures end the import is told of once, by what is lost. GnuPG
 * skips only one that has none.
 */
export function withoutDoubles(notes: readonly KeyNote[]): readonly KeyNote[] {
  return notes.filter(({ code, path }, at) => {
    // Those of a file lie together.
    const next = notes[at + 1];
    return code !== 'newer-key' || next?.path !== path || next.code !== 'newer-part';
  });
}
