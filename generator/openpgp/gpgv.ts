// The second engine: GnuPG's gpgv, which judges as most nodes do. One process for each message, with a
// keyring file and nothing else: no home, no configuration. A shell limits its processor time and
// memory and then becomes gpgv. The limit of elapsed time is far higher, as that depends on what else
// the machine does. A gpgv that exceeds a limit has given no verdict.
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { replaceUnsynced } from '../system/durable.ts';
import {
  type ProcessLimit,
  ProcessLimitError,
  ProcessStartError,
} from '../system/process-limits.ts';
import { runProcess } from '../system/run-process.ts';
import { makeScratchDirectory } from '../system/scratch-directory.ts';
import { DEFAULT_BUDGETS } from '../terms/budgets.ts';
import { type Rejection, isRejection, isUndecided, reject } from '../terms/rejection.ts';
import { GivenUp } from './given-up.ts';
import { type ValidSignature, readGpgvStatus } from './gpgv-status.ts';
import { MAX_BLOB_BYTES } from './signature-file.ts';

/** What gpgv says of a message. */
export interface GpgvResult {
  readonly verdict: ValidSignature | Rejection;
  /** What the message holds, as gpg gives it to nodes; untrusted unless the verdict is good. */
  readonly untrustedPayload: Uint8Array;
}

/** A gpgv that can be asked. */
export interface GpgvEngine {
  /** `2.2.40`, … */
  readonly version: string;
  /**
   * Verifies a message, binary, armored or cleartext, with the keys of `keyring`: OpenPGP
   * packets, binary. The clock is the machine's. Throws if the program cannot be run, is ended
   * from outside, or loses its files; and once it is closed.
   */
  verify(message: Uint8Array, keyring: Uint8Array): Promise<GpgvResult>;
}

/** Where to find the program, and where it may write. */
export interface GpgvOptions {
  readonly path: string | undefined;
  /** A directory that is there; files of its own go below. */
  readonly directory: string;
  /** Processor time for one message, in milliseconds; whole seconds count. */
  readonly timeLimit?: number;
  /** Elapsed time for one message. Milliseconds. */
  readonly deadline?: number;
  /** The messages on which gpgv failed, if others are to know them too. */
  readonly givenUp?: GivenUp;
}

const COMMAND = 'gpgv';
const VERSION_LINE = /^gpgv \(GnuPG[^)]*\) ([0-9]+)\.([0-9]+)\.([0-9]+)/;
/** The first with `--output`. */
const OLDEST_VERSION = comparable(['2', '1', '16']);
/** It needs milliseconds; only a bomb takes longer, or a machine that is busy. Milliseconds. */
const DEADLINE = 60_000;
/**
 * Address space. It takes 20 MB for any message that was tried, bombs among them, so this is for
 * what nobody has found yet. KiB.
 */
const MEMORY_LIMIT = 1024 ** 2;
/** A soft limit of processor time: SIGXCPU tells it from a kill by somebody else. */
const LIMITED = 'ulimit -S -t "$1"; ulimit -v "$2"; shift 2; exec "$@"';
/** Exit codes of a shell that cannot run the command. */
const NOT_THERE = new Map([
  [126, 'EACCES'],
  [127, 'ENOENT'],
]);
const OUT_OF_MEMORY = /out of core|cannot allocate memory/i;
const FROM_OUTSIDE: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);
/** A good signature has seven status lines and three for people. Bytes, for each of the two. */
const MAX_LINES_BYTES = 64 * 1024;
const OUTPUT_LIMITS = { stdout: MAX_BLOB_BYTES, stderr: MAX_LINES_BYTES };
/** To print its version. Milliseconds. */
const VERSION_LIMIT = 5000;
const NOTHING = new Uint8Array();
const GAVE_UP = /^gpgv: verify signatures failed: /m;
const LOST_KEYS = /^gpgv: keyblock resource /m;
const STATUS = '3';

/** Looks for gpgv; undefined where there is none that can be used. */
export async function openGpgv(options: GpgvOptions): Promise<Gpgv | undefined> {
  const environment = { PATH: options.path, LC_ALL: 'C' };
  const version = await readVersion(environment);
  if (version === undefined) return undefined;
  const home = await makeScratchDirectory(options.directory, 'gpgv');
  return new Gpgv({ ...options, environment, version, home });
}

interface FoundGpgv extends GpgvOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly version: string;
  /** A directory of its own. */
  readonly home: string;
}

/** The gpgv that is installed. */
export class Gpgv implements GpgvEngine {
  readonly version: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #seconds: number;
  readonly #deadline: number;
  readonly #home: string;
  readonly #givenUp: GivenUp;
  readonly #limit = pLimit(availableParallelism());
  readonly #closing = new AbortController();
  readonly #keyringFiles = new Map<Uint8Array, Promise<string>>();
  #files = 0;

  constructor({ version, environment, home, timeLimit, deadline, givenUp }: FoundGpgv) {
    this.version = version;
    this.#environment = environment;
    this.#seconds = Math.ceil((timeLimit ?? DEFAULT_BUDGETS.gpgvTime) / 1000);
    this.#deadline = deadline ?? DEADLINE;
    this.#home = home;
    this.#givenUp =
      givenUp ?? new GivenUp({ elapsed: () => performance.now(), now: () => new Date() });
    this.#givenUp.judgeBy(`gpgv ${version}, ${this.#seconds} s`);
  }

