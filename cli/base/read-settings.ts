// Flag over environment over configuration file over default, each checked by the table.
import { dirname, join, resolve } from 'node:path';
import type { z } from 'zod';
import { UsageError } from './usage-error.ts';
import { oneOf } from './option-values.ts';
import {
  type Command,
  OPTION_NAMES,
  type OptionName,
  type Settings,
  describeOption,
  optionOf,
  variableOf,
} from './options.ts';
import { isServiceLink } from './service-links.ts';
import { findStateHome } from '../../generator/system/find-home.ts';
import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { suggest } from '../../generator/terms/text.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

type Values = Partial<Record<OptionName, unknown>>;

const CONFIG = 'config';
const PREFIX = 'LOOKASIDE_';

/**
 * Reads the settings of a run. `flags` are the command line's, by option name, `config` among
 * them; what is wrong is explained as `command` means it.
 * @throws UsageError for an unknown name or a value that the table refuses.
 */
export async function readSettings(
  flags: Readonly<Record<string, unknown>>,
  environment: Environment,
  command?: Command,
): Promise<Settings> {
  const variables = readEnvironment(environment);
  const flag = flags[CONFIG];
  const configFile = typeof flag === 'string' ? flag : environment[variableOf(CONFIG)];
  const config = configFile === undefined ? {} : await readConfig(configFile);
  const settings: Record<string, unknown> = {};
  const origins: Partial<Record<OptionName, string>> = {};
  for (const name of OPTION_NAMES) {
    const given = [
      [flags[name], `--${name}`],
      [variables[name], variableOf(name)],
      [config[name], `${configFile}: ${name}`],
    ] as const;
    const [value, origin] = given.find(([one]) => one !== undefined) ?? [];
    if (origin === undefined) settings[name] = defaultOf(name, environment, command);
    else {
      settings[name] = convert(name, value, origin, command);
      origins[name] = origin;
    }
  }
  return { ...settings, origins } as Settings;
}

function defaultOf(name: OptionName, environment: Environment, command?: Command): unknown {
  if (name === 'state-dir') return findStateDirectory(environment, command);
  const option = optionOf(name);
  if (option.repeatable) return [];
  return convert(name, option.default, `--${name}`);
}

/** @throws UsageError for a command that needs one, where the user has no home */
function findStateDirectory(environment: Environment, command: Command | undefined): string {
  const home = findStateHome(environment);
  if (home !== undefined) return join(home, 'lookaside');
  if (command === undefined || !optionOf('state-dir').commands.includes(command)) return '';
  throw new UsageError(
    '--state-dir: nowhere to keep state: HOME is not set, and the user has no home directory',
    'give a directory that this user may write to with --state-dir DIR, or set HOME',
  );
}

function convert(name: OptionName, value: unknown, origin: string, command?: Command): unknown {
  if (value === undefined) return undefined;
  const result = optionOf(name).schema.safeParse(value);
  if (result.success) return result.data;
  const known = command && optionOf(name).values?.[command];
  const { issues } = (known && oneOf(...known).safeParse(value).error) ?? result.error;
  // A misspelt name is told before the right one that is missing.
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const where = [origin, ...(issue?.path ?? []).map(String)].join(': ');
  const hint = suggestMember(name, issue) ?? describeOption(name, command);
  throw new UsageError(`${where}: ${describeIssue(issue)}`, hint);
}

type Issue = z.core.$ZodIssue;

/** The fault of a scope's name is an issue within the issue. */
function describeIssue(issue: Issue | undefined): string {
  if (issue?.code === 'unrecognized_keys') return `unknown key ${issue.keys.join(', ')}`;
  const inner = issue?.code === 'invalid_key' ? issue.issues[0] : undefined;
  return inner?.message ?? issue?.message ?? 'not a value of this option';
}

/** What a misspelt member was meant to be; undefined for one that is only in a wrong place. */
function suggestMember(name: OptionName, issue: Issue | undefined): string | undefined {
  if (issue?.code !== 'unrecognized_keys') return undefined;
  const known = optionOf(name).members?.[issue.path.length - 1] ?? [];
  const [member = ''] = issue.keys;
  return known.length === 0 || known.includes(member) ? undefined : suggest(member, known);
}

function readEnvironment(environment: Environment): Values {
  const names = new Map(
    OPTION_NAMES.filter((name) => !optionOf(name).isInFileOnly).map((name) => [
      variableOf(name),
      name,
    ]),
  );
  const values: Values = {};
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || value === undefined) continue;
    const name = names.get(variable);
    if (name) values[name] = splitVariable(name, value);
    else if (variable !== variableOf(CONFIG) && !isServiceLink(variable, value)) {
      const hint = suggest(variable, [...names.keys(), variableOf(CONFIG)]);
      throw new UsageError(`unknown environment variable ${variable}`, hint);
    }
  }
  return values;
}

/** Paths are split as PATH is; other values hold colons themselves, as IPv6 addresses do. */
function splitVariable(name: OptionName, value: string): string | readonly string[] {
  const { repeatable, isPath } = optionOf(name);
  return repeatable ? value.split(isPath ? ':' : ',') : value;
}

