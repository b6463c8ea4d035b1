// Reads what a node has: its own configuration, that of users, and the key files of both.
import { findKeyPaths } from '../../generator/nodes/check/inspect-policy.ts';
import {
  parsePasswdHomes,
  type ClosedEntry,
  type FoundContent,
  type FoundConfig,
  type FoundDirectory,
  type FoundFile,
  type NodeState,
} from '../../generator/nodes/check/node-state.ts';
import {
  type NewerSearch,
  findPolicyVariable,
  listDropIns,
  mergeDirectories,
} from '../../generator/nodes/check/newer-search.ts';
import { FORBIDDEN, type RootedFiles } from './rooted-files.ts';

const SYSTEM = 'etc/containers';
/** What distributions bring, for clients from containers/image 5.40 on. */
export const SHARED = 'usr/share/containers';
/** Of all programs, as pam_env(8) reads it. */
const ENVIRONMENT = 'etc/environment';
/** Of directories for one user each. */
const MAX_UIDS = 100;
const MISSING = { kind: 'missing' } as const;
const USER = '.config/containers';
/** Of a file of registries.d, which has some hundred; YAML is slow to read. */
const MAX_REGISTRIES_BYTES = 256 * 1024;
/** Homes of root, and directories of homes; the second of each is that of OSTree systems. */
const ROOT_HOMES = ['root', 'var/roothome'];
const HOME_DIRECTORIES = ['home', 'var/home'];
const PASSWD = 'etc/passwd';
/** Of docker as RHEL 7 packages it. */
const DOCKER = 'etc/sysconfig/docker';
/** Of passwd; thousands of users have less. */
const MAX_PASSWD_BYTES = 1024 * 1024;

/** What was read, and what the user who asks may not see. */
export interface ReadNode {
  readonly state: NodeState;
  readonly unseen: readonly string[];
}

/** Reads a node by its root or, if rootless, by a home directory. */
export async function readNode(node: RootedFiles, isRootless: boolean): Promise<ReadNode> {
  const keyFiles = new Map<string, FoundContent>();
  const readConfigAndKeys = async (directory: string): Promise<FoundConfig> => {
    const config = await readConfig(node, directory);
    for (const path of findKeyPaths(config.policy)) {
      if (!keyFiles.has(path)) keyFiles.set(path, await node.readFile(path));
    }
    return config;
  };
  // First of all: what is read of users may use up what is read at all.
  const own = await readConfigAndKeys(isRootless ? USER : SYSTEM);
  const homes = isRootless ? [] : await findHomes(node);
  const users: FoundConfig[] = [];
  const unseen: string[] = [];
  for (const home of homes) {
    const user = await readConfigAndKeys(`${home}/${USER}`);
    if (isForbidden(user.policy.found) || isForbidden(user.registries)) unseen.push(home);
    else users.push(user);
  }
  const newer = await readNewer(node, own, users, isRootless);
  for (const path of findKeyPaths(newer.system[0]?.policy ?? own.policy)) {
    if (!keyFiles.has(path)) keyFiles.set(path, await node.readFile(path));
  }
  if (isRootless) return { state: { own, users, keyFiles, newer, closed: [] }, unseen };
  const closed = await findClosed(node, own);
  const docker = { path: DOCKER, found: await node.readFile(DOCKER, MAX_REGISTRIES_BYTES) };
  return { state: { own, users, keyFiles, newer, closed, docker }, unseen };
}

/** Reads what clients from containers/image 5.40 on read beside or in place of the rest. */
async function readNewer(
  node: RootedFiles,
  own: FoundConfig,
  users: readonly FoundConfig[],
  isRootless: boolean,
): Promise<NewerSearch> {
  // Nothing is known of the system that a home directory is on.
  if (isRootless) {
    return { system: [{ ...own, registries: mergeDirectories([own.registries]) }], users: [] };
  }
  const variable = await node.readFile(ENVIRONMENT, MAX_PASSWD_BYTES);
  const named =
    variable.kind === 'file'
      ? findPolicyVariable(Buffer.from(variable.bytes).toString())
      : undefined;
  const policy = await findNewerPolicy(node, own, named);
  const readAll = async (uid: 'root' | 'other' | number): Promise<FoundDirectory[]> => {
    const read = [];
    for (const path of [SHARED, SYSTEM].flatMap((place) => listDropIns(place, uid))) {
      read.push(await readDirectory(node, path));
    }
    return read;
  };
  const { registriesPath } = own;
  const system = [];
  for (const uid of ['root', 'other', ...(await findUids(node))] as const) {
    system.push({ policy, registriesPath, registries: mergeDirectories(await readAll(uid)) });
  }
  const merged = [];
  for (const user of users) {
    const isRoot = ROOT_HOMES.some((home) => user.registriesPath.startsWith(`${home}/`));
    const below = await readAll(isRoot ? 'root' : 'other');
    const registries = mergeDirectories([...below, user.registries]);
    merged.push({
      ...user,
      registries: user.registries.kind === 'missing' ? user.registries : registries,
      ...(named !== undefined && { policy: { ...user.policy, found: MISSING } }),
    });
  }
  return { system, users: merged };
}

