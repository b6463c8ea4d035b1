// How the machine-config operator makes one config of the MachineConfigs of a pool
// (pkg/controller/common/helpers.go, MergeMachineConfigs): those with the role worker come first, then all
// others, each in the order of their names; of two entries at the same path the later one wins, member
// by member (ignition config/merge/merge.go).
import type { IgnitionEntry, IgnitionFiles } from './ignition-files.ts';
import type { Labels } from './label-selector.ts';

export const ROLE_LABEL = 'machineconfiguration.openshift.io/role';
const WORKER = 'worker';

/** Nobody looks for more of them. */
const MAX_LOSERS = 20;

/** A MachineConfig that can be merged. */
export interface Mergeable {
  readonly name: string;
  readonly labels: Labels;
  readonly files: IgnitionFiles;
}

/** What a pool would have at a path. */
export interface MergedEntry extends IgnitionEntry {
  /** The MachineConfig that its bytes are from. */
  readonly from: string;
  /** Those that had the path before and lost it, the last one first; at most {@link MAX_LOSERS}. */
  readonly losers: readonly string[];
}

export type MergedFiles = ReadonlyMap<string, MergedEntry>;

/**
 * The order in which they are merged, the one that counts most last. Operators before that rule, of
 * which some clusters have one, go `byNameAlone`.
 */
export function sortForMerge<Config extends Pick<Mergeable, 'name' | 'labels'>>(
  configs: readonly Config[],
  byNameAlone = false,
): readonly Config[] {
  const rank = ({ labels }: Config): number =>
    byNameAlone || labels[ROLE_LABEL] === WORKER ? 0 : 1;
  return configs.toSorted((a, b) => rank(a) - rank(b) || compareNames(a.name, b.name));
}

/** As Go compares strings; names of Kubernetes are ASCII. */
function compareNames(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Merges MachineConfigs that are in their order. */
export function mergeMachineConfigs(sorted: readonly Mergeable[]): MergedFiles {
  const merged = new Map<string, MergedEntry>();
  for (const { name, files } of sorted) {
    for (const [path, entry] of files) {
      const before = merged.get(path);
      // A link in place of a file, say, takes nothing over from it.
      merged.set(
        path,
        before?.kind === entry.kind ? combine(before, entry, name) : start(before, entry, name),
      );
    }
  }
  return merged;
}

function listLosers({ from, losers }: MergedEntry): readonly string[] {
  return [from, ...losers].slice(0, MAX_LOSERS);
}

function start(before: MergedEntry | undefined, entry: IgnitionEntry, name: string): MergedEntry {
  return { ...entry, from: name, losers: before ? listLosers(before) : [] };
}

function combine(before: MergedEntry, entry: IgnitionEntry, name: string): MergedEntry {
  const hasContents = entry.source !== undefined;
  return {
    kind: entry.kind,
    source: entry.source ?? before.source,
    // Never taken over: the operator sets it in all but the first config.
    compression: entry.compression,
    mode: entry.mode ?? before.mode,
    appends: before.appends || entry.appends,
    from: hasContents ? name : before.from,
    losers: hasContents ? listLosers(before) : before.losers,
  };
}