/** The document of a configuration file. */
async function readDocument(file: string): Promise<Readonly<Record<string, unknown>>> {
  const explain = (cause: unknown, hint: string): UsageError => {
    const [said = ''] = messageOf(cause).split('\n', 1);
    const reason = said.replace(/:$/, '').replace(`${file}: `, '');
    const message = `cannot read the configuration file ${JSON.stringify(file)}: ${reason}`;
    return new UsageError(message, hint, { cause });
  };
  const bytes = await readBounded(file, MOST_TEXT_BYTES).catch((cause: unknown) => {
    throw explain(cause, `name it with --config or ${variableOf(CONFIG)}`);
  });
  const { parseYaml } = await import('../../generator/terms/parse-yaml.ts');
  let document: unknown;
  try {
    const documents = parseYaml(bytes.toString());
    if (documents.length > 1) throw new Error('it holds several documents of YAML');
    [document] = documents;
  } catch (cause) {
    throw explain(cause, 'it must be YAML with one option a line, for example `poll: 5m`');
  }
  if (document === null || document === undefined) return {};
  if (isMapping(document)) return document;
  // Not what it is: a file of a secret that was given by mistake is one long text to YAML.
  const got = Array.isArray(document) ? 'a list' : `a ${typeof document}`;
  throw new UsageError(`${file}: expected a mapping of options, got ${got}`);
}

async function readConfig(file: string): Promise<Values> {
  const document = await readDocument(file);
  const values: Values = {};
  for (const [key, value] of Object.entries(document)) {
    const name = OPTION_NAMES.find((known) => known === key);
    if (!name) throw new UsageError(`${file}: unknown key ${key}`, suggest(key, OPTION_NAMES));
    if (name === 'scopes') values[name] = withKeysRelativeTo(dirname(file), value);
    else if (name === 'releases') values[name] = withListedKeysRelativeTo(dirname(file), value);
    else if (name === 'mirrored-images') values[name] = withFilesRelativeTo(dirname(file), value);
    else if (name === 'source') values[name] = withPlaceRelativeTo(dirname(file), value);
    else if (name === 'scope') values[name] = withPathsRelativeTo(dirname(file), value);
    else values[name] = optionOf(name).isPath ? relativeTo(dirname(file), value) : value;
  }
  return values;
}

/**
 * The paths of keys that a configuration file names, as it writes them, whatever lies there.
 * @throws UsageError for a file that cannot be used
 */
export async function listKeyPaths(file: string): Promise<readonly string[]> {
  const { keys, scopes, releases } = await readDocument(file);
  const ofScopes = isMapping(scopes) ? Object.values(scopes) : [];
  const ofReleases: readonly unknown[] = Array.isArray(releases) ? releases : [];
  const holders = [...ofScopes, ...ofReleases];
  const found = [keys, ...holders.map((holder) => isMapping(holder) && holder['keys'])];
  return found.flat().filter((path) => typeof path === 'string');
}

/** Scopes have paths too, in their `keys`. */
function withKeysRelativeTo(directory: string, scopes: unknown): unknown {
  if (!isMapping(scopes)) return scopes;
  return Object.fromEntries(
    Object.entries(scopes).map(([name, scope]) => [name, withOwnKeysRelativeTo(directory, scope)]),
  );
}

/** So have release areas. */
function withListedKeysRelativeTo(directory: string, areas: unknown): unknown {
  if (!Array.isArray(areas)) return areas;
  return areas.map((area) => withOwnKeysRelativeTo(directory, area));
}

function withOwnKeysRelativeTo(directory: string, holder: unknown): unknown {
  if (!isMapping(holder) || holder['keys'] === undefined) return holder;
  return { ...holder, keys: relativeTo(directory, holder['keys']) };
}

/** Repositories that are mirrored have paths in their `keys` and their `policy`. */
function withFilesRelativeTo(directory: string, repositories: unknown): unknown {
  if (!Array.isArray(repositories)) return repositories;
  const members = new Set(['keys', 'policy']);
  return repositories.map((one: unknown) =>
    isMapping(one)
      ? Object.fromEntries(
          Object.entries(one).map(([name, value]) => [
            name,
            members.has(name) ? relativeTo(directory, value) : value,
          ]),
        )
      : one,
  );
}

/** `SCOPE=PATH`, one or a list. */
function withPathsRelativeTo(directory: string, scopes: unknown): unknown {
  if (Array.isArray(scopes)) return scopes.map((one) => withPathsRelativeTo(directory, one));
  if (typeof scopes !== 'string') return scopes;
  return scopes.replace(/=(.+)$/s, (_all, path: string) => `=${resolve(directory, path)}`);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A git URL, with a scheme or in scp form, has a colon before its first slash. */
function withPlaceRelativeTo(directory: string, source: unknown): unknown {
  const isUrl = typeof source === 'string' && /^[^/]*:/.test(source);
  return isUrl ? source : relativeTo(directory, source);
}

/** `-` is a standard stream, and no path; nor is nothing, which would be the directory itself. */
function relativeTo(directory: string, value: unknown): unknown {
  if (value === '-' || value === '') return value;
  if (typeof value === 'string') return resolve(directory, value);
  return Array.isArray(value) ? value.map((item) => relativeTo(directory, item)) : value;
}
