// What a set of files makes nodes do, by the same rules as the files of one node.
import { inspectNode } from '../check/inspect-node.ts';
import { findKeyPaths, inspectPolicy } from '../check/inspect-policy.ts';
import { mergeDirectories } from '../check/newer-search.ts';
import type { NodeFinding } from '../check/finding.ts';
import type {
  ClosedEntry,
  FoundConfig,
  FoundContent,
  FoundFile,
  NodeState,
} from '../check/node-state.ts';
import type { WantedNode } from '../check/wanted-node.ts';
import { KEY_DIRECTORY } from '../key-files.ts';
import { type NodeFile, NODE_FILE_MODE } from '../node-file.ts';
import { SYSTEM_DIRECTORY } from '../node-files.ts';
import { type IgnitionEntry, readEntry } from './ignition-files.ts';

export const POLICY_PATH = `${SYSTEM_DIRECTORY}/policy.json`;
const REGISTRIES_PATH = `${SYSTEM_DIRECTORY}/registries.d`;
const ROOTFUL_PATH = `${SYSTEM_DIRECTORY}/registries.rootful.d`;
/** One file for each namespace that has an ImagePolicy, `NAMESPACE.json`. */
const NAMESPACE_POLICIES = /^etc\/crio\/policies\/([^/]+)\.json$/;
/** What CRI-O reads in this order: crio.conf, and the files of crio.conf.d by their names. */
const CRIO_CONFIG = /^etc\/crio\/crio\.conf(?:\.d\/[^/]+)?$/;
/** CRI-O then goes by another file than policy.json (crio.conf(5)). */
const SIGNATURE_POLICY = /^[ \t]*(?:[\w.]+\.)?signature_policy[ \t]*=[ \t]*(["'])(.*?)\1/gm;
/** Of root, which clients prefer to those of the system; the second is the first on these nodes. */
const HOMES = ['root', 'var/roothome'];
/** Nothing there comes with the operating system. */
const OPERATOR_DIRECTORY = 'etc/machine-config-daemon/';
const OTHERS_READ = 0o4;
/** Of a file of registries.d, which has some hundred. */
const MAX_REGISTRIES_BYTES = 256 * 1024;
/** Of all files of a cluster together, lest many that are well compressed fill the memory. Bytes. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

/** What a pool or a node has, by path. */
export type EffectiveFiles = ReadonlyMap<string, IgnitionEntry>;

/** The policy of a namespace, and what is wrong with it. */
export interface NamespacePolicy {
  readonly namespace: string;
  readonly path: string;
  readonly faults: readonly NodeFinding[];
}

/** A policy that CRI-O is told to go by in place of policy.json, and what is wrong with it. */
export interface CrioPolicy {
  /** The file of CRI-O's configuration that names it. */
  readonly config: string;
  /** As written there. */
  readonly policy: string;
  readonly faults: readonly NodeFinding[];
}

/** What files make nodes do. */
export interface Judgement {
  /** Of the files that hold for all namespaces. */
  readonly findings: readonly NodeFinding[];
  /** Of files that a node may have though no MachineConfig brings them, as keys of the system. */
  readonly unknown: readonly NodeFinding[];
  readonly namespaces: readonly NamespacePolicy[];
  /** Undefined where CRI-O goes by policy.json. */
  readonly crio: CrioPolicy | undefined;
}

/** Whether nodes with these files do all that they should; undefined if that cannot be said. */
export function verifies(judgement: Judgement): boolean | undefined {
  const { unknown } = judgement;
  const isGood = listFaults(judgement).length === 0;
  return isGood && unknown.length > 0 ? undefined : isGood;
}

/** What keeps nodes from verifying, those of the files for all namespaces first. */
export function listFaults({ findings, crio, namespaces }: Judgement): readonly NodeFinding[] {
  const faults = findings.filter(({ severity }) => severity === 'fault');
  return [...faults, ...(crio?.faults ?? []), ...namespaces.flatMap((one) => one.faults)];
}

/** How a file that node-config would write is there. */
export type FileState = 'same' | 'differs' | 'missing';

/** Judges files, and remembers what it has judged. */
export class FileJudge {
  readonly #wanted: WantedNode;
  readonly #judged = new WeakMap<EffectiveFiles, Promise<Judgement>>();
  /** By their source, by all else that decides about them. */
  readonly #contents = new Map<string, Map<string | undefined, FoundContent>>();
  /** Bytes that may still be read. */
  #left = MAX_TOTAL_BYTES;

  constructor(wanted: WantedNode) {
    this.#wanted = wanted;
  }

  async judge(files: EffectiveFiles): Promise<Judgement> {
    const known = this.#judged.get(files);
    const judgement = known ?? this.#judgeAnew(files);
    this.#judged.set(files, judgement);
    return judgement;
  }

  /** The bytes at a path, as a node would find them. */
  read(files: EffectiveFiles, path: string): FoundContent {
    const entry = files.get(path);
    if (!entry) return { kind: 'missing' };
    // Many rendered configs have the same files.
    const key = `${entry.kind} ${entry.compression} ${entry.appends}`;
    const alike = this.#contents.get(key) ?? new Map<string | undefined, FoundContent>();
    this.#contents.set(key, alike);
    const found = alike.get(entry.source) ?? this.#readAnew(entry);
    alike.set(entry.source, found);
    return found;
  }

  #readAnew(entry: IgnitionEntry): FoundContent {
    const found = readEntry(entry);
    if (found.kind !== 'file') return found;
    if (found.bytes.length > this.#left) {
      return { kind: 'unreadable', reason: 'one that is too large beside all others' };
    }
    this.#left -= found.bytes.length;
    return found;
  }

  /** How one of the files that node-config would write is there, by its bytes and its mode. */
  compare(files: EffectiveFiles, { path, bytes }: NodeFile): FileState {
    const found = this.read(files, path);
    if (found.kind === 'missing') return 'missing';
    const isSame =
      found.kind === 'file' &&
      Buffer.from(bytes).equals(found.bytes) &&
      (files.get(path)?.mode ?? NODE_FILE_MODE) === NODE_FILE_MODE;
    return isSame ? 'same' : 'differs';
  }

  async #judgeAnew(files: EffectiveFiles): Promise<Judgement> {
    const state = this.#toNodeState(files);
    const all = await inspectNode(state, this.#wanted);
    const unknown = all.filter((finding) => mayBeOfTheSystem(finding, files));
    const findings = all.filter((finding) => !unknown.includes(finding));
    const namespaces: NamespacePolicy[] = [];
    for (const path of files.keys()) {
      const [, namespace] = NAMESPACE_POLICIES.exec(path) ?? [];
      if (namespace === undefined) continue;
      namespaces.push({ namespace, path, faults: await this.#findFaults(files, path) });
    }
    return { findings, unknown, namespaces, crio: await this.#inspectCrio(files) };
  }

  /** What is wrong with a policy in place of policy.json. */
  async #findFaults(files: EffectiveFiles, path: string): Promise<readonly NodeFinding[]> {
    const policy = this.#readFile(files, path);
    const found = await inspectPolicy(policy, this.#readKeys(files, [policy]), this.#wanted);
    return found.filter(({ severity }) => severity === 'fault');
  }

  async #inspectCrio(files: EffectiveFiles): Promise<CrioPolicy | undefined> {
    const configs = [...files.keys()].filter((path) => CRIO_CONFIG.test(path));
    // The main file comes first; of several the last one counts.
    const named = configs.toSorted().flatMap((config) => {
      const found = this.read(files, config);
      const text = found.kind === 'file' ? Buffer.from(found.bytes).toString() : '';
      return [...text.matchAll(SIGNATURE_POLICY)].map(([, , policy = '']) => ({ config, policy }));
    });
    const last = named.at(-1);
    if (!last || last.policy === '' || toPlace(last.policy) === POLICY_PATH) return undefined;
    return { ...last, faults: await this.#findFaults(files, toPlace(last.policy)) };
  }

  /** A node with these files and no others: those of its image are not known here. */
  #toNodeState(files: EffectiveFiles): NodeState {
    const policy = this.#readFile(files, POLICY_PATH);
    const listed = this.#list(files, REGISTRIES_PATH);
    const own: FoundConfig = {
      policy,
      registriesPath: REGISTRIES_PATH,
      registries: { kind: 'directory', files: listed },
    };
    const rootful = this.#list(files, ROOTFUL_PATH);
    const registries = mergeDirectories([own.registries, { kind: 'directory', files: rootful }]);
    const users = HOMES.map((home) => this.#readHome(files, home));
    const keyFiles = this.#readKeys(files, [policy, ...users.map((user) => user.policy)]);
    const read = [
      POLICY_PATH,
      ...listed.map(({ path }) => path),
      ...[...keyFiles.keys()].map(toPlace),
    ];
    return {
      own,
      users,
      keyFiles,
      newer: { system: [{ ...own, registries }], users },
      closed: listClosed(files, read),
    };
  }

  #readHome(files: EffectiveFiles, home: string): FoundConfig {
    const registriesPath = `${home}/.config/containers/registries.d`;
    const listed = this.#list(files, registriesPath);
    return {
      policy: this.#readFile(files, `${home}/.config/containers/policy.json`),
      registriesPath,
      registries: listed.length === 0 ? { kind: 'missing' } : { kind: 'directory', files: listed },
    };
  }

  #readFile(files: EffectiveFiles, path: string): FoundFile {
    return { path, found: this.read(files, path), isRegular: files.get(path)?.kind === 'file' };
  }

  #list(files: EffectiveFiles, directory: string): readonly FoundFile[] {
    const inside = [...files.keys()].filter(
      (path) => path.startsWith(`${directory}/`) && !path.slice(directory.length + 1).includes('/'),
    );
    return inside.toSorted().map((path) => limitSize(this.#readFile(files, path)));
  }

  #readKeys(
    files: EffectiveFiles,
    policies: readonly FoundFile[],
  ): ReadonlyMap<string, FoundContent> {
    const paths = policies.flatMap((policy) => findKeyPaths(policy));
    return new Map(paths.map((path) => [path, this.read(files, toPlace(path))]));
  }
}

/** YAML is slow to read, and an honest file of registries.d is short. */
function limitSize(file: FoundFile): FoundFile {
  const { found } = file;
  if (found.kind !== 'file' || found.bytes.length <= MAX_REGISTRIES_BYTES) return file;
  return { ...file, found: { kind: 'unreadable', reason: 'one that is too large' } };
}

/** A key file that no MachineConfig brings, and that does not lie where node-config lays keys. */
function mayBeOfTheSystem({ code, severity, path }: NodeFinding, files: EffectiveFiles): boolean {
  if (code !== 'key-file-missing' || severity !== 'fault' || files.has(path)) return false;
  return !path.startsWith(`${KEY_DIRECTORY}/`) && !path.startsWith(OPERATOR_DIRECTORY);
}

function toPlace(path: string): string {
  return path.replace(/^\/+/, '');
}

function listClosed(files: EffectiveFiles, paths: readonly string[]): readonly ClosedEntry[] {
  return paths.flatMap((path) => {
    const mode = files.get(path)?.mode ?? NODE_FILE_MODE;
    return (mode & OTHERS_READ) === 0 ? [{ path, isDirectory: false, mode }] : [];
  });
}
