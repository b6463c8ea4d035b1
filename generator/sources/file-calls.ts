// The calls of the file system that a directory is read with.
import {
  type BigIntStats,
  type Dirent,
  lstat,
  lstatSync,
  readFile,
  readFileSync,
  readdir,
  readdirSync,
} from 'node:fs';
import { promisify } from 'node:util';

export interface FileCalls {
  readonly list: (directory: Buffer) => Promise<Dirent<Buffer>[]>;
  readonly stat: (path: Buffer) => Promise<BigIntStats>;
  readonly read: (path: string) => Promise<Buffer>;
}

const LISTED = { withFileTypes: true, encoding: 'buffer' } as const;
const EXACT = { bigint: true } as const;

const listPatiently = promisify(readdir);
const statPatiently = promisify(lstat);
const readPatiently = promisify(readFile);

/** In the thread pool: a file system that hangs stops nothing else. */
export const PATIENT_CALLS: FileCalls = {
  list: async (directory) => listPatiently(directory, LISTED),
  stat: async (path) => statPatiently(path, EXACT),
  read: async (path) => readPatiently(path),
};

/** For a process that has nothing else to do: several times cheaper. */
export const BLOCKING_CALLS: FileCalls = {
  list: async (directory) => readdirSync(directory, LISTED),
  stat: async (path) => lstatSync(path, EXACT),
  read: async (path) => readFileSync(path),
};