  async verify(message: Uint8Array, keyring: Uint8Array): Promise<GpgvResult> {
    const hash = createHash('sha256').update(message).digest('base64url');
    if (this.#givenUp.has(hash)) return { verdict: gaveUpBefore(), untrustedPayload: NOTHING };
    const result = await this.#limit(async () => this.#run(message, keyring));
    if (isRejection(result.verdict) && isUndecided(result.verdict)) this.#givenUp.add(hash);
    return result;
  }

  /** Ends what runs, and removes its files. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('gpgv is stopped'));
    await rm(this.#home, { recursive: true, force: true });
  }

  async #run(message: Uint8Array, keyring: Uint8Array): Promise<GpgvResult> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const file = await this.#fileOf(keyring);
    const home = this.#home;
    const args = ['--homedir', home, '--keyring', file, '--output', '-', '--status-fd', STATUS];
    const { complaints, ...result } = await run(args, message, {
      environment: this.#environment,
      seconds: this.#seconds,
      deadline: this.#deadline,
      ending: signal,
    });
    signal.throwIfAborted();
    if (!LOST_KEYS.test(complaints)) return result;
    this.#keyringFiles.delete(keyring);
    throw new Error(`gpgv cannot read its keys in ${home}: ${complaints.split('\n', 1)[0]}`);
  }

  async #fileOf(keyring: Uint8Array): Promise<string> {
    const writing = this.#keyringFiles.get(keyring) ?? this.#writeKeyring(keyring);
    this.#keyringFiles.set(keyring, writing);
    try {
      return await writing;
    } catch (error) {
      this.#keyringFiles.delete(keyring);
      throw error;
    }
  }

  async #writeKeyring(keyring: Uint8Array): Promise<string> {
    const file = join(this.#home, `${this.#files++}.gpg`);
    // Something that cleans up temporary files may have removed the directory.
    await mkdir(this.#home, { recursive: true, mode: 0o700 });
    await replaceUnsynced(file, keyring);
    return file;
  }
}

interface Run extends GpgvResult {
  /** What it writes for people. */
  readonly complaints: string;
}

interface RunOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** Of processor time. */
  readonly seconds: number;
  /** Milliseconds. */
  readonly deadline: number;
  readonly ending: AbortSignal;
}

async function run(
  args: readonly string[],
  message: Uint8Array,
  { environment, seconds, deadline, ending }: RunOptions,
): Promise<Run> {
  const limits = [String(seconds), String(MEMORY_LIMIT)];
  const command = ['/bin/sh', '-c', LIMITED, 'sh', ...limits, COMMAND, ...args] as const;
  try {
    const { stdout, status, stderr, signal, exitCode } = await runProcess(COMMAND, command, {
      environment,
      // It may be silent as long as it may run.
      limits: { ...OUTPUT_LIMITS, silence: deadline, deadline },
      status: MAX_LINES_BYTES,
      input: message,
      ending,
    });
    const code = NOT_THERE.get(exitCode ?? 0);
    if (code !== undefined)
      throw new ProcessStartError(COMMAND, Object.assign(new Error(), { code }));
    const said =
      signal === null ? readGpgvStatus(status.toString('utf8')) : stoppedBy(signal, seconds);
    // GPGME hears from gpg if it gives up; the exit code would be the same for a warning.
    const isGivenUp = !isRejection(said) && GAVE_UP.test(stderr);
    const verdict = OUT_OF_MEMORY.test(stderr) ? tookMemory() : isGivenUp ? gaveUp() : said;
    return { verdict, untrustedPayload: stdout, complaints: stderr };
  } catch (error) {
    if (!(error instanceof ProcessLimitError)) throw error;
    const verdict = tookTooMuch(error.limit, deadline);
    return { verdict, untrustedPayload: NOTHING, complaints: '' };
  }
}

function tookTooMuch(limit: ProcessLimit, deadline: number): Rejection {
  if (limit === 'stdout') return tooLarge();
  const isLate = limit === 'deadline' || limit === 'silence';
  return isLate ? gotNoTime(deadline) : tooManyLines();
}

/**
 * A message may make it crash, which is that message's fault.
 * @throws Error where somebody else ended it, as a system does that is short of memory.
 */
function stoppedBy(signal: NodeJS.Signals, seconds: number): Rejection {
  if (signal === 'SIGXCPU') return tookTooLong(seconds);
  if (FROM_OUTSIDE.has(signal)) throw new Error(`${COMMAND} was ended by ${signal}`);
  const hint = 'Check the message with `gpg --list-packets`, and sign the image again.';
  return reject('cannot-verify', `gpgv crashed (${signal})`, { hint });
}

function tookTooLong(seconds: number): Rejection {
  const hint = 'Sign the image again: no signature takes so long. --gpgv-limit allows more.';
  return reject('cannot-verify', `gpgv took more than ${seconds} s of processor time`, { hint });
}

function gaveUpBefore(): Rejection {
  const hint = 'Sign the image again: no signature takes so long.';
  return reject('cannot-verify', 'gpgv had to be stopped at the same message before', { hint });
}

function gotNoTime(deadline: number): Rejection {
  const message = `gpgv had not ended after ${deadline / 1000} s`;
  return reject('cannot-verify', message, { hint: 'Reduce the load on the machine.' });
}

function tookMemory(): Rejection {
  const hint = 'Sign the image again: no signature takes so much.';
  return reject('cannot-verify', 'gpgv took too much memory', { hint });
}

/** Undefined where there is none that can be used. */
async function readVersion(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const [, ...parts] = VERSION_LINE.exec(await printVersion(environment)) ?? [];
  return comparable(parts) >= OLDEST_VERSION ? parts.join('.') : undefined;
}

async function printVersion(environment: NodeJS.ProcessEnv): Promise<string> {
  try {
    const command = [COMMAND, '--version'] as const;
    const { stdout } = await runProcess(COMMAND, command, {
      environment,
      limits: { ...OUTPUT_LIMITS, silence: VERSION_LIMIT, deadline: VERSION_LIMIT },
    });
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
