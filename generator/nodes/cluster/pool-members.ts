// Which nodes and MachineConfigs a pool has (machine-config-operator pkg/helpers, GetPoolsForNode;
// pkg/controller/render).
import { type ClusterFinding, createClusterFinding } from './cluster-finding.ts';
import type { Cluster, ClusterNode, MachineConfig, Pool } from './cluster-objects.ts';
import { isEmptySelector, matchesLabels } from './label-selector.ts';

/** Nodes by the name of their pool, and what is wrong with those that have none. */
export interface PlacedNodes {
  readonly byPool: ReadonlyMap<string, readonly ClusterNode[]>;
  readonly findings: readonly ClusterFinding[];
}

/** Gives each node to the one pool that lays out its files: master before custom pools before worker. */
export function placeNodes({ pools, nodes }: Cluster): PlacedNodes {
  const byPool = new Map<string, ClusterNode[]>();
  const findings: ClusterFinding[] = [];
  // Of a file without pools nothing can be said.
  for (const node of pools.length === 0 ? [] : nodes) {
    // The operator leaves these alone.
    if (node.labels['kubernetes.io/os'] === 'windows') continue;
    const found = findPool(pools, node);
    if ('code' in found) {
      findings.push(found);
      continue;
    }
    const others = byPool.get(found.name) ?? [];
    others.push(node);
    byPool.set(found.name, others);
  }
  return { byPool, findings };
}

function findPool(pools: readonly Pool[], node: ClusterNode): Pool | ClusterFinding {
  const selected = pools.filter(
    ({ nodeSelector }) =>
      !isEmptySelector(nodeSelector) && matchesLabels(nodeSelector, node.labels),
  );
  const master = selected.find(({ name }) => name === 'master');
  const worker = selected.find(({ name }) => name === 'worker');
  const custom = selected.filter((pool) => pool !== master && pool !== worker);
  if (custom.length > 1) {
    const names = custom.map(({ name }) => name).join(', ');
    const message = `expected one custom pool for the node ${node.name}, got ${names}`;
    return createClusterFinding('node-in-two-pools', message, { node: node.name });
  }
  const pool = master ?? custom[0] ?? worker;
  if (pool) return pool;
  const message = `expected a pool that selects the node ${node.name}, got none`;
  const particulars = { node: node.name, severity: 'warning' } as const;
  return createClusterFinding('node-without-pool', message, particulars);
}

/** The MachineConfigs that a pool's config is made of. */
export function selectConfigs(
  { machineConfigSelector }: Pool,
  { machineConfigs }: Cluster,
): readonly MachineConfig[] {
  // The operator refuses to take everything.
  if (isEmptySelector(machineConfigSelector)) return [];
  return [...machineConfigs.values()].filter(({ labels }) =>
    matchesLabels(machineConfigSelector, labels),
  );
}
