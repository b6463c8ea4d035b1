import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyFileError, type Keyring, readKeyring } from '../../generator/openpgp/openpgp-js.ts';
import { UsageError } from '../base/usage-error.ts';
import { messageOf } from '../../generator/terms/errors.ts';

/** A private key among public ones is no mere slip: the file may be handed out, or was. */
export const PRIVATE_KEY_HINT =
  'export public keys with `gpg --export --armor KEY > KEY.asc`; if others could read the private one, sign with another key';

/** The names of files that are read in a directory of keys. */
export const KEY_FILE = /\.(?:asc|gpg)$/;

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
  return explain(async () => {
    const files = (await Promise.all(paths.map(async (path) => keyFiles(path)))).flat();
    return readFiles(files);
  }, `${origin}: `);
}

/**
 * Reads the keyring from files, each of them a file of keys.
 * @throws UsageError naming the file that cannot be used.
 */
export async function readKeyFiles(files: readonly string[]): Promise<Keyring> {
  return explain(async () => readFiles(files));
}

async function readFiles(files: readonly string[]): Promise<Keyring> {
  return readKeyring(
    await Promise.all(files.map(async (path) => ({ path, bytes: await readFile(path) }))),
  );
}

async function explain(read: () => Promise<Keyring>, where = ''): Promise<Keyring> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const reason = messageOf(cause);
    if (!(cause instanceof KeyFileError)) {
      const hint = 'name a file of public keys that can be read, or a directory of them';
      throw new UsageError(`${where}cannot read keys: ${reason}`, hint, { cause });
    }
    const hint = 'export public keys with `gpg --export --armor KEY > KEY.asc`';
    const cure = cause.isPrivate ? PRIVATE_KEY_HINT : (cause.cure ?? hint);
    throw new UsageError(reason, cure, { cause });
  }
}

async function keyFiles(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => KEY_FILE.test(name)).toSorted();
  if (names.length === 0) {
    throw new UsageError(`${path}: expected .asc or .gpg files, got none`, 'put public keys there');
  }
  return names.map((name) => join(path, name));
}

/** Whether keys were refused for a private one among them. */
export function isPrivateKeyError(error: unknown): error is UsageError {
  return (
    error instanceof UsageError && error.cause instanceof KeyFileError && error.cause.isPrivate
  );
}
