// Why gpg made no signature, with a cure for each cause. gpg says it with a code of libgpg-error on its
// status file descriptor (doc/DETAILS, FAILURE), in any language; its words are only quoted.
import { toLine } from '../../generator/terms/text.ts';
import type { ChosenKey } from './secret-keys.ts';
import { SigningError } from '../signing-error.ts';

interface GpgCause {
  /** Codes of libgpg-error (err-codes.h). */
  readonly codes: readonly number[];
  /** `key` is how the user may know it. */
  readonly message: (key: string) => string;
  readonly hint: string;
}

/** The code lies in the lower half of an error, its source in the upper one (gpg-error.h). */
const CODE_MASK = 0xffff;

const CAUSES: readonly GpgCause[] = [
  {
    // BAD_PASSPHRASE, INV_PASSPHRASE
    codes: [11, 31],
    message: (key) => `the passphrase does not unlock the private key of ${key}`,
    hint: 'give the right one: to pinentry, or in the first line of --passphrase-file',
  },
  {
    // BAD_PIN
    codes: [87],
    message: (key) => `the token refuses the PIN for the private key of ${key}`,
    hint: 'see how many tries are left with `gpg --card-status` before you try again',
  },
  {
    // PIN_BLOCKED
    codes: [130],
    message: (key) =>
      `the token with the private key of ${key} is locked after too many wrong PINs`,
    hint: 'unlock it with its PUK or admin PIN: `gpg --card-edit`, then `passwd`',
  },
  {
    // TIMEOUT, CANCELED, FULLY_CANCELED, NO_PASSPHRASE, NO_PIN
    codes: [62, 99, 198, 177, 178],
    message: (key) => `nobody gave the passphrase or PIN for the private key of ${key}`,
    hint: 'answer pinentry, or give --passphrase-file FILE',
  },
  {
    // NO_PIN_ENTRY, PIN_ENTRY, and ENOTTY and ENXIO of a pinentry that finds no terminal
    codes: [85, 86, 32_870, 32_886],
    message: (key) => `gpg-agent cannot ask for the passphrase of ${key}: pinentry has no terminal`,
    hint: 'where people sign, set `GPG_TTY=$(tty)`; in CI, give --passphrase-file FILE',
  },
  {
    // NO_AGENT, AGENT
    codes: [77, 78],
    message: () => 'gpg cannot reach gpg-agent, which holds the private keys',
    hint: 'see why with `gpg-connect-agent /bye`: it has to be installed, and the path of GNUPGHOME short and writable',
  },
  {
    // CARD, CARD_RESET, CARD_REMOVED, CARD_NOT_PRESENT, NO_SCDAEMON, SCDAEMON
    codes: [108, 109, 110, 112, 119, 120],
    message: (key) => `gpg cannot reach the token with the private key of ${key}`,
    hint: 'plug it in and look at `gpg --card-status`; scdaemon has to be installed',
  },
  {
    // NO_SECKEY, UNUSABLE_SECKEY
    codes: [17, 54],
    message: (key) => `the agent does not have the private key of ${key}`,
    hint: 'import it with `gpg --import`, or plug in the token that has it',
  },
];

/** The last error that gpg told to programs, as a code of libgpg-error; undefined for none. */
export function findErrorCode(status: string): number | undefined {
  return [...status.matchAll(/^\[GNUPG:\] (?:FAILURE|ERROR) \S+ ([0-9]+)$/gm)]
    .map(([, value]) => Number(value) & CODE_MASK)
    .at(-1);
}

/**
 * The error for a gpg that failed. `key` is how the user may know the key, `status` what gpg wrote for
 * programs, `said` what it wrote for people.
 */
export function explainGpg(key: string, status: string, said: string): SigningError {
  const code = findErrorCode(status);
  const known = CAUSES.find(({ codes }) => code !== undefined && codes.includes(code));
  if (known) return new SigningError(known.message(key), { hint: known.hint });
  const words = lastLine(said);
  if (NO_HOME.test(said))
    return new SigningError(`gpg cannot use its directory: ${words}`, { hint: HOME_CURE });
  const hint = `see whether \`echo test | gpg --local-user '${key}' --sign | wc -c\` works`;
  return new SigningError(`gpg cannot sign${words === '' ? '' : `: ${words}`}`, { hint });
}

/** Whatever the language, it quotes the path that it cannot make or use. */
const NO_HOME = /^gpg: .*\/(?:\.gnupg['’»”"]|trustdb\.gpg: |\.#lk)/m;
const HOME_CURE =
  'set GNUPGHOME to the directory of your keys; it has to belong to the user who signs, and to be writable';

const ONE_SIGNER = 'remove `local-user` from gpg.conf: --sign-by alone says who signs';

/**
 * What is wrong where the configuration of gpg has it sign with other keys too; undefined where it has
 * not. `status` is what gpg wrote for programs (doc/DETAILS, SIG_CREATED and INV_SGNR).
 */
export function findOtherSigners(
  status: string,
  { localUser, name }: ChosenKey,
): SigningError | undefined {
  const unable = [...status.matchAll(/^\[GNUPG:\] INV_SGNR \d+ (.+)$/gm)].find(
    ([, signer]) => signer !== localUser,
  );
  if (unable) {
    const other = toLine(unable[1] ?? '');
    return new SigningError(`gpg is to sign with ${other} besides ${name}, and cannot`, {
      hint: ONE_SIGNER,
    });
  }
  const made = [...status.matchAll(/^\[GNUPG:\] SIG_CREATED .*?([0-9A-F]+)$/gm)];
  if (made.length <= 1) return undefined;
  const signers = made.map(([, fingerprint]) => fingerprint).join(' and ');
  const message = `gpg made ${made.length} signatures in one, by ${signers}: nodes accept only one`;
  return new SigningError(message, { hint: ONE_SIGNER });
}

/** The last that gpg said, without its name before it. */
export function lastLine(said: string): string {
  const line = said.trim().split('\n').at(-1) ?? '';
  return toLine(line.replace(/^gpg: /, ''));
}
