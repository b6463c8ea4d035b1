// Key files, read as far as they can be used: what is wrong with one of them says nothing about others.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, parse, resolve } from 'node:path';
import { type KeyFile, KeyFileError } from '../../generator/openpgp/keys/key-file.ts';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import { readKeyring, readUsableKeyring } from '../../generator/openpgp/read-keyring.ts';
import { splitKeyFile } from '../../generator/openpgp/keys/split-key-file.ts';
import type { KeyFault } from '../../generator/policy/key-faults.ts';
import {
  type ReleaseKeyring,
  readReleaseKeyring,
} from '../../generator/release/release-keyring.ts';
import { MOST_KEY_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import { UsageError } from '../base/usage-error.ts';

/** A private key among public ones is no mere slip: the file may be handed out, or was. */
export const PRIVATE_KEY_HINT =
  'export public keys with `gpg --export --armor KEY > KEY.asc`; if others could read the private one, sign with another key';

/** So many names are told of a directory without keys. */
const SHOWN = 5;

/** The names of files that are read in a directory of keys. */
export const KEY_FILE = /\.(?:asc|gpg)$/;

/** Whoever names keys, and how. */
export interface NamedKeys {
  /** Files, and directories of files. */
  readonly paths: readonly string[];
  /** What messages of files that cannot be read begin with: an option, or a place in a file. */
  readonly origin?: string;
  /**
   * As a node reads them: a path is one file, and one that cannot be read leaves nothing of the others
   * (containers/image signature/policy_eval_signedby.go), while one that holds no keys does.
   */
  readonly isForNode?: boolean;
  /** Key by key, to be written anew: each key that is lost is a fault, and none takes another along. */
  readonly isKeyByKey?: boolean;
  /** What was good last, by full paths: each copy stands in for its own file where that is broken. */
  readonly lastGood?: readonly KeyFile[];
}

/** What is wrong with something that was named. */
export interface FoundFault extends Pick<KeyFault, 'isKept' | 'isRevised'> {
  /** Has a hint. */
  readonly error: UsageError;
}

/** What may stand in one day for files that were named, by their full paths. */
export interface KeyCopies {
  /** As they are now. */
  readonly good: readonly KeyFile[];
  /** Of files that are broken now: what was good last, and what they say of it now, as a revocation. */
  readonly kept: readonly KeyFile[];
}

/** What could be used of the keys that were named. */
export interface UsableKeys {
  /** Without keys where none could be used. */
  readonly keyring: Keyring;
  readonly faults: readonly FoundFault[];
  readonly copies: KeyCopies;
}

/**
 * Reads the keyring from files and directories; undefined if none are named. `origin` says who named
 * them: an option, or a place in the configuration file.
 * @throws UsageError naming the file that cannot be used.
 */
export async function readKeys(
  paths: readonly string[],
  origin: string,
): Promise<Keyring | undefined> {
  if (paths.length === 0) return undefined;
  const { keyring, faults } = await readUsableKeys({ paths, origin });
  if (faults[0]) throw faults[0].error;
  return keyring;
}

/**
 * Reads the keyrings of a release area, one a file, as the cluster-version operator loads them.
 * @throws UsageError naming the file that it could not load
 */
export async function readReleaseKeys(
  paths: readonly string[],
  origin: string,
): Promise<readonly ReleaseKeyring[]> {
  const found = (
    await Promise.all(paths.map(async (path) => readPath(path, { paths, origin })))
  ).flat();
  return found.map((file) => {
    if ('error' in file) throw file.error;
    try {
      return readReleaseKeyring(file);
    } catch (cause) {
      throw cause instanceof KeyFileError ? explainKeyFile(cause) : cause;
    }
  });
}

/** Reads what can be used of files and directories, and says what cannot. */
export async function readUsableKeys(named: NamedKeys): Promise<UsableKeys> {
  const { paths, isForNode = false } = named;
  const found = (await Promise.all(paths.map(async (path) => readPath(path, named)))).flat();
  const given = found.filter((one) => 'bytes' in one);
  const read = named.isKeyByKey ? await importKeyByKey(given) : await importFiles(given);
  const good = read.files.map(toCopy);
  const broken = [...found.filter((one) => 'error' in one), ...read.faults];
  if (broken.length === 0) {
    return { keyring: read.keyring, faults: [], copies: { good, kept: [] } };
  }
  const copies = broken.map(({ path }) => copiesOf(path, named, given));
  const { files, keyring } = await importBeside(read, copies.flat(), given);
  const added = given.filter((file) => files.includes(file) && !read.files.includes(file));
  const faults = broken.flatMap(({ path, error }, index): readonly FoundFault[] => {
    const isKept = copies[index]?.some((copy) => files.includes(copy)) ?? false;
    const isRevised = added.some((file) => file.path === path);
    return isRevised && !isKept ? [] : [{ error, isKept, ...(isRevised && { isRevised }) }];
  });
  const isLost = faults.some(({ error, isKept }) => !isKept && takesAll(error, isForNode));
  return {
    keyring: isLost ? await readKeyring([]) : keyring,
    // What costs the whole requirement is told first.
    faults: faults.toSorted((one, other) => Number(one.isKept) - Number(other.isKept)),
    copies: { good, kept: [...copies.flat(), ...added].map(toCopy) },
  };
}

/** Keys that lie in no file of their own, as in a policy; the path of `file` is for messages. */
export async function readUsableData(file: KeyFile): Promise<UsableKeys> {
  const { faults, keyring } = await importFiles([file]);
  return {
    keyring,
    faults: faults.map(({ error }) => ({ error, isKept: false })),
    // The same text was never good before.
    copies: { good: [], kept: [] },
  };
}

/** What was good last of the very thing that lies at `path`, which may be a directory. */
function copiesOf(
  path: string,
  { isForNode = false, lastGood = [] }: NamedKeys,
  given: readonly KeyFile[],
): readonly KeyFile[] {
  const place = resolve(path);
  return lastGood.flatMap((copy) => {
    const isInside = !isForNode && KEY_FILE.test(copy.path) && dirname(copy.path) === place;
    if (copy.path !== place && !isInside) return [];
    const own = { path: isInside ? join(path, basename(copy.path)) : path, bytes: copy.bytes };
    return given.some((file) => isSameFile(file, own)) ? [] : [own];
  });
}

function isSameFile(one: KeyFile, other: KeyFile): boolean {
  return one.path === other.path && Buffer.from(one.bytes).equals(other.bytes);
}

function toCopy({ path, bytes }: KeyFile): KeyFile {
  return { path: resolve(path), bytes };
}

/**
 * Imports copies before all that was given, so that whatever that revokes is revoked of them too: a
 * certificate that revokes the key whose place it has taken is no key file by itself.
 */
async function importBeside(
  read: ImportedFiles,
  copies: readonly KeyFile[],
  given: readonly KeyFile[],
): Promise<ImportedFiles> {
  if (copies.length === 0) return read;
  const beside = await importFiles([...copies, ...given]);
  // No copy is worth a file that can be used now.
  return read.files.every((file) => beside.files.includes(file)) ? beside : read;
}

/** Something that was named as keys and cannot be used. */
interface BrokenPath {
  readonly path: string;
  readonly error: UsageError;
}

/** Whether nothing may be taken beside it: a slip with a private key is looked into first. */
function takesAll(error: UsageError, isForNode: boolean): boolean {
  return (isForNode && !(error.cause instanceof KeyFileError)) || isPrivateKeyError(error);
}

async function readPath(
  path: string,
  { origin, isForNode = false }: NamedKeys,
): Promise<readonly (KeyFile | BrokenPath)[]> {
  try {
    const files = isForNode ? [path] : await listFiles(path);
    return await Promise.all(files.map(async (file) => readKeyFile(file, origin)));
  } catch (cause) {
    return [{ path, error: explainUnreadable(cause, origin) }];
  }
}

async function readKeyFile(
  path: string,
  origin: string | undefined,
): Promise<KeyFile | BrokenPath> {
  try {
    return { path, bytes: await readBounded(path, MOST_KEY_BYTES) };
  } catch (cause) {
    return { path, error: explainUnreadable(cause, origin) };
  }
}

function explainUnreadable(cause: unknown, origin: string | undefined): UsageError {
  if (cause instanceof UsageError) return cause;
  const where = origin === undefined ? '' : `${origin}: `;
  const hint = 'name a file of public keys that can be read, or a directory of them';
  return new UsageError(`${where}cannot read keys: ${messageOf(cause)}`, hint, { cause });
}

async function listFiles(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const found = (await readdir(path)).toSorted();
  const names = found.filter((name) => KEY_FILE.test(name));
  if (names.length === 0) {
    const others = found.filter((name) => !/^(?:\.|README|LICENSE|CODEOWNERS$)/i.test(name));
    const [first] = others;
    if (first === undefined) {
      const message = `${path}: expected .asc or .gpg files, got none`;
      throw new UsageError(message, 'put public keys there');
    }
    const more = others.length > SHOWN ? ` and ${others.length - SHOWN} more` : '';
    throw new UsageError(
      `${path}: expected .asc or .gpg files, got only ${others.slice(0, SHOWN).join(', ')}${more}`,
      `rename what is an OpenPGP key, for example ${first} to ${parse(first).name}.asc, or export it anew: \`gpg --export --armor KEY > KEY.asc\``,
    );
  }
  return names.map((name) => join(path, name));
}

/** What of the files can be used. One that only adds to the key of another, as a revocation does, counts beside it. */
async function importFiles(files: readonly KeyFile[]): Promise<ImportedFiles> {
  const { keyring, faults } = await readUsableKeyring(files);
  return {
    files: files.filter((file) => !faults.has(file)),
    faults: [...faults].map(([{ path }, cause]) => ({ path, error: explainKeyFile(cause) })),
    keyring,
  };
}

/** For those who write keys anew: what was given, and cannot be written, is a fault. */
async function importKeyByKey(files: readonly KeyFile[]): Promise<ImportedFiles> {
  const split = files.map((file) => splitKeyFile(file));
  const read = await importFiles(split.flatMap((one) => one.files));
  const notes = [...read.keyring.notes, ...split.flatMap((one) => one.notes)];
  return { ...read, keyring: { ...read.keyring, notes } };
}

interface ImportedFiles {
  readonly files: readonly KeyFile[];
  readonly faults: readonly BrokenPath[];
  readonly keyring: Keyring;
}

const EXPORT_HINT = 'export public keys with `gpg --export --armor KEY > KEY.asc`';

function explainKeyFile(cause: KeyFileError): UsageError {
  const hint = cause.hint ?? (cause.isPrivate ? PRIVATE_KEY_HINT : EXPORT_HINT);
  return new UsageError(cause.message, hint, { cause });
}

/** Whether keys were refused for a private one among them. */
export function isPrivateKeyError(error: unknown): error is UsageError {
  return hasOwnCure(error) && error.cause instanceof KeyFileError && error.cause.isPrivate;
}

/** Whether it is known what a key file is instead, and so what to do. */
export function hasOwnCure(error: unknown): error is UsageError {
  if (!(error instanceof UsageError && error.cause instanceof KeyFileError)) return false;
  return error.cause.isPrivate || error.cause.hint !== undefined;
}

/** Whether a file that was named is not there. */
export function isMissingFile(error: UsageError): boolean {
  return hasCode(error.cause, 'ENOENT');
}
