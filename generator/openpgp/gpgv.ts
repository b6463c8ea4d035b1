// The second engine: GnuPG's gpgv, whose word most nodes follow. One process a message, with a
// keyring file of its own and nothing else: no home, no configuration, no shell.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import pLimit from 'p-limit';
import { MAX_BLOB_BYTES } from '../blob.ts';
import { type Rejection, isRejection, reject } from '../rejection.ts';
import { type ValidSignature, readGpgvStatus } from './gpgv-status.ts';

/** What gpgv says of a message. */
export interface GpgvResult {
  readonly verdict: ValidSignature | Rejection;
  /** What the message holds, as gpg gives it to nodes; untrusted unless the verdict is good. */
  readonly untrustedPayload: Uint8Array;
}

/** An engine that is ready to verify. */
export interface Gpgv {
  /** As it names itself, e.g. `2.2.40`. */
  readonly version: string;
  /**
   * Verifies a message, binary, armored or cleartext, with the keys of `keyring`: OpenPGP
   * packets, binary. The clock is the machine's. Throws if the program cannot be run.
   */
  readonly verify: (message: Uint8Array, keyring: Uint8Array) => Promise<GpgvResult>;
  /** Removes its files. */
  readonly close: () => Promise<void>;
}

/** Where to find the program, and where it may write. */
export interface GpgvOptions {
  /** Looked up on PATH unless it has a slash. */
  readonly command?: string;
  readonly path: string | undefined;
  /** A directory that is there; files of its own go below. */
  readonly directory: string;
}

const VERSION_LINE = /^gpgv \(GnuPG[^)]*\) ([0-9]+)\.([0-9]+)\.([0-9]+)/;
/** The first with `--output`. */
const OLDEST_VERSION = comparable(['2', '1', '16']);
/** It needs milliseconds; only a bomb takes longer. Milliseconds. */
const TIME_LIMIT = 10_000;
/** A good signature has seven status lines and three for people. In bytes, for each. */
const MAX_LINES_BYTES = 64 * 1024;
const GAVE_UP = /^gpgv: verify signatures failed: /m;
const STATUS_DESCRIPTOR = 3;

/** Looks for gpgv; undefined where there is none that can be used. */
export async function openGpgv(options: GpgvOptions): Promise<Gpgv | undefined> {
  const command = options.command ?? 'gpgv';
  const environment = { PATH: options.path, LC_ALL: 'C' };
  const version = await readVersion(command, environment);
  if (version === undefined) return undefined;
  const home = await mkdtemp(join(options.directory, 'gpgv-'));
  const limit = pLimit(availableParallelism());
  const keyringFiles = new WeakMap<Uint8Array, Promise<string>>();
  let files = 0;

  const writeKeyring = async (keyring: Uint8Array): Promise<string> => {
    const file = join(home, `${files++}.gpg`);
    await writeFile(file, keyring, { mode: 0o600 });
    return file;
  };
  const fileOf = async (keyring: Uint8Array): Promise<string> => {
    const file = keyringFiles.get(keyring) ?? writeKeyring(keyring);
    keyringFiles.set(keyring, file);
    return file;
  };

  return {
    version,
    verify: async (message, keyring) =>
      limit(async () => {
        const args = ['--homedir', home, '--keyring', await fileOf(keyring), '--output', '-'];
        return run(command, [...args, '--status-fd', `${STATUS_DESCRIPTOR}`], environment, message);
      }),
    close: async () => rm(home, { recursive: true, force: true }),
  };
}

async function run(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  message: Uint8Array,
): Promise<GpgvResult> {
  const child = spawn(command, args, {
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    timeout: TIME_LIMIT,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve, rejectWith) => {
    child.once('error', (cause) => {
      rejectWith(new Error(`cannot run ${command}: ${cause.message}`, { cause }));
    });
    child.once('close', (_code, signal) => resolve(signal));
  });
  const [stdin, stdout, stderr, status] = child.stdio;
  if (!stdin || !stdout || !stderr || !(status instanceof Readable)) {
    await ended;
    throw new Error(`cannot run ${command}: no pipes`);
  }
  let tooMuch: Rejection | undefined;
  const read = async (stream: Readable, limit: number, rejection: Rejection): Promise<Buffer> =>
    readUpTo(stream, limit, () => {
      tooMuch ??= rejection;
      child.kill('SIGKILL');
    });
  const output = Promise.all([
    read(stdout, MAX_BLOB_BYTES, tooLarge()),
    read(status, MAX_LINES_BYTES, tooManyLines()),
    read(stderr, MAX_LINES_BYTES, tooManyLines()),
  ]);
  writeAll(stdin, message);
  const [signal, [untrustedPayload, lines, complaints]] = await Promise.all([ended, output]);
  const stopped = signal === null ? undefined : stoppedBy(signal);
  // Where it gives up, GPGME has gpg's word for that; the exit code tells of mere warnings too.
  const failed = GAVE_UP.test(complaints.toString('utf8')) ? gaveUp() : undefined;
  const verdict = tooMuch ?? stopped ?? readGpgvStatus(lines.toString('utf8'));
  return { verdict: isRejection(verdict) ? verdict : (failed ?? verdict), untrustedPayload };
}

function stoppedBy(signal: NodeJS.Signals): Rejection {
  const message = `gpgv was stopped by ${signal}; it has ${TIME_LIMIT} ms for a message`;
  return reject('cannot-verify', message);
}

/** It may end before it has read everything. */
function writeAll(stream: Writable, bytes: Uint8Array): void {
  stream.on('error', () => undefined);
  stream.end(bytes);
}

async function readUpTo(stream: Readable, limit: number, onMore: () => void): Promise<Buffer> {
  let size = 0;
  return buffer(
    stream.map((chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= limit) return chunk;
      onMore();
      return new Uint8Array();
    }),
  );
}

async function readVersion(
  command: string,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const child = spawn(command, ['--version'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: TIME_LIMIT,
    killSignal: 'SIGKILL',
  });
  const failed = new Promise<undefined>((resolve) => {
    child.once('error', () => resolve(undefined));
  });
  const text = await Promise.race([failed, buffer(child.stdout)]);
  const [, ...parts] = VERSION_LINE.exec(text?.toString('latin1') ?? '') ?? [];
  return comparable(parts) >= OLDEST_VERSION ? parts.join('.') : undefined;
}

function comparable(parts: readonly string[]): number {
  const [major, minor, patch] = parts;
  return Number(major) * 1_000_000 + Number(minor) * 1000 + Number(patch);
}

function tooLarge(): Rejection {
  return reject('malformed', `the message expands to more than ${MAX_BLOB_BYTES} bytes`);
}

function gaveUp(): Rejection {
  return reject('malformed', 'expected nothing behind the signature, got data that does not parse');
}

function tooManyLines(): Rejection {
  return reject('malformed', 'expected the packets of one signed message, got far too many');
}
