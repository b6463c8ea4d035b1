// Reads what a node has: its own configuration, that of users, and the key files of both.
import { findKeyPaths } from '../../generator/nodes/check/inspect-policy.ts';
import {
  parsePasswdHomes,
  type ClosedEntry,
  type FoundContent,
  type FoundConfig,
  type FoundDirectory,
  type NodeState,
} from '../../generator/nodes/check/node-state.ts';
import { FORBIDDEN, type RootedFiles } from './rooted-files.ts';

const SYSTEM = 'etc/containers';
const USER = '.config/containers';
/** Of a file of registries.d, which has some hundred; YAML is slow to read. */
const MAX_REGISTRIES_BYTES = 256 * 1024;
/** Homes of root, and directories of homes; the second of each is that of OSTree systems. */
const ROOT_HOMES = ['root', 'var/roothome'];
const HOME_DIRECTORIES = ['home', 'var/home'];
const PASSWD = 'etc/passwd';
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
  const closed = isRootless ? [] : await findClosed(node, own);
  return { state: { own, users, keyFiles, closed }, unseen };
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

async function readDirectory(node: RootedFiles, directory: string): Promise<FoundDirectory> {
  const listed = await node.readNames(directory);
  if (listed.kind !== 'names') return listed;
  const files = [];
  for (const name of listed.names) {
    const path = `${directory}/${name}`;
    files.push({ path, found: await node.readFile(path, MAX_REGISTRIES_BYTES) });
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
