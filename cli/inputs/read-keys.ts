// Key files, read as far as they can be used: what is wrong with one of them says nothing about others.
import { readdir, stat } from 'node:fs/promises';
import { join, normalize, parse } from 'node:path';
import {
  type KeyFile,
  KeyFileError,
  type Keyring,
  readKeyring,
} from '../../generator/openpgp/openpgp-js.ts';
import type { KeyFault } from '../../generator/policy/key-faults.ts';
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
  /** The files that were good last, which stand in for those that are not now. */
  readonly lastGood?: readonly KeyFile[];
}

/** What is wrong with something that was named. */
export interface FoundFault extends Pick<KeyFault, 'isKept'> {
  /** Has a hint. */
  readonly error: UsageError;
}

/** What could be used of the keys that were named. */
export interface UsableKeys {
  /** Without keys where none could be used. */
  readonly keyring: Keyring;
  /** What the keyring was read from. */
  readonly files: readonly KeyFile[];
  readonly faults: readonly FoundFault[];
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

/** Reads what can be used of files and directories, and says what cannot. */
export async function readUsableKeys(named: NamedKeys): Promise<UsableKeys> {
  const { paths, isForNode = false, lastGood = [] } = named;
  const found = (await Promise.all(paths.map(async (path) => readPath(path, named)))).flat();
  const read = await importFiles(found.filter((one) => 'bytes' in one));
  const broken = [...found.filter((one) => 'error' in one), ...read.faults];
  if (broken.length === 0) return { ...read, faults: [] };
  const standIns = broken.map(({ path }) => lastGood.filter((file) => liesAt(file.path, path)));
  const isLost = broken.some(
    ({ error }, index) => standIns[index]?.length === 0 && takesAll(error, isForNode),
  );
  const files = isLost ? [] : [...read.files, ...standIns.flat()];
  // A list that is another one now may have nothing left of what was good.
  const usable = files.length > 0 ? files : lastGood;
  return {
    keyring: await readKeyring(usable),
    files: usable,
    faults: broken.map(({ error }, index) =>
      toFault(error, usable === lastGood ? lastGood : standIns[index]),
    ),
  };
}

/** Keys that lie in no file of their own, as in a policy; the path of `file` is for messages. */
export async function readUsableData(
  file: KeyFile,
  lastGood: readonly KeyFile[] = [],
): Promise<UsableKeys> {
  const { files, faults, keyring } = await importFiles([file]);
  if (faults.length === 0) return { files, faults: [], keyring };
  return {
    files: lastGood,
    faults: faults.map(({ error }) => toFault(error, lastGood)),
    keyring: await readKeyring(lastGood),
  };
}

function toFault(error: UsageError, standIns: readonly KeyFile[] = []): FoundFault {
  return { error, isKept: standIns.length > 0 };
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

/** `path` may be a directory. */
function liesAt(file: string, path: string): boolean {
  return file === path || file.startsWith(`${normalize(path).replace(/\/$/, '')}/`);
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

/**
 * Reads the files that can be imported, one by one where they cannot be all together. One that only adds
 * to the key of another, as a revocation does, counts beside it.
 */
async function importFiles(files: readonly KeyFile[]): Promise<ImportedFiles> {
  const whole = await tryToImport(files);
  if (!(whole instanceof KeyFileError)) return { files, faults: [], keyring: whole };
  const alone = await Promise.all(files.map(async (file) => tryToImport([file])));
  let good = files.filter((_file, index) => !(alone[index] instanceof KeyFileError));
  let keyring = await readKeyring(good);
  const faults: BrokenPath[] = [];
  for (const [index, error] of alone.entries()) {
    if (!(error instanceof KeyFileError)) continue;
    const added = files.filter((file, at) => at === index || good.includes(file));
    const imported = error.isPrivate || good.length === 0 ? error : await tryToImport(added);
    if (imported instanceof KeyFileError) {
      faults.push({ path: files[index]?.path ?? '', error: explainKeyFile(error) });
    } else {
      [good, keyring] = [added, imported];
    }
  }
  return { files: good, faults, keyring };
}

async function tryToImport(files: readonly KeyFile[]): Promise<Keyring | KeyFileError> {
  try {
    return await readKeyring(files);
  } catch (error) {
    if (error instanceof KeyFileError) return error;
    throw error;
  }
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
