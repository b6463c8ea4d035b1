// Key files as they were given: what is refused before anything is imported, and what to say of one that
// gives no key.
import { nameFileIn } from '../../terms/rejection.ts';
import { describeForeignKeyFile } from '../foreign/foreign-key-file.ts';
import { unarmorAsGnupg } from '../import/armor.ts';
import { type KeyPart, readKeyPart } from '../import/key-part.ts';
import { type KeyNote, explainEmpty } from '../import/key-notes.ts';
import { TAG, readPackets } from '../packets/packets.ts';
import { findPrivateKey } from '../packets/private-keys.ts';

/** A key file as it was read. */
export interface KeyFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether it is one key of a file that has several, which was cut at its keys. */
  readonly isOneOfMany?: boolean;
}

/** A file that was given as keys holds none, a private one, or does not parse. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
  /** Whether the file holds a private key. */
  readonly isPrivate: boolean;
  /** The cure, if there is one for this kind of file. */
  readonly hint: string | undefined;
  constructor(message: string, { isPrivate = false, hint, ...options }: KeyFileErrorOptions = {}) {
    super(message, options);
    this.isPrivate = isPrivate;
    this.hint = hint;
  }
}

interface KeyFileErrorOptions extends ErrorOptions {
  readonly isPrivate?: boolean;
  readonly hint?: string | undefined;
}

/** Of a key that GnuPG 2.2 reads. */
const LAST_VERSION = 4;
/** Of a key file, that are looked through for keys that were lost. */
const MOST_PACKETS = 100_000;

/** One rule for whatever is given as keys, in whatever form: undefined for what may be imported. */
export function refusePrivateKey(file: KeyFile): KeyFileError | undefined {
  const finding = findPrivateKey(file.bytes);
  if (finding === 'private') {
    const message = `${file.path}: expected public keys, got a private key`;
    return sayWhatItIs(file, new KeyFileError(message, { isPrivate: true }));
  }
  if (finding === 'closed') {
    return new KeyFileError(`${file.path}: expected OpenPGP public keys, got a compressed packet`);
  }
  return undefined;
}

/** Says of a file that gives no key why not; `notes` are those of this file. */
export function explainNoKeys(file: KeyFile, notes: readonly KeyNote[]): KeyFileError {
  const { path, isOneOfMany = false } = file;
  const primaries = readKeyBodies(file).filter(({ tag }) => tag === TAG.publicKey);
  const { reasons, cure } = explainEmpty(notes, primaries.length);
  const why = reasons.length > 0 ? `: ${reasons.join('; ')}` : '';
  const got = isOneOfMany ? 'among others one that they do not import' : 'none';
  const message = `${path}: expected OpenPGP public keys that nodes import, got ${got}${why}`;
  return sayWhatItIs(file, new KeyFileError(message, { hint: cure }));
}

/** The keys of version 4 in a file, primary keys and subkeys, imported or not. */
export function listKeyParts(file: KeyFile): readonly KeyPart[] {
  return readKeyBodies(file).flatMap(({ tag, body }) => {
    const kind = tag === TAG.publicKey ? 'primary' : 'subkey';
    return (body[0] === LAST_VERSION ? readKeyPart(kind, body) : undefined) ?? [];
  });
}

function readKeyBodies({ bytes }: KeyFile) {
  const packets = readPackets(unarmorAsGnupg(bytes).bytes, MOST_PACKETS);
  return packets.filter(({ tag }) => tag === TAG.publicKey || tag === TAG.publicSubkey);
}

/** An error that says what a file is instead of keys, where that can be seen. */
function sayWhatItIs({ path, bytes }: KeyFile, error: KeyFileError): KeyFileError {
  const foreign = describeForeignKeyFile(bytes);
  if (!foreign || (error.isPrivate && !foreign.isPrivate)) return error;
  const { got, hint, isPrivate } = foreign;
  return new KeyFileError(`${path}: expected OpenPGP public keys, got ${got}`, {
    isPrivate,
    hint: nameFileIn(hint, path),
    cause: error,
  });
}