/** The policy of the variable, else the first that is there. */
async function findNewerPolicy(
  node: RootedFiles,
  own: FoundConfig,
  named: string | undefined,
): Promise<FoundFile> {
  if (named !== undefined) {
    return { path: named.replace(/^\/+/, ''), found: await node.readFile(named) };
  }
  if (own.policy.found.kind !== 'missing') return own.policy;
  const shared = {
    path: `${SHARED}/policy.json`,
    found: await node.readFile(`${SHARED}/policy.json`),
  };
  return shared.found.kind === 'missing' ? own.policy : shared;
}

/** Users who have directories of their own below those of the system. */
async function findUids(node: RootedFiles): Promise<readonly number[]> {
  const uids = new Set<number>();
  for (const place of [SHARED, SYSTEM]) {
    const listed = await node.readNames(`${place}/registries.rootless.d`);
    const names = listed.kind === 'names' ? listed.names : [];
    for (const name of names) if (/^[1-9][0-9]{0,9}$/.test(name)) uids.add(Number(name));
  }
  return [...uids].slice(0, MAX_UIDS);
}

/** Asks of all that the tools of users read of the system's configuration. */
async function findClosed(
  node: RootedFiles,
  { policy, registries, registriesPath }: FoundConfig,
): Promise<readonly ClosedEntry[]> {
  const files = registries.kind === 'directory' ? registries.files : [];
  const read = files.filter(({ path }) => path.endsWith('.yaml'));
  const paths = [policy.path, registriesPath, ...read.map(({ path }) => path)];
  const closed = new Map<string, ClosedEntry>();
  for (const path of [...paths, ...findKeyPaths(policy)]) {
    const entry = await node.findClosed(path);
    if (entry) closed.set(entry.path, entry);
  }
  return [...closed.values()];
}

function isForbidden(found: FoundContent | FoundDirectory): boolean {
  return found.kind === 'unreadable' && found.reason === FORBIDDEN;
}

/** Reads a directory like `etc/containers`, without the keys. */
export async function readConfig(node: RootedFiles, directory: string): Promise<FoundConfig> {
  const path = `${directory}/policy.json`;
  const registriesPath = `${directory}/registries.d`;
  const policy = { path, found: await node.readFile(path) };
  return { policy, registriesPath, registries: await readDirectory(node, registriesPath) };
}

/** Reads a directory of registries.d. */
export async function readDirectory(node: RootedFiles, directory: string): Promise<FoundDirectory> {
  const listed = await node.readNames(directory);
  if (listed.kind !== 'names') return listed;
  const files = [];
  for (const name of listed.names) {
    const path = `${directory}/${name}`;
    const found = await node.readFile(path, MAX_REGISTRIES_BYTES);
    files.push({ path, found, isRegular: await node.isRegular(path) });
  }
  return { kind: 'directory', files };
}

/** Each home once: on some systems one path leads to the other. */
async function findHomes(node: RootedFiles): Promise<readonly string[]> {
  const homes = [...ROOT_HOMES];
  for (const directory of HOME_DIRECTORIES) {
    const listed = await node.readNames(directory);
    if (listed.kind === 'names') homes.push(...listed.names.map((name) => `${directory}/${name}`));
  }
  const passwd = await node.readFile(PASSWD, MAX_PASSWD_BYTES);
  if (passwd.kind === 'file') {
    homes.push(...parsePasswdHomes(Buffer.from(passwd.bytes).toString()));
  }
  const byPlace = new Map<string, string>();
  for (const home of homes) {
    const place = await node.follow(home);
    if (place !== '' && !byPlace.has(place)) byPlace.set(place, home);
  }
  return [...byPlace.values()];
}
