// What the MachineConfigs of a pool would lay out, and which of them decides.
import type { NodeFile } from '../node-file.ts';
import type { Cluster, MachineConfig, Pool } from './cluster-objects.ts';
import { type IgnitionFiles, parseIgnition } from './ignition-files.ts';
import { POLICY_PATH } from './judge-files.ts';
import {
  type Mergeable,
  type MergedFiles,
  mergeMachineConfigs,
  sortForMerge,
} from './merge-machine-configs.ts';
import { selectConfigs } from './pool-members.ts';

/** A MachineConfig that the operator cannot read either. */
export interface UnreadableConfig {
  readonly name: string;
  readonly reason: string;
}

/** The MachineConfigs of a pool, and what they make together. */
export interface PoolFiles {
  /** In the order of their merge. */
  readonly configs: readonly Mergeable[];
  readonly unreadable: readonly UnreadableConfig[];
  readonly merged: MergedFiles;
}

/** A config that the operator has made for a pool. */
export type RenderedConfig =
  | { readonly kind: 'rendered'; readonly name: string; readonly files: IgnitionFiles }
  | { readonly kind: 'missing'; readonly name: string }
  | { readonly kind: 'unreadable'; readonly name: string; readonly reason: string };

/** Reads rendered configs by name, each once. */
export class RenderedConfigs {
  readonly #configs: Cluster['machineConfigs'];
  readonly #read = new Map<string, RenderedConfig>();

  constructor({ machineConfigs }: Cluster) {
    this.#configs = machineConfigs;
  }

  get(name: string): RenderedConfig {
    const read = this.#read.get(name) ?? this.#readAnew(name);
    this.#read.set(name, read);
    return read;
  }

  #readAnew(name: string): RenderedConfig {
    const found = this.#configs.get(name);
    if (!found) return { kind: 'missing', name };
    const files = parseIgnition(found.config);
    if (typeof files === 'string') return { kind: 'unreadable', name, reason: files };
    return { kind: 'rendered', name, files };
  }
}

/** Merges the MachineConfigs of a pool as the operator does that made its config. */
export function mergePool(
  pool: Pool,
  cluster: Cluster,
  target: RenderedConfig | undefined,
  wanted: readonly NodeFile[],
): PoolFiles {
  const configs: Mergeable[] = [];
  const unreadable: UnreadableConfig[] = [];
  for (const config of selectConfigs(pool, cluster)) {
    const read = readConfigFiles(config);
    if ('reason' in read) unreadable.push(read);
    else configs.push(read);
  }
  const sorted = sortForMerge(configs);
  const merged = mergeMachineConfigs(sorted);
  if (target?.kind !== 'rendered' || isMadeFrom(target.files, merged, wanted)) {
    return { configs: sorted, unreadable, merged };
  }
  const older = sortForMerge(configs, true);
  const mergedByName = mergeMachineConfigs(older);
  return isMadeFrom(target.files, mergedByName, wanted)
    ? { configs: older, unreadable, merged: mergedByName }
    : { configs: sorted, unreadable, merged };
}

/** The files of a MachineConfig; labels are where the operator looks for its role. */
function readConfigFiles(config: MachineConfig): Mergeable | UnreadableConfig {
  const { name, labels } = config;
  if (Object.keys(labels).length === 0) return { name, reason: 'it has no labels' };
  const files = parseIgnition(config.config);
  return typeof files === 'string' ? { name, reason: files } : { name, labels, files };
}

/** Whether a rendered config has the same at all paths that matter here. */
function isMadeFrom(
  rendered: IgnitionFiles,
  merged: MergedFiles,
  wanted: readonly NodeFile[],
): boolean {
  return [POLICY_PATH, ...wanted.map(({ path }) => path)].every((path) => {
    const [a, b] = [rendered.get(path), merged.get(path)];
    return a?.source === b?.source && a?.compression === b?.compression;
  });
}
