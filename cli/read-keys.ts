import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyFileError, type Keyring, readKeyring } from '../generator/openpgp/openpgp-js.ts';
import { Complaint } from './complaint.ts';
import { messageOf } from '../generator/message-of.ts';

const KEY_FILE = /\.(?:asc|gpg)$/;

/**
 * Reads the keyring from files and directories; undefined if none are named.
 * @throws Complaint naming the file that cannot be used.
 */
export async function readKeys(paths: readonly string[]): Promise<Keyring | undefined> {
  if (paths.length === 0) return undefined;
  return explain(async () => {
    const files = (await Promise.all(paths.map(async (path) => keyFiles(path)))).flat();
    return readFiles(files);
  });
}

/**
 * Reads the keyring from files, each of them a file of keys.
 * @throws Complaint naming the file that cannot be used.
 */
export async function readKeyFiles(files: readonly string[]): Promise<Keyring> {
  return explain(async () => readFiles(files));
}

async function readFiles(files: readonly string[]): Promise<Keyring> {
  return readKeyring(
    await Promise.all(files.map(async (path) => ({ path, bytes: await readFile(path) }))),
  );
}

async function explain(read: () => Promise<Keyring>): Promise<Keyring> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof Complaint) throw cause;
    const reason = messageOf(cause);
    const message = cause instanceof KeyFileError ? reason : `cannot read keys: ${reason}`;
    const hint =
      cause instanceof KeyFileError
        ? 'export public keys with `gpg --export --armor KEY > KEY.asc`'
        : 'name a file or directory that can be read with --keys';
    throw new Complaint(message, hint, { cause });
  }
}

async function keyFiles(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => KEY_FILE.test(name)).toSorted();
  if (names.length === 0) {
    throw new Complaint(`${path}: expected .asc or .gpg files, got none`, 'put public keys there');
  }
  return names.map((name) => join(path, name));
}
