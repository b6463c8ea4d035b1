// The signature repository that a command pushes to, with the rule that it sets itself: `lookaside.yaml`
// at the root of its branch says who may sign what, and names key files beside it.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { canJudge, listKeyFaults } from '../../generator/policy/key-faults.ts';
import type { Policy } from '../../generator/policy/policy.ts';
import { guessForge, isApiHost, parseHosted } from '../../signing/target/forge.ts';
import { REPOSITORY_CONFIG } from '../../signing/target/repository-address.ts';
import { SignatureRepository } from '../../signing/target/signature-repository.ts';
import { BUDGET_OPTIONS, type StateBudgets } from '../../generator/terms/budgets.ts';
import { toRemoteAccess } from '../../generator/sources/git/processes/git-environment.ts';
import type { TipTree } from '../../generator/sources/git/objects/tip-tree.ts';
import { toBudgets } from '../base/budget-options.ts';
import type { OptionName, Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { listKeyPaths, readSettings } from '../base/read-settings.ts';
import { UsageError } from '../base/usage-error.ts';
import { readGitAccess } from './git-access.ts';
import { openEngines, warnOfKeys } from './open-engines.ts';
import { assertTokenFile, readTokenFile } from './open-source.ts';
import { KEY_FILE } from './read-keys.ts';
import { readPolicy, warnOfKeyFaults } from './read-policy.ts';
import { assertKeyPaths, readConfigFile, readKeyTexts } from './tree-files.ts';
import { type TargetRule, type TreeRule, TargetRules } from './target-rules.ts';
import { explainTemporary } from './unusable-directory.ts';

/**
 * How long a remote may say nothing, which is as long as --timeout but for these. Hooks take a while, and
 * of a push that is cut off nobody knows whether it came through. Milliseconds.
 */
const LEAST_PATIENCE = 10_000;
const MOST_PATIENCE = 120_000;

/** A signature repository that is open to be pushed to. */
export interface OpenTarget {
  readonly repository: SignatureRepository;
  /** The settings by which it is served, as far as it says. */
  readonly settings: Settings;
  readonly policy: Policy;
  readonly judge: PlacingJudge;
  /** Whether the repository says itself who may sign; else it was said for this run. */
  readonly hasOwnRules: boolean;
  /**
   * The rule of the newest state that the repository was seen in: another one once its files have changed.
   * @throws UsageError as `openTarget` does
   */
  readonly readRule: () => Promise<TargetRule>;
  /** For the API of the git host; undefined where none was given. */
  readonly token: string | undefined;
  /** Ends what was started. */
  readonly close: () => Promise<void>;
}

/**
 * Opens REPO and reads how it is served and what it asks of signatures. What it does not say itself, the
 * options of the command do; those that it leaves without effect are told. `directory` is for what comes;
 * whoever made it removes it.
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
  const token = await readToken(location, settings);
  const access = await readGitAccess(location, settings, io.environment);
  const repository = await SignatureRepository.open({
    repository: location,
    branch: settings.branch,
    directory,
    environment: io.environment,
    hasTerminal: hasTerminal(io),
    access: toRemoteAccess(location, {
      ...access,
      tokenFile: token?.isForGit ? token.file : undefined,
    }),
    patience: Math.min(MOST_PATIENCE, Math.max(LEAST_PATIENCE, settings.timeout)),
    ending,
  }).catch((error: unknown) => {
    throw explainTemporary(error);
  });
  try {
    const read = async () => readTargetRule(repository, settings, directory);
    const first = await read();
    for (const warning of describeOverruled(settings, first, repository)) {
      io.stderr.write(`lookaside: warning: ${warning}\n`);
    }
    const engines = await openEngines(io.environment, directory, toBudgets(first.settings));
    for (const warning of warnOfKeys(first.policy, engines)) {
      io.stderr.write(`lookaside: warning: ${warning}\n`);
    }
    warnOfKeyFaults(first.policy, io.stderr);
    const rules = await TargetRules.open(repository, engines, first, read);
    const { judge } = await rules.read();
    const close = async (): Promise<void> => {
      await Promise.all([engines.close(), repository.close()]);
    };
    return {
      repository,
      settings: first.settings,
      policy: first.policy,
      judge,
      hasOwnRules: first.hasOwnRules,
      readRule: async () => rules.read(),
      token: token?.text,
      close,
    };
  } catch (error) {
    await repository.close();
    throw explainTemporary(error);
  }
}

/** Git asks people only where somebody can see it and answer. */
function hasTerminal({ stdin, stderr }: ProcessIo): boolean {
  return stderr.isTTY === true && 'isTTY' in stdin && stdin.isTTY === true;
}

/** The token of --git-token-file, and whether git is to have it or only the API of the git host. */
interface TargetToken {
  readonly file: string;
  readonly text: string;
  readonly isForGit: boolean;
}

/**
 * Reads the token before anything is signed or pushed.
 * @throws UsageError for a file without one, and for a repository whose host may not have it
 */
async function readToken(location: string, settings: Settings): Promise<TargetToken | undefined> {
  const given = settings['git-token-file'];
  if (given === undefined) return undefined;
  // Git runs in another directory.
  const file = resolve(given);
  const isForGit = /^https?:/i.test(location);
  if (isForGit || !settings['pull-request']) await assertTokenFile(file, location);
  const hosted = parseHosted(location);
  const isForApi = hosted && (settings.forge ?? guessForge(hosted)) === 'github';
  if (isForApi && !isApiHost(hosted)) {
    throw new UsageError(
      `--git-token-file: expected the https:// address of the repository, got ${location}: its host may be a name of your ssh configuration`,
      'give --to https://HOST/ORG/signatures.git, so that it is known who gets the token',
    );
  }
  return { file, text: await readTokenFile(file), isForGit };
}

/** The rule of a repository that is pushed to, and whether the repository says itself who may sign. */
interface OpenRule extends TreeRule {
  readonly hasOwnRules: boolean;
}

/** What says who may sign, together. */
const RULES: readonly OptionName[] = ['keys', 'scopes', 'releases', 'policy', 'policy-root'];

/** What says, one by one, how it is served. */
const SERVED_BY: readonly OptionName[] = [
  'path',
  'expiry-warning',
  ...Object.values(BUDGET_OPTIONS),
];

/** What the repository says, and where it says nothing, the command. */
async function readTargetRule(
  repository: SignatureRepository,
  given: Settings,
  directory: string,
): Promise<OpenRule> {
  // Each time another one: a key that was withdrawn must not be found in it.
  const place = await mkdtemp(join(directory, 'configuration-'));
  const own = await readTreeRule(repository.tree, place, repository.location);
  const { paths = [REPOSITORY_CONFIG] } = own ?? {};
  if (own && saysWhoSigns(own.policy)) {
    const settings = overrule(given, own.settings);
    return { ...own, policy: usable(own.policy), settings, hasOwnRules: true };
  }
  const policy = usable(await readPolicy(given));
  const settings = own ? overrule(given, own.settings) : given;
  const { limits } = own ?? {};
  if (saysWhoSigns(policy)) return { settings, policy, paths, limits, hasOwnRules: false };
  const { location, branch } = repository;
  const lack = own
    ? `${REPOSITORY_CONFIG} at the root of ${branch} names no keys`
    : `there is no ${REPOSITORY_CONFIG} at the root of ${branch}`;
  throw new NoRulesError(
    `${location} does not say who may sign: ${lack}`,
    'make one with `lookaside init`, or give the public keys with --keys',
  );
}

/** Of images, or of releases. */
function saysWhoSigns({ isConfigured, releases }: Policy): boolean {
  return isConfigured || releases.length > 0;
}

/** Neither a repository nor the options of a run say who may sign. */
export class NoRulesError extends UsageError {}

/** @throws UsageError where no signature at all could be pushed, for lack of keys */
function usable(policy: Policy): Policy {
  const [fault] = canJudge(policy) ? [] : listKeyFaults(policy);
  if (fault) throw new UsageError(fault.message, fault.hint);
  return policy;
}

/** The settings of a run, but for what the repository says of how it is served. */
function overrule(given: Settings, own: Settings): Settings {
  const said = SERVED_BY.filter((name) => own.origins[name] !== undefined);
  return { ...given, ...Object.fromEntries(said.map((name) => [name, own[name]])) };
}

/** Sentences about flags without effect, as the repository says something else. Not of other runs' settings. */
function describeOverruled(
  given: Settings,
  { settings, hasOwnRules }: OpenRule,
  { location }: SignatureRepository,
): readonly string[] {
  const isFlag = (name: OptionName): boolean => given.origins[name] === `--${name}`;
  const rules = hasOwnRules ? RULES.filter(isFlag) : [];
  const overruled = rules.map(
    (name) =>
      `--${name} has no effect: ${location} has rules of its own, in its ${REPOSITORY_CONFIG}`,
  );
  const others = SERVED_BY.filter(isFlag).flatMap((name) => {
    const isSame = JSON.stringify(settings[name]) === JSON.stringify(given[name]);
    return isSame ? [] : `--${name} has no effect: ${location} sets it in its ${REPOSITORY_CONFIG}`;
  });
  return [...overruled, ...others];
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
  const tell = (error: UsageError): UsageError => withTreeNames(error, own.directory, location);
  const policy = await withNames(own.directory, location, async () =>
    readPolicy(settings, { tell }),
  );
  return { settings: own.settings, policy, paths: own.paths, limits: findLimits(own.settings) };
}

/** What a configuration says of how large its repository may become. */
function findLimits(settings: Settings): StateBudgets | undefined {
  const names = [BUDGET_OPTIONS.entries, BUDGET_OPTIONS.pathBytes];
  return names.some((name) => settings.origins[name] !== undefined)
    ? toBudgets(settings)
    : undefined;
}

/** The settings that a tree has for itself. */
export interface TreeSettings {
  readonly settings: Settings;
  /** Where its files are now, under their own names. */
  readonly directory: string;
  /** The files and directories that were read, from the root. */
  readonly paths: readonly string[];
}

/**
 * Reads the configuration of a signature repository, and puts the key files that it names into
 * `directory`, where the settings find them; undefined where there is none. `location` is for messages.
 * @throws UsageError for one that cannot be used, or names what cannot be in the repository
 */
export async function readTreeSettings(
  tree: TipTree,
  directory: string,
  location: string,
): Promise<TreeSettings | undefined> {
  const text = await withNames(directory, location, async () => readConfigFile(tree));
  if (text === undefined) return undefined;
  const file = join(directory, REPOSITORY_CONFIG);
  await mkdir(directory, { recursive: true });
  await writeFile(file, text);
  return withNames(directory, location, async () => {
    const keys = (await listKeyPaths(file)).map((path) => toInside(path, directory));
    await assertKeyPaths(tree, keys);
    await copyFiles(tree, keys, directory);
    const paths = [REPOSITORY_CONFIG, ...keys];
    return { settings: await readSettings({ config: file }, {}), directory, paths };
  });
}

/** The path from the root of the repository, which `directory` stands for. */
function toInside(path: string, directory: string): string {
  const inside = relative(directory, resolve(directory, path));
  if (!/^\.\.(?:\/|$)/.test(inside)) return inside;
  const message = `${REPOSITORY_CONFIG}: expected keys in the repository, got ${path}`;
  throw new UsageError(message, 'put the public keys into the repository, and name them there');
}

/** Copies files, and of directories the key files in them; what is not there is told of when it is read. */
async function copyFiles(tree: TipTree, paths: readonly string[], to: string): Promise<void> {
  const found = await tree.find(paths);
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
  const bytes = await readKeyTexts(tree, files);
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
    throw cause instanceof UsageError ? withTreeNames(cause, directory, location) : cause;
  }
}

/** What the system says of a file that was not copied. */
const NOT_COPIED = /cannot read keys: ENOENT: [^,]*, \w+ '(.*)'$/;

function withTreeNames(cause: UsageError, directory: string, location: string): UsageError {
  const inTree = cause.message.replaceAll(`${directory}/`, '').replaceAll(directory, '.');
  const message = inTree.replace(NOT_COPIED, '$1 is not in the repository');
  const hint =
    message === inTree ? cause.hint : 'commit the public keys there, or name them as they are';
  const named = message.startsWith(`${location}: `) ? message : `${location}: ${message}`;
  return new UsageError(named, hint, { cause: cause.cause });
}
