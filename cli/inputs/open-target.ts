// The signature repository that a command pushes to, with the rule that it sets itself: `lookaside.yaml`
// at the root of its branch says who may sign what, and names key files beside it.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { REPOSITORY_CONFIG } from '../../signing/target/repository-config.ts';
import { SignatureRepository } from '../../signing/target/signature-repository.ts';
import type { TipTree } from '../../signing/target/tip-tree.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { listKeyPaths, readSettings } from '../base/read-settings.ts';
import { UsageError } from '../base/usage-error.ts';
import { openEngines, warnOfMissingGpgv } from './open-engines.ts';
import { assertTokenFile } from './open-source.ts';
import { KEY_FILE } from './read-keys.ts';
import { readPolicy } from './read-policy.ts';

/** A signature repository that is open to be pushed to. */
export interface OpenTarget {
  readonly repository: SignatureRepository;
  /** The settings by which it is served, as far as it says. */
  readonly settings: Settings;
  readonly policy: Policy;
  readonly judge: PlacingJudge;
  /** Ends what was started. */
  readonly close: () => Promise<void>;
}

/**
 * Opens REPO and reads what it asks of signatures; where it says nothing of that, the options of the
 * command do. `directory` is for what comes; whoever made it removes it.
 * @throws UsageError where nobody says who may sign
 * @throws RepositoryError where the repository cannot be read
 */
export async function openTarget(
  location: string,
  settings: Settings,
  io: ProcessIo,
  directory: string,
  ending: AbortSignal,
): Promise<OpenTarget> {
  const tokenFile = settings['git-token-file'];
  // Over ssh it is for the API of the git host alone.
  const isForGit = /^https?:/i.test(location);
  if (tokenFile !== undefined && (isForGit || !settings['pull-request'])) {
    await assertTokenFile(tokenFile, location);
  }
  const repository = await SignatureRepository.open({
    repository: location,
    branch: settings.branch,
    directory,
    environment: io.environment,
    hasTerminal: hasTerminal(io),
    token: tokenFile === undefined || !isForGit ? undefined : { file: tokenFile, url: location },
    ending,
  });
  try {
    const rule = await readRule(repository, settings, directory);
    const budgets = toBudgets(rule.settings);
    const engines = await openEngines(io.environment, directory, budgets);
    const { policy } = rule;
    const warning = warnOfMissingGpgv(policy, engines);
    if (warning !== undefined) io.stderr.write(`lookaside: warning: ${warning}\n`);
    const { openMessage } = engines;
    const expiryWarning = rule.settings['expiry-warning'];
    const judge = new PlacingJudge({ policy, openMessage, expiryWarning, paths: budgets });
    const close = async (): Promise<void> => {
      await Promise.all([engines.close(), repository.close()]);
    };
    return { repository, ...rule, judge, close };
  } catch (error) {
    await repository.close();
    throw error;
  }
}

/** Git asks people only where somebody can see it and answer. */
function hasTerminal({ stdin, stderr }: ProcessIo): boolean {
  return stderr.isTTY === true && 'isTTY' in stdin && stdin.isTTY === true;
}

async function readRule(
  repository: SignatureRepository,
  given: Settings,
  directory: string,
): Promise<Pick<OpenTarget, 'settings' | 'policy'>> {
  const place = join(directory, 'configuration');
  const own = await readTreeRule(repository.tree, place, repository.location);
  if (own?.policy.isConfigured) return own;
  const policy = await readPolicy(given);
  if (policy.isConfigured) return { settings: own?.settings ?? given, policy };
  const { location, branch } = repository;
  const lack = own ? `its ${REPOSITORY_CONFIG} names no keys` : `there is no ${REPOSITORY_CONFIG}`;
  throw new UsageError(
    `${location} does not say who may sign: ${lack}, at the root of ${branch}`,
    'make one with `lookaside init`, or give the public keys with --keys',
  );
}

