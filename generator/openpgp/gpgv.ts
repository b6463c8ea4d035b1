// The second engine: GnuPG's gpgv, whose word most nodes follow. One process a message, with a
// keyring file of its own and nothing else: no home, no configuration, no shell.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { MAX_BLOB_BYTES } from '../blob.ts';
import { type Rejection, isRejection, isUndecided, reject } from '../rejection.ts';
import { type ProcessLimit, ProcessLimitError } from '../system/process-limits.ts';
import { runProcess } from '../system/run-process.ts';
import { GivenUp } from './given-up.ts';
import { type ValidSignature, readGpgvStatus } from './gpgv-status.ts';

/** What gpgv says of a message. */
export interface GpgvResult {
  readonly verdict: ValidSignature | Rejection;
  /** What the message holds, as gpg gives it to nodes; untrusted unless the verdict is good. */
  readonly untrustedPayload: Uint8Array;
}

/** An engine that is ready to verify. */
export interface Gpgv {
  /** `2.2.40`, … */
  readonly version: string;
  /**
   * Verifies a message, binary, armored or cleartext, with the keys of `keyring`: OpenPGP
   * packets, binary. The clock is the machine's. Throws if the program cannot be run, is ended
   * from outside, or loses its files; and once it is closed.
   */
  readonly verify: (message: Uint8Array, keyring: Uint8Array) => Promise<GpgvResult>;
  /** Ends what runs, and removes its files. */
  readonly close: () => Promise<void>;
}

/** Where to find the program, and where it may write. */
export interface GpgvOptions {
  readonly path: string | undefined;
  /** A directory that is there; files of its own go below. */
  readonly directory: string;
}

const COMMAND = 'gpgv';
const VERSION_LINE = /^gpgv \(GnuPG[^)]*\) ([0-9]+)\.([0-9]+)\.([0-9]+)/;
/** The first with `--output`. */
const OLDEST_VERSION = comparable(['2', '1', '16']);
/** It needs milliseconds; only a bomb takes longer. Milliseconds. */
const TIME_LIMIT = 5000;
const FROM_OUTSIDE: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);
/** A good signature has seven status lines and three for people. In bytes, for each. */
const MAX_LINES_BYTES = 64 * 1024;
/** It may be silent as long as it may run. */
const LIMITS = {
  silence: TIME_LIMIT,
  deadline: TIME_LIMIT,
  stdout: MAX_BLOB_BYTES,
  stderr: MAX_LINES_BYTES,
};
const NOTHING = new Uint8Array();
const GAVE_UP = /^gpgv: verify signatures failed: /m;
const LOST_KEYS = /^gpgv: keyblock resource /m;
const STATUS = '3';

/** Looks for gpgv; undefined where there is none that can be used. */
export async function openGpgv(options: GpgvOptions): Promise<Gpgv | undefined> {
  const environment = { PATH: options.path, LC_ALL: 'C' };
  const version = await readVersion(environment);
  if (version === undefined) return undefined;
  const home = await mkdtemp(join(options.directory, 'gpgv-'));
  const limit = pLimit(availableParallelism());
  const closing = new AbortController();
  const keyringFiles = new Map<Uint8Array, Promise<string>>();
  const givenUp = new GivenUp(() => performance.now());
  let files = 0;

  const writeKeyring = async (keyring: Uint8Array): Promise<string> => {
    const file = join(home, `${files++}.gpg`);
    // Whoever cleans up temporary files may have been here.
    await mkdir(home, { recursive: true, mode: 0o700 });
    await writeFile(`${file}.part`, keyring, { mode: 0o600 });
    await rename(`${file}.part`, file);
    return file;
  };
  const fileOf = async (keyring: Uint8Array): Promise<string> => {
    const writing = keyringFiles.get(keyring) ?? writeKeyring(keyring);
    keyringFiles.set(keyring, writing);
    try {
      return await writing;
    } catch (error) {
      keyringFiles.delete(keyring);
      throw error;
    }
  };
  const verify: Gpgv['verify'] = async (message, keyring) => {
    closing.signal.throwIfAborted();
    const file = await fileOf(keyring);
    const args = ['--homedir', home, '--keyring', file, '--output', '-', '--status-fd', STATUS];
    const { complaints, ...result } = await run(args, environment, message, closing.signal);
    closing.signal.throwIfAborted();
    if (!LOST_KEYS.test(complaints)) return result;
    keyringFiles.delete(keyring);
    throw new Error(`gpgv cannot read its keys in ${home}: ${complaints.split('\n', 1)[0]}`);
  };

  return {
    version,
    verify: async (message, keyring) => {
      const hash = createHash('sha256').update(message).digest('base64url');
      if (givenUp.has(hash)) return { verdict: tookTooLong(), untrustedPayload: new Uint8Array() };
      const result = await limit(async () => verify(message, keyring));
      if (isRejection(result.verdict) && isUndecided(result.verdict)) givenUp.add(hash);
      return result;
    },
    close: async () => {
      closing.abort(new Error('gpgv is stopped'));
      await rm(home, { recursive: true, force: true });
    },
  };
}

interface Run extends GpgvResult {
  /** What it writes for people. */
  readonly complaints: string;
}

async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  message: Uint8Array,
  ending: AbortSignal,
): Promise<Run> {
  try {
    const { stdout, status, stderr, signal } = await runProcess(COMMAND, [COMMAND, ...args], {
      environment,
      limits: LIMITS,
      status: MAX_LINES_BYTES,
      input: message,
      ending,
    });
    const said = signal === null ? readGpgvStatus(status.toString('utf8')) : stoppedBy(signal);
    // Where it gives up, GPGME has gpg's word for that; the exit code tells of mere warnings too.
    const verdict = !isRejection(said) && GAVE_UP.test(stderr) ? gaveUp() : said;
    return { verdict, untrustedPayload: stdout, complaints: stderr };
  } catch (error) {
    if (!(error instanceof ProcessLimitError)) throw error;
    return { verdict: tookTooMuch(error.limit), untrustedPayload: NOTHING, complaints: '' };
  }
}

function tookTooMuch(limit: ProcessLimit): Rejection {
  if (limit === 'stdout') return tooLarge();
  return limit === 'deadline' ? tookTooLong() : tooManyLines();
}

/**
 * A message may make it crash, which is that message's fault.
 * @throws Error where somebody else ended it, as a system does that is short of memory.
 */
function stoppedBy(signal: NodeJS.Signals): Rejection {
  if (FROM_OUTSIDE.has(signal)) throw new Error(`${COMMAND} was ended by ${signal}`);
  const hint = 'Check the message with `gpg --list-packets`, and sign the image again.';
  return reject('cannot-verify', `gpgv crashed (${signal})`, { hint });
}

function tookTooLong(): Rejection {
  const hint = 'Sign the image again; no signature takes so long.';
  return reject('cannot-verify', `gpgv took more than ${TIME_LIMIT} ms`, { hint });
}

/** Undefined where there is none that can be used. */
async function readVersion(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const [, ...parts] = VERSION_LINE.exec(await printVersion(environment)) ?? [];
  return comparable(parts) >= OLDEST_VERSION ? parts.join('.') : undefined;
}

async function printVersion(environment: NodeJS.ProcessEnv): Promise<string> {
  try {
    const command = [COMMAND, '--version'] as const;
    const { stdout } = await runProcess(COMMAND, command, { environment, limits: LIMITS });
    return stdout.toString('latin1');
  } catch {
    return '';
  }
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
