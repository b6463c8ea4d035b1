// Makes a signature repository, or gives an existing one what it lacks. Nothing that exists is changed:
// each file is written only where there is none, and a setting of git only where it has none.
import { lstat, readFile, readdir, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readKeyring } from '../../generator/openpgp/read-keyring.ts';
import { type GitEnvironment, SHORT_GIT } from '../../generator/sources/git/processes/git-child.ts';
import { writeNew } from '../../generator/system/durable.ts';
import { makeDirectories } from '../../generator/system/make-directories.ts';
import { toComplaint } from '../../generator/system/output-tail.ts';
import { type ProcessResult, runProcess } from '../../generator/system/run-process.ts';
import { hasCode } from '../../generator/terms/errors.ts';
import { REPOSITORY_CONFIG } from '../target/repository-address.ts';
import { SigningError } from '../signing-error.ts';
import { FORGES, type Forge, guessForge, parseHosted } from '../target/forge.ts';
import {
  ATTRIBUTES,
  CODEOWNERS,
  type InitialScope,
  KEY_DIRECTORY_NAME,
  PIPELINES,
  type RepositoryFile,
  listRepositoryFiles,
} from './repository-files.ts';

export interface InitOptions {
  readonly directory: string;
  /**
   * Where proposals are checked; undefined: where the repository has pipelines already, or else the kind
   * that the host of the remote `origin` has by its name.
   */
  readonly forge: Forge | undefined;
  readonly scopes: readonly InitialScope[];
  /** As in {@link RepositoryOptions}. */
  readonly isStage: boolean;
  /** Of every git that is started. */
  readonly environment: GitEnvironment;
  readonly ending?: AbortSignal;
}

/** What was done about one file or setting. */
export interface InitStep {
  /** `made` what lacked; `kept` what is as it would be made; `left` what is there and is another. */
  readonly outcome: 'made' | 'kept' | 'left';
  /** Relative to the repository. */
  readonly what: string;
  /** What people may want to know of it: one line. */
  readonly note?: string;
}

export interface InitReport {
  readonly steps: readonly InitStep[];
  /** The file of the pipeline, relative to the repository. */
  readonly pipeline: string;
  /** Whether it has a remote `origin`. */
  readonly hasOrigin: boolean;
  /** Whether CODEOWNERS was made, with names that stand for others. */
  readonly hasOwners: boolean;
}

const BRANCH = 'main';
const DEFAULT_FORGE: Forge = 'github';
/** What git has to be told to show what signatures say. It goes with the driver in `.gitattributes`. */
const TEXTCONV = ['diff.lookaside.textconv', 'lookaside show'] as const;
/** Git says it in English: see gitEnvironment. */
const NO_REPOSITORY = /not a git repository/;
const FILE_MODE = 0o644;

/**
 * Makes the repository, or completes it.
 * @throws SigningError where the directory lies within another repository, is a bare one, or has something
 * else where files need a directory; errors of the disk and of git.
 */
export async function initRepository(options: InitOptions): Promise<InitReport> {
  await makeDirectories(options.directory);
  const directory = await realpath(resolve(options.directory));
  const git = async (...args: readonly string[]): Promise<ProcessResult> =>
    runProcess(`git ${args[0]}`, ['git', ...args], {
      environment: options.environment,
      directory,
      limits: SHORT_GIT,
      ending: options.ending,
    });
  const steps = [await ensureRepository(git, directory)];
  const origin = await findOrigin(git);
  const guessed = guessForgeOf(origin) ?? DEFAULT_FORGE;
  const forge = options.forge ?? (await findForge(directory, guessed));
  const known = await readKnownKeys(join(directory, KEY_DIRECTORY_NAME));
  const isConfigured = (await readIfThere(join(directory, REPOSITORY_CONFIG))) !== undefined;
  const all = listRepositoryFiles({ ...options, forge }, known);
  // Where a configuration names keys already, no other may come to count by lying there.
  const files = isConfigured
    ? all.filter(({ fingerprint }) => fingerprint === undefined || known.has(fingerprint))
    : all;
  for (const { path } of files) await assertDirectories(directory, dirname(path));
  if (!isConfigured) for (const file of files) await assertOwnKey(directory, file, known);
  for (const file of files) {
    const step = await ensureFile(directory, file, known);
    const isOther =
      options.forge === undefined && forge !== guessed && file.path === PIPELINES[forge];
    steps.push(isOther ? { ...step, note: describeOther(guessed) } : step);
  }
  steps.push(await ensureTextconv(git));
  const hasOwners = steps.some(({ what, outcome }) => what === CODEOWNERS && outcome === 'made');
  return { steps, pipeline: PIPELINES[forge], hasOrigin: origin !== undefined, hasOwners };
}

type Git = (...args: readonly string[]) => Promise<ProcessResult>;

async function ensureRepository(git: Git, directory: string): Promise<InitStep> {
  const found = await git('rev-parse', '--is-bare-repository', '--show-toplevel');
  const [isBare, top] = found.stdout.toString().split('\n');
  if (isBare === 'true') {
    const hint = 'name a checkout of it, and push from there';
    throw new SigningError(`${directory} is a bare repository`, { hint });
  }
  if (found.exitCode === 0) {
    if (top === directory) return { outcome: 'kept', what: '.git' };
    const hint = `name ${top} itself, or a directory outside it`;
    throw new SigningError(`${directory} lies within the repository ${top}`, { hint });
  }
  if (!NO_REPOSITORY.test(found.stderr)) {
    const message = `cannot use ${directory}: ${toComplaint(found.stderr)}`;
    const hint = 'name a directory that git can read, or that is none yet';
    throw new SigningError(message, { hint });
  }
  const made = await git('init', '--quiet', `--initial-branch=${BRANCH}`);
  if (made.exitCode === 0) return { outcome: 'made', what: '.git', note: `branch ${BRANCH}` };
  throw new SigningError(`git init failed in ${directory}: ${toComplaint(made.stderr)}`, {
    hint: 'see that git is 2.28 or newer, and that the directory can be written',
  });
}

