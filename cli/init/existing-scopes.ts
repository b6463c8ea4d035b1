// What a signature repository that has a configuration says of the scopes that are asked for. Nobody but
// its people changes that, so what it lacks is told: a key that only lay there could count for other images.
import { lstat, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { KeyFile } from '../../generator/openpgp/keys/key-file.ts';
import { describeScope } from '../../generator/policy/policy.ts';
import { toShellWord } from '../../generator/terms/text.ts';
import { KEY_DIRECTORY_NAME, type InitialScope } from '../../signing/init/repository-files.ts';
import { REPOSITORY_CONFIG } from '../../signing/target/repository-address.ts';
import type { Settings } from '../base/options.ts';
import { readSettings } from '../base/read-settings.ts';
import { UsageError } from '../base/usage-error.ts';
import { readPolicy } from '../inputs/read-policy.ts';

export interface AskedScope extends InitialScope {
  /** What its keys were read from. */
  readonly files: readonly KeyFile[];
}

/**
 * Sees that the configuration of the repository, if it has one, accepts the keys for their scopes, and of a
 * stage, that all of them have to sign.
 * @throws UsageError with the lines that it lacks
 */
export async function assertScopes(
  directory: string,
  asked: readonly AskedScope[],
  isStage: boolean,
): Promise<void> {
  const file = join(directory, REPOSITORY_CONFIG);
  if (asked.length === 0 || !(await isThere(file))) return;
  const settings = await readSettings({ config: file }, {});
  const { scopes } = await readPolicy(settings);
  const lacking = asked.flatMap((scope) => {
    const own = scopes.get(scope.name);
    const keys = new Set(own?.signedBy.flatMap(({ keyring }) => keyring.keys.map(toFingerprint)));
    const missing = scope.keyring.keys.map(toFingerprint).filter((key) => !keys.has(key));
    return missing.length === 0 ? [] : { scope, isNew: own === undefined, missing };
  });
  const [first] = lacking;
  if (!first) {
    if (isStage) assertAll(file, settings, asked);
    return;
  }
  const where = describeScope(first.scope);
  const lack = first.isNew
    ? `expected ${where}, which is not in it`
    : `expected the key ${first.missing.join(', ')} for ${where}, which does not name it`;
  throw new UsageError(
    `${file}: ${lack}; nothing was written`,
    await describeCure(
      directory,
      settings,
      lacking.map(({ scope }) => scope),
    ),
  );
}

function assertAll(file: string, { scopes = {} }: Settings, asked: readonly AskedScope[]): void {
  const loose = asked.find(({ name }) => scopes[name] && scopes[name].require !== 'all');
  if (!loose) return;
  throw new UsageError(
    `${file}: expected ${describeScope(loose)} to require the signatures of all its keys; nothing was written`,
    `below "${loose.name}:", add this line: require: all`,
  );
}

function toFingerprint({ fingerprint }: { readonly fingerprint: string }): string {
  return fingerprint;
}

/** Also of a link that leads nowhere. */
async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** What to copy where, and the lines to add, which YAML takes as they stand. */
async function describeCure(
  directory: string,
  settings: Settings,
  lacking: readonly AskedScope[],
): Promise<string> {
  const { policy } = settings;
  if (policy !== undefined) return `it goes by ${policy}: name the keys there`;
  const files = lacking.flatMap((scope) => scope.files);
  const names = nameFiles(files);
  const place = await findPlace(directory, settings, files, names);
  const target = join(directory, place);
  const copies = [...names].map(
    ([path, name]) => `cp ${toShellWord(path)} ${toShellWord(join(target, name))}`,
  );
  const changes = lacking.map(({ name, files: own }) => {
    const paths = own.map(({ path }) => `${place}/${names.get(path) ?? ''}`);
    const there = relativePaths(directory, settings, name);
    const keys = `keys: [${[...there, ...paths].map(quote).join(', ')}]`;
    // What else a scope says stays.
    if (settings.scopes?.[name]) return `below "${name}:", in place of its keys: ${keys}`;
    const line = `${quote(name)}: { ${keys} }`;
    return settings.scopes === undefined ? line : `below "scopes:": ${line}`;
  });
  const change =
    settings.scopes === undefined
      ? `add this line to ${REPOSITORY_CONFIG}: scopes: { ${changes.join(', ')} }`
      : `have this in ${REPOSITORY_CONFIG} ${changes.join(' and ')}`;
  return `${[`mkdir -p ${toShellWord(target)}`, ...copies].join(' && ')}, and ${change}`;
}

/** The keys that a scope has already, as paths of the repository. */
function relativePaths(
  directory: string,
  { scopes, keys }: Settings,
  name: string,
): readonly string[] {
  const paths = scopes?.[name]?.keys ?? (name === '' ? keys : []);
  return paths.map((path) => relative(directory, path));
}

/** A name for each file, once. */
function nameFiles(files: readonly KeyFile[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { path } of files) {
    if (names.has(path)) continue;
    let name = basename(path);
    for (let count = 2; taken.has(name); count += 1) name = `${count}-${basename(path)}`;
    taken.add(name);
    names.set(path, name);
  }
  return names;
}

/** A directory in which files count for no scope unless it names them, and no other lies in their place. */
async function findPlace(
  directory: string,
  { keys, scopes = {} }: Settings,
  files: readonly KeyFile[],
  names: ReadonlyMap<string, string>,
): Promise<string> {
  const named = [...keys, ...Object.values(scopes).flatMap((scope) => scope.keys)];
  const whole = new Set(named.map((path) => resolve(path)));
  for (let count = 1; ; count += 1) {
    const place =
      count === 1
        ? KEY_DIRECTORY_NAME
        : `more-${KEY_DIRECTORY_NAME}${count === 2 ? '' : `-${count}`}`;
    const target = join(directory, place);
    if (whole.has(resolve(target))) continue;
    const free = await Promise.all(
      files.map(async ({ path, bytes }) => isFree(join(target, names.get(path) ?? ''), bytes)),
    );
    if (free.every(Boolean)) return place;
  }
}

async function isFree(path: string, bytes: Uint8Array): Promise<boolean> {
  if (!(await isThere(path))) return true;
  const isFile = await stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
  return isFile && (await readFile(path)).equals(bytes);
}

/** As YAML takes it within `[]` and `{}`. */
function quote(text: string): string {
  return /^[a-z][\w./-]*$/i.test(text) ? text : JSON.stringify(text);
}
