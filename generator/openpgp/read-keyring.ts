// Key files become a keyring as they do on a node: imported one by one into one that is fresh. What is no
// key file is passed over, or refused, as whoever asks wants it.
import { KeyImport } from './import/import-keys.ts';
import { type KeyFacts, readKeyFacts } from './import/key-facts.ts';
import { KEY_NOTES, type KeyNote, describeNote, withoutDoubles } from './import/key-notes.ts';
import { type KeyParts, formatParts } from './import/key-parts.ts';
import type { TermsContext } from './import/key-terms.ts';
import { KeyWorkError } from './import/verify-part.ts';
import { readEngineKey } from './openpgp-js.ts';
import {
  type KeyFile,
  KeyFileError,
  explainNoKeys,
  listKeyParts,
  refusePrivateKey,
} from './keys/key-file.ts';
import { type Keyring, type LostKey, createKeyring } from './keyring.ts';
import type { ReadKey } from './signing-key.ts';

/** Part of the names of keyrings and keys: verdicts by another reading of keys are made again. */
const READING = 'as GnuPG 2.2.40 imports them, 3';

/**
 * Reads the public keys of key files, armored (several blocks a file) or binary, as a node imports
 * them, in this order. Keys by which no signature counts are no signers, and get a note. As of `now`, if
 * a key says different things at different times. Another reading of keys has other names for them.
 * @throws KeyFileError naming the first file that gives no key.
 */
export async function readKeyring(
  files: readonly KeyFile[],
  now: Date = new Date(),
  reading = READING,
): Promise<Keyring> {
  for (const file of files) {
    const refusal = refusePrivateKey(file);
    if (refusal) throw refusal;
  }
  const { keyring, faults } = await importFiles(files, now, reading);
  for (const error of faults.values()) throw error;
  return keyring;
}

/** What there is of key files, some of which may be none. */
export interface UsableKeyring {
  readonly keyring: Keyring;
  /** The files that give no key beside those in front of them, in their order. */
  readonly faults: ReadonlyMap<KeyFile, KeyFileError>;
}

/** The same from as many of the files as can be used; each is looked at once. */
export async function readUsableKeyring(
  files: readonly KeyFile[],
  now: Date = new Date(),
): Promise<UsableKeyring> {
  const refused = new Map<KeyFile, KeyFileError>();
  for (const file of files) {
    const refusal = refusePrivateKey(file);
    if (refusal) refused.set(file, refusal);
  }
  const readable = files.filter((file) => !refused.has(file));
  const { keyring, faults } = await importFiles(readable, now, READING);
  const all = files.flatMap((file): readonly [KeyFile, KeyFileError][] => {
    const error = refused.get(file) ?? faults.get(file);
    return error ? [[file, error]] : [];
  });
  return { keyring, faults: new Map(all) };
}

/** The keys of several keyrings, which no node need have together, with the notes on them. */
export async function joinKeyrings(keyrings: readonly Keyring[]): Promise<Keyring> {
  const importing = new KeyImport({ isOneNode: false });
  const known = new Map<string, Set<string>>();
  for (const { parts, bytes } of keyrings.flatMap(({ imported }) => imported)) {
    const { fingerprint } = parts.primary;
    const copies = known.get(fingerprint) ?? new Set();
    known.set(fingerprint, copies);
    const copy = Buffer.from(bytes).toString('base64');
    if (copies.has(copy)) continue;
    copies.add(copy);
    importing.add({ path: 'the policy', bytes }, parts);
  }
  const { keys } = await readKeys(importing, new Date());
  const notes = keyrings.flatMap((keyring) => keyring.notes);
  const lost = new Map(keyrings.flatMap((keyring) => [...keyring.lost]));
  return createKeyring({ keys, notes, lost }, READING);
}

/** What each imported key of a keyring says of itself as of another time, in their order. */
export function readFactsAt(
  { imported }: Pick<Keyring, 'imported'>,
  now: Date,
): readonly KeyFacts[] {
  const importing = new KeyImport({ isOneNode: false });
  for (const { parts, bytes } of imported) importing.add({ path: 'the keyring', bytes }, parts);
  const { verifier, find: findOther } = importing;
  const context = { verifier, findOther, now: Math.floor(now.getTime() / 1000) };
  return importing.keys.map(({ parts }) => {
    // None took too much when it was imported.
    verifier.startFile();
    return readKeyFacts(parts, context);
  });
}

