// The user's own gpg, with what belongs to it: configuration, agent, pinentry, tokens. What it makes
// comes through a pipe: as root, a `gpg -o FILE` that fails removes FILE, even /dev/null.
import { findHome } from '../../generator/system/find-home.ts';
import {
  ProcessLimitError,
  ProcessStartError,
  ProcessStoppedError,
} from '../../generator/system/process-limits.ts';
import { type ProcessResult, runProcess } from '../../generator/system/run-process.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { explainGpg, findErrorCode, findOtherSigners, lastLine } from './explain-gpg.ts';
import { type ChosenKey, type SecretKey, chooseKey, parseSecretKeys } from './secret-keys.ts';
import { SigningError } from '../signing-error.ts';

export interface GpgOptions {
  /** Its name or path. */
  readonly program: string;
  /** It says where keys and agent are, and where pinentry can ask. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Unlocks the key; undefined where the agent knows how. */
  readonly passphrase: Uint8Array | undefined;
  /** Stops gpg. */
  readonly ending: AbortSignal;
}

/** Somebody may have to find a token first, and type a PIN. Milliseconds. */
const PATIENCE = 10 * 60_000;
/** To send away pinentry. Milliseconds. */
const GRACE = 1000;
/** A signature has less than 2 KiB; a list of keys has more, with every user ID of a company. Bytes. */
const MAX_OUTPUT = 16 * 1024 * 1024;
const LIMITS = { silence: PATIENCE, deadline: PATIENCE, stdout: MAX_OUTPUT, stderr: MAX_OUTPUT };
/** Bytes. */
const MAX_STATUS = 64 * 1024;
const STATUS = '3';
/** It asks nobody, tells us how it goes, and gives what it makes to us, even if gpg.conf has an `output`. */
const ALWAYS = ['--batch', '--no-tty', '--status-fd', STATUS, '--output', '-'];
const NEWLINE = Buffer.from('\n');

/** Whatever gpg.conf says: binary, not encrypted, and without compression to go wrong. */
const FORM = ['--no-armor', '--no-textmode', '--no-encrypt-to', '--compress-level', '0'];

/** What gpg says where it has no such key: NO_PUBKEY, NO_SECKEY, NOT_FOUND, INV_USER_ID. */
const MISSING: ReadonlySet<number | undefined> = new Set([9, 17, 27, 37]);

/** An address alone means exactly that address to us, and everything that contains it to gpg. */
const ADDRESS = /^[^\s<>@]+@[^\s<>@]+$/;

export class Gpg {
  readonly #options: GpgOptions;

  constructor(options: GpgOptions) {
    this.#options = options;
  }

  /**
   * The one private key that is meant by a fingerprint, key ID or mail address, or with `!` behind it
   * the one subkey.
   * @throws SigningError with the candidates, or with what is wrong with the key.
   */
  async findKey(wanted: string): Promise<ChosenKey> {
    assertHome(this.#options.environment);
    const found = await this.#listKeys(wanted, [ADDRESS.test(wanted) ? `<${wanted}>` : wanted]);
    const others = found.length > 0 ? [] : await this.#listKeys(wanted, []);
    return chooseKey(wanted, found, others);
  }

  /**
   * Signs a payload: one binary OpenPGP message.
   * @throws SigningError
   */
  async sign(payload: Uint8Array, key: ChosenKey): Promise<Uint8Array> {
    const { passphrase } = this.#options;
    // gpg reads the first line by itself, byte for byte, and what follows is what it signs.
    const unlock =
      passphrase === undefined ? [] : ['--pinentry-mode', 'loopback', '--passphrase-fd', '0'];
    const input =
      passphrase === undefined ? payload : Buffer.concat([passphrase, NEWLINE, payload]);
    const args = [...unlock, ...FORM, '--local-user', key.localUser, '--sign'];
    const { exitCode, stdout, stderr, status } = await this.#run(args, input);
    const told = status.toString();
    const fault = findOtherSigners(told, key);
    if (fault) throw fault;
    if (exitCode === 0 && stdout.length > 0) return stdout;
    throw explainGpg(key.name, told, stderr);
  }

  /**
   * The public key, for those who are to verify with it.
   * @throws SigningError
   */
  async exportKey({ fingerprint, name }: ChosenKey): Promise<Uint8Array> {
    const { stdout, stderr } = await this.#run(['--no-armor', '--export', fingerprint]);
    if (stdout.length > 0) return stdout;
    const hint = 'see what `gpg --export` says';
    throw new SigningError(`gpg cannot export the key of ${name}: ${lastLine(stderr)}`, { hint });
  }

  /** All private keys, or those that gpg finds by some words; it is the key `wanted` that is missed. */
  async #listKeys(wanted: string, words: readonly string[]): Promise<readonly SecretKey[]> {
    const args = ['--with-colons', '--fixed-list-mode', '--list-secret-keys', '--', ...words];
    const { exitCode, stdout, stderr, status } = await this.#run(args);
    const said = status.toString();
    if (exitCode !== 0 && stdout.length === 0 && !MISSING.has(findErrorCode(said))) {
      throw explainGpg(wanted, said, stderr);
    }
    return parseSecretKeys(stdout.toString());
  }

  async #run(args: readonly string[], input?: Uint8Array): Promise<ProcessResult> {
    const { program, environment, ending } = this.#options;
    const command = [program, ...ALWAYS, ...args] as const;
    const options = {
      environment,
      ending,
      limits: LIMITS,
      grace: GRACE,
      status: MAX_STATUS,
      ...(input && { input }),
    };
    return runProcess('gpg', command, options).catch((cause: unknown) => {
      throw explainRun(program, cause);
    });
  }
}

/** @throws SigningError where gpg could only make an empty keyring, in a directory that nobody knows */
function assertHome(environment: GpgOptions['environment']): void {
  if (environment['GNUPGHOME'] || findHome(environment) !== undefined) return;
  throw new SigningError(
    'gpg cannot find your keys: neither GNUPGHOME nor HOME is set, and this user has no home directory',
    { hint: 'set GNUPGHOME to the directory of your keys' },
  );
}

function explainRun(program: string, cause: unknown): unknown {
  if (cause instanceof ProcessStoppedError) {
    return new SigningError('interrupted', { hint: 'nothing was signed or pushed', cause });
  }
  if (cause instanceof ProcessStartError) {
    const hint = cause.isMissing
      ? 'install GnuPG, or name the program with --gpg PROGRAM'
      : 'name a program that can be run with --gpg PROGRAM';
    const message = `gpg, which signs, cannot be run as ${JSON.stringify(program)}: ${messageOf(cause)}`;
    return new SigningError(message, { hint, cause });
  }
  if (cause instanceof ProcessLimitError) {
    const hint = 'see whether pinentry waits for you, or the token for a touch';
    return new SigningError(messageOf(cause), { hint, cause });
  }
  return cause;
}