async function findOrigin(git: Git): Promise<string | undefined> {
  const { stdout } = await git('config', '--get', 'remote.origin.url');
  const url = stdout.toString().trim();
  return url === '' ? undefined : url;
}

function guessForgeOf(origin: string | undefined): Forge | undefined {
  const hosted = origin === undefined ? undefined : parseHosted(origin);
  return hosted && guessForge(hosted);
}

/** The one that the repository has pipelines of, at best this one's; `guessed` where it has none. */
async function findForge(directory: string, guessed: Forge): Promise<Forge> {
  const isThere = async (path: string): Promise<boolean> =>
    (await readIfThere(join(directory, path))) !== undefined;
  const hasPipelines = async (forge: Forge): Promise<boolean> => {
    const path = PIPELINES[forge];
    if (dirname(path) === '.') return isThere(path);
    const names = await readdir(join(directory, dirname(path))).catch(() => []);
    return names.length > 0;
  };
  for (const has of [async (forge: Forge) => isThere(PIPELINES[forge]), hasPipelines]) {
    const there: Forge[] = [];
    for (const forge of FORGES) if (await has(forge)) there.push(forge);
    if (there[0]) return there.includes(guessed) ? guessed : there[0];
  }
  return guessed;
}

function describeOther(forge: Forge): string {
  return `no ${PIPELINES[forge]} is added beside it: --forge ${forge} adds one`;
}

/** Sees that the file of a key has no other keys, which would be trusted with it. */
async function assertOwnKey(
  directory: string,
  { path, text, fingerprint }: RepositoryFile,
  known: ReadonlyMap<string, string>,
): Promise<void> {
  if (fingerprint === undefined || known.has(fingerprint)) return;
  const place = join(directory, path);
  const there = await readIfThere(place);
  if (there === undefined || there === text) return;
  throw new SigningError(`expected the key ${fingerprint} alone in ${place}, got something else`, {
    hint: 'move the file away, or give it the name of what it has',
  });
}

/** Sees that a path below the repository has only directories on it, as far as it is there. */
async function assertDirectories(directory: string, path: string): Promise<void> {
  if (path === '.') return;
  await assertDirectories(directory, dirname(path));
  const place = join(directory, path);
  const stats = await lstat(place).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (!stats || stats.isDirectory()) return;
  const what = stats.isSymbolicLink() ? 'a symbolic link, below which git keeps no files' : 'none';
  throw new SigningError(`expected a directory at ${place}, got ${what}`, {
    hint: 'put a directory in its place, or move it away',
  });
}

/** Writes the file where there is none. */
async function ensureFile(
  directory: string,
  { path, text, fingerprint }: RepositoryFile,
  known: ReadonlyMap<string, string>,
): Promise<InitStep> {
  const holder = fingerprint === undefined ? undefined : known.get(fingerprint);
  if (holder !== undefined && holder !== path) {
    const note = `it has the key ${fingerprint}`;
    return { outcome: 'left', what: holder, note };
  }
  const place = join(directory, path);
  const there = await readIfThere(place);
  if (there === undefined) {
    await makeDirectories(dirname(place));
    await writeNew(place, FILE_MODE, async (file) => {
      await file.writeFile(text);
      return true;
    });
    return { outcome: 'made', what: path };
  }
  if (there === text) return { outcome: 'kept', what: path };
  if (holder !== undefined) {
    return { outcome: 'left', what: path, note: 'it has another copy of the key' };
  }
  const lacking = path === ATTRIBUTES ? findLacking(there, text) : [];
  const note = lacking.length === 0 ? {} : { note: `it lacks: ${lacking.join(', ')}` };
  return { outcome: 'left', what: path, ...note };
}

/** The lines that say something and are not there. */
function findLacking(there: string, text: string): readonly string[] {
  const lines = new Set(there.split('\n').map((line) => line.trim()));
  return text.split('\n').filter((line) => !/^(?:#|$)/.test(line) && !lines.has(line));
}

/** The text of a file; '' for what is there and cannot be read as one. */
async function readIfThere(place: string): Promise<string | undefined> {
  try {
    const stats = await lstat(place);
    return stats.isFile() ? await readFile(place, 'utf8') : '';
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Which file of the directory has which key and no other. Files that hold no keys are passed over. */
async function readKnownKeys(directory: string): Promise<ReadonlyMap<string, string>> {
  const known = new Map<string, string>();
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((one) => /\.(?:asc|gpg)$/.test(one))) {
    const path = `${KEY_DIRECTORY_NAME}/${name}`;
    const keyring = await readFile(join(directory, name))
      .then(async (bytes) => readKeyring([{ path, bytes }]))
      .catch(() => undefined);
    const [key, ...others] = keyring?.keys ?? [];
    if (key && others.length === 0) known.set(key.fingerprint, path);
  }
  return known;
}

async function ensureTextconv(git: Git): Promise<InitStep> {
  const [name, value] = TEXTCONV;
  const what = `git config ${name}`;
  const found = await git('config', '--get', name);
  const there = found.stdout.toString().trim();
  if (there === value) return { outcome: 'kept', what };
  if (there !== '') return { outcome: 'left', what, note: `it is ${JSON.stringify(there)}` };
  const set = await git('config', '--local', name, value);
  if (set.exitCode === 0) return { outcome: 'made', what, note: 'for this clone' };
  throw new SigningError(`git config failed: ${toComplaint(set.stderr)}`, {
    hint: 'see that .git/config can be written',
  });
}