async function importFiles(
  files: readonly KeyFile[],
  now: Date,
  reading: string,
): Promise<UsableKeyring> {
  const importing = new KeyImport();
  const imports = files.map((file) => {
    const before = importing.notes.length;
    const given = importing.importFile(file);
    return { file, given, notes: importing.notes.slice(before) };
  });
  const { keys, byFingerprint, errors } = await readKeys(importing, now);
  const faults = new Map<KeyFile, KeyFileError>();
  const notes: KeyNote[] = [];
  for (const one of imports) {
    const { file } = one;
    const given = one.given.flatMap((fingerprint) => byFingerprint.get(fingerprint) ?? []);
    const own = [...withoutDoubles(one.notes), ...given.flatMap(noteFacts)];
    const error = errors.get(file);
    const isLeft = given.some(({ facts }) => facts.isValid);
    if (error) faults.set(file, error);
    else if (!isLeft) faults.set(file, explainNoKeys(file, own));
    else notes.push(...own);
  }
  const lost = findLost(files, keys);
  return { keyring: createKeyring({ keys, notes: distinct(notes), lost }, reading), faults };
}

interface KeyOfFile extends ReadKey {
  /** The first of those that give it. */
  readonly file: KeyFile;
}

interface ReadKeys {
  readonly keys: readonly KeyOfFile[];
  readonly byFingerprint: ReadonlyMap<string, KeyOfFile>;
  /** Of files of which nothing is used: it would take too long to read their keys. */
  readonly errors: ReadonlyMap<KeyFile, KeyFileError>;
}

async function readKeys(importing: KeyImport, now: Date): Promise<ReadKeys> {
  const { verifier, find: findOther } = importing;
  const context = { verifier, findOther, now: Math.floor(now.getTime() / 1000) };
  const read: KeyOfFile[] = [];
  const errors = new Map<KeyFile, KeyFileError>();
  verifier.startFile();
  for (const { parts, file } of importing.keys) {
    const facts = tryToReadFacts(parts, file, context);
    if (facts instanceof KeyFileError) {
      errors.set(file, facts);
      continue;
    }
    const bytes = formatParts(parts.parts);
    const engine = facts.isValid ? await readEngineKey(bytes) : NOTHING;
    read.push({ file, parts, bytes, facts, engine });
  }
  const keys = read.filter(({ file }) => !errors.has(file));
  const byFingerprint = new Map(keys.map((key) => [key.facts.primary.key.fingerprint, key]));
  return { keys, byFingerprint, errors };
}

const NOTHING: ReadKey['engine'] = new Map();

function tryToReadFacts(
  parts: KeyParts,
  { path }: KeyFile,
  context: TermsContext,
): KeyFacts | KeyFileError {
  try {
    return readKeyFacts(parts, context);
  } catch (error) {
    if (!(error instanceof KeyWorkError)) throw error;
    const code = 'too-much-to-verify';
    const { cure } = KEY_NOTES[code];
    const message = describeNote({ code, path, fingerprint: parts.primary.fingerprint });
    return new KeyFileError(message, { hint: cure });
  }
}

function noteFacts({ file: { path }, facts }: KeyOfFile): readonly KeyNote[] {
  const { fingerprint } = facts.primary.key;
  return facts.notes.map((code) => ({ code, path, fingerprint }));
}

/** Several files may give a key, of which the first is named. */
function distinct(notes: readonly KeyNote[]): readonly KeyNote[] {
  return [...new Map(notes.map((note) => [JSON.stringify(note), note])).values()];
}

/** The keys and subkeys of files that are not imported, by key ID in lower case. */
function findLost(files: readonly KeyFile[], keys: readonly ReadKey[]): Keyring['lost'] {
  const kept = new Set(
    keys.flatMap(({ facts }) =>
      [facts.primary, ...facts.subkeys].map(({ key }) => key.fingerprint),
    ),
  );
  const lost = new Map<string, LostKey>();
  for (const file of files) {
    for (const { kind, fingerprint, keyId } of listKeyParts(file)) {
      if (!kept.has(fingerprint)) lost.set(keyId, { kind, fingerprint, path: file.path });
    }
  }
  return lost;
}
