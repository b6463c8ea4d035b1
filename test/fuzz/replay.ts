// Files that the judges disagreed about, kept as a signature tree beside their keyring, so
// that they can be judged again, also by the command line of this project.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { formatLocation } from '../../generator/terms/location.ts';
import type { Case } from './cases.ts';
import { HEX, PLACES } from './place.ts';

const KEYRING = 'known.gpg';

/** Makes a temporary directory that stays. */
export async function makeReplayDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'lookaside-fuzz-'));
}

/** Writes a case, with a number above 0, and the keyring; gives the file's path. */
export function keepFile(directory: string, number: number, one: Case, keyring: Buffer): string {
  const file = join(directory, formatLocation(`${one.place}@sha256=${HEX}`, number));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, one.bytes);
  writeFileSync(join(directory, KEYRING), keyring);
  return file;
}

/** Reads what {@link keepFile} wrote. Throws for a file that lies elsewhere. */
export function readKept(file: string): { readonly keyring: Buffer; readonly case: Case } {
  const place = PLACES.find((name) => file.includes(`/${name}@sha256=${HEX}/`));
  if (place === undefined)
    throw new Error(`${file}: expected a path with HOST/REPOSITORY@sha256=${HEX}`);
  const directory = file.slice(0, file.indexOf(`/${place}@`));
  return {
    keyring: readFileSync(join(directory, KEYRING)),
    case: { kinds: ['replay'], what: file, place, bytes: readFileSync(file) },
  };
}