/** What a tree says of itself: how it is served, and who may sign what. */
export interface TreeRule {
  readonly settings: Settings;
  readonly policy: Policy;
}

/**
 * Reads the rule of a signature repository, by way of `directory`; undefined where it has no
 * configuration. `location` is for messages.
 * @throws UsageError for one that cannot be used
 */
export async function readTreeRule(
  tree: TipTree,
  directory: string,
  location: string,
): Promise<TreeRule | undefined> {
  const own = await readTreeSettings(tree, directory, location);
  if (!own) return undefined;
  const { keys, scopes } = own.settings;
  // The keys of a node's policy lie on some node, not in the repository. Both together nobody can use.
  const isAlone = keys.length === 0 && scopes === undefined;
  const settings = isAlone ? { ...own.settings, policy: undefined } : own.settings;
  const policy = await withNames(own.directory, location, async () => readPolicy(settings));
  return { settings: own.settings, policy };
}

/** The settings that a tree has for itself. */
export interface TreeSettings {
  readonly settings: Settings;
  /** Where its files are now, under their own names. */
  readonly directory: string;
}

/**
 * Reads the configuration of a signature repository, and puts the key files that it names into
 * `directory`, where the settings find them; undefined where there is none. `location` is for messages.
 * @throws UsageError for one that cannot be used, or names what is not in the repository
 */
export async function readTreeSettings(
  tree: TipTree,
  directory: string,
  location: string,
): Promise<TreeSettings | undefined> {
  const text = await tree.readFile(REPOSITORY_CONFIG);
  if (text === undefined) return undefined;
  const file = join(directory, REPOSITORY_CONFIG);
  await mkdir(directory, { recursive: true });
  await writeFile(file, text);
  return withNames(directory, location, async () => {
    const paths = await listKeyPaths(file);
    await copyFiles(
      tree,
      paths.map((path) => toInside(path, directory)),
      directory,
    );
    return { settings: await readSettings({ config: file }, {}), directory };
  });
}

/** The path from the root of the repository, for one in the directory that stands for it. */
function toInside(path: string, directory: string): string {
  const inside = relative(directory, path);
  if (!/^\.\.(?:\/|$)/.test(inside)) return inside;
  const message = `${REPOSITORY_CONFIG}: expected keys in the repository, got ${inside}`;
  throw new UsageError(message, 'put the public keys into the repository, and name them there');
}

/**
 * Copies files, and of directories the key files in them.
 * @throws UsageError for what is not there
 */
async function copyFiles(tree: TipTree, paths: readonly string[], to: string): Promise<void> {
  const found = await tree.find(paths);
  const missing = paths.find((path) => !found.has(path));
  if (missing !== undefined) {
    const message = `${REPOSITORY_CONFIG}: ${missing} is not in the repository`;
    throw new UsageError(message, 'commit the public keys there, or name them as they are');
  }
  const directories = [...found].filter(([, { kind }]) => kind === 'directory');
  const lists = await tree.list(directories.map(([path]) => path));
  const files = new Map(
    [...found].filter(([, { kind }]) => kind === 'file').map(([path, { id }]) => [path, id]),
  );
  for (const [path, entries] of lists) {
    await mkdir(join(to, path), { recursive: true });
    for (const { name, kind, id } of entries) {
      if (kind === 'file' && KEY_FILE.test(name)) files.set(join(path, name), id);
    }
  }
  const bytes = await tree.read(files.values());
  for (const [path, id] of files) {
    const copy = join(to, path);
    await mkdir(dirname(copy), { recursive: true });
    await writeFile(copy, bytes.get(id) ?? '');
  }
}

/** Messages name files as the repository does. */
async function withNames<Result>(
  directory: string,
  location: string,
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    const message = cause.message.replaceAll(`${directory}/`, '').replaceAll(directory, '.');
    throw new UsageError(`${location}: ${message}`, cause.hint, { cause });
  }
}
