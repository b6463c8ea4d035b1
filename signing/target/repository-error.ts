// What is told when the signature repository cannot be read or pushed to.
import {
  GIT_FAILURES,
  type GitFailure,
  findFailure,
} from '../../generator/sources/git/processes/git-failures.ts';
import { chooseComplaint } from '../../generator/sources/git/processes/git-error.ts';
import { SigningError } from '../signing-error.ts';

/** The signature repository cannot be read or pushed to. The message is for people. */
export class RepositoryError extends SigningError {
  override readonly name = 'RepositoryError';
}

/** Of a git that works here; what the remote says has its name before it. */
const SCRATCH_CURE: GitFailure = {
  said: /^(?!remote:).*(?:No space left on device|Disk quota exceeded|Out of diskspace|Read-only file system|failed to write new configuration file|could not write '.*'|unable to write)/im,
  hint: 'the directory for temporary files is full or cannot be written to: set TMPDIR to one with room',
};

export const CHECKOUT_CURE = 'push to a bare repository, not into somebody’s working copy';

/** Whoever pushes has more ways to log in. */
const LOGINS: ReadonlySet<GitFailure> = new Set([
  GIT_FAILURES['login-wanted'],
  GIT_FAILURES.forbidden,
]);
const OF_REMOTES = Object.values<GitFailure>(GIT_FAILURES).filter((one) => !LOGINS.has(one));

/** The first that fits. */
const CURES: readonly GitFailure[] = [
  {
    said: /protected branch|GH006|GL-PROTECTED/i,
    hint: 'the branch is protected: propose the change with --pull-request, or push with an account that may',
  },
  {
    said: /No space left on device|Disk quota exceeded|unable to create temporary object directory/,
    hint: 'the disk of the repository is full or may not be written to: ask who runs it',
  },
  {
    said: /Read-only file system|insufficient permission|unable to write|Unable to create '.*\.lock': Permission denied/i,
    hint: 'the repository may not be written to by this account',
  },
  {
    said: /hook declined|aborted by hook|update hook|GL-HOOK-ERR/i,
    hint: 'a hook of the repository refuses the push: fix what it reports, or ask who runs the repository',
  },
  {
    said: /refusing to update checked out branch/,
    hint: CHECKOUT_CURE,
  },
  {
    said: /empty ident name|Please tell me who you are|unable to auto-detect email/i,
    hint: 'tell git who commits: git config --global user.name NAME, and user.email ADDRESS',
  },
  {
    said: /gpg failed to sign|failed to write commit object|signing failed|load public key|user\.signingkey/i,
    hint: 'commits are to be signed (commit.gpgSign): see that the key that user.signingKey names is there, and unlock it',
  },
  {
    said: /does not support --signed push/,
    hint: 'your git configuration asks for signed pushes, which this host does not take: git config --global push.gpgSign if-asked',
  },
  {
    said: /does not support push options/,
    hint: 'this host takes no push options: set push.pushOption in your git configuration only where they are taken, not globally',
  },
  {
    said: /transport '.*' not allowed/,
    hint: 'your git does not allow such addresses: see `git config --get-regexp ^protocol`, and GIT_ALLOW_PROTOCOL',
  },
  ...OF_REMOTES,
  {
    said: /Authentication failed|could not read (?:Username|Password)|HTTP (?:Basic: )?Access denied|error: 40[13]|Permission denied|Permission to .* denied|Invalid username/i,
    hint: "log in as git does (ssh agent, credential helper), or name a file with the host's token with --git-token-file",
  },
];

/** What stands below every failure of a remote, and helps nobody. */
const BOILERPLATE: ReadonlySet<string> = new Set([
  'Please make sure you have the correct access rights',
  'and the repository exists.',
  'fatal: Could not read from remote repository.',
]);
/** `Receiving objects:  42% (21/50)`, by git or by the remote. */
export const PROGRESS_LINE =
  /^(?:remote: )?(?:[A-Z][a-z]+(?: [a-z]+)*: +\d+|Total \d+ \(|Delta compression using )/;
/** What git says of options that it was given, and of what failed in the end. */
const ASIDE =
  /^(?:hint: |error: failed to push some refs|To |warning: |fast-import: dumping crash report|\*\*\* Please tell me|Run$|git config --global user|to set your account's|Omit --global|(?:Author|Committer) identity unknown)/;

/** The error of a `git COMMAND` that failed; `said` is what it wrote for people. */
export function toRepositoryError(command: string, said: string): RepositoryError {
  const lines = said
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !BOILERPLATE.has(line) && !PROGRESS_LINE.test(line));
  const telling = lines.filter((line) => !ASIDE.test(line));
  const cures = command === 'push' ? CURES : [SCRATCH_CURE, ...CURES];
  const failure = findFailure(cures, lines.join('\n'));
  const hint = failure?.hint;
  const complaint = chooseComplaint(telling.length > 0 ? telling : lines, failure);
  const message = `git ${command} failed: ${complaint || 'it says nothing'}`;
  return new RepositoryError(message, hint === undefined ? {} : { hint });
}
