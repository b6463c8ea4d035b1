// Whether the nodes of a cluster verify, pool by pool, by what the cluster says of itself.
import type { PolicyJson } from '../policy-file.ts';
import type { NodeFile } from '../node-file.ts';
import type { WantedNode } from '../check/wanted-node.ts';
import {
  type ClusterFinding,
  createClusterFinding,
  listSteps,
  sortByAction,
} from './cluster-finding.ts';
import type { Cluster, ClusterKind, ClusterNode, Pool } from './cluster-objects.ts';
import { inspectPoolFiles } from './inspect-pool-files.ts';
import { type Rollout, inspectRollout } from './inspect-rollout.ts';
import { FileJudge, type FileState, POLICY_PATH } from './judge-files.ts';
import { parsePolicyJson } from './operator-policy.ts';
import { type RenderedConfig, RenderedConfigs, mergePool } from './pool-files.ts';
import { placeNodes, selectConfigs } from './pool-members.ts';

/** What nodes should have. */
export interface WantedCluster {
  readonly node: WantedNode;
  /** The files that node-config would write where nodes have this policy now. */
  readonly createFiles: (existing: PolicyJson | undefined) => readonly NodeFile[];
  /** Pools that are asked about; none: all of them. */
  readonly pools: readonly string[];
}

/** A file that node-config would write, and how a pool has it. */
export interface PoolFileState {
  readonly path: string;
  readonly state: FileState;
  /** The MachineConfig that brings it; undefined if none does. */
  readonly machineConfig: string | undefined;
}

/** A pool, as far as the file says. */
export interface PoolReport extends Omit<Rollout, 'findings'> {
  readonly name: string;
  readonly paused: boolean;
  /** The rendered config that its nodes are to have; '' for none yet. */
  readonly config: string;
  readonly files: readonly PoolFileState[];
}

/** What a file says of a cluster. */
export interface ClusterReport {
  readonly pools: readonly PoolReport[];
  /** What has to be done first comes first. */
  readonly findings: readonly ClusterFinding[];
  /** What to do about faults, and about what is unknown, in the order of doing. */
  readonly steps: readonly string[];
}

/** Looks at each pool that is asked about. */
export async function inspectCluster(
  cluster: Cluster,
  wanted: WantedCluster,
): Promise<ClusterReport> {
  const placed = placeNodes(cluster);
  const rendered = new RenderedConfigs(cluster);
  const judge = new FileJudge(wanted.node);
  const asked = cluster.pools.filter(
    ({ name }) => wanted.pools.length === 0 || wanted.pools.includes(name),
  );
  const findings = [
    ...inspectKinds(cluster),
    ...inspectUnreadable(cluster),
    ...inspectNames(cluster, wanted.pools),
    ...placed.findings,
  ];
  const selected = new Set(
    cluster.pools.flatMap((pool) => selectConfigs(pool, cluster).map(({ name }) => name)),
  );
  const pools: PoolReport[] = [];
  for (const pool of asked) {
    const nodes = cluster.kinds.has('Node') ? (placed.byPool.get(pool.name) ?? []) : undefined;
    const inspected = await inspectPool(pool, {
      cluster,
      selected,
      rendered,
      judge,
      wanted,
      nodes,
    });
    pools.push(inspected.report);
    findings.push(...inspected.findings);
  }
  const sorted = sortByAction(findings);
  return { pools, findings: sorted, steps: listSteps(sorted) };
}

interface PoolInput {
  readonly cluster: Cluster;
  readonly selected: ReadonlySet<string>;
  readonly rendered: RenderedConfigs;
  readonly judge: FileJudge;
  readonly wanted: WantedCluster;
  readonly nodes: readonly ClusterNode[] | undefined;
}

async function inspectPool(
  pool: Pool,
  { cluster, selected, rendered, judge, wanted, nodes }: PoolInput,
): Promise<{ readonly report: PoolReport; readonly findings: readonly ClusterFinding[] }> {
  const target: RenderedConfig | undefined =
    pool.configuration === '' ? undefined : rendered.get(pool.configuration);
  const guess = wanted.createFiles(undefined);
  const files = mergePool(pool, cluster, target, guess);
  const present = wanted.createFiles(readPolicy(judge, files.merged));
  // Without MachineConfigs nothing is known of files.
  const hasConfigs = cluster.kinds.has('MachineConfig');
  const found = hasConfigs
    ? await inspectPoolFiles({ pool, cluster, selected, files, wanted: present, judge })
    : [];
  const { findings, ...rollout } = await inspectRollout({
    pool,
    merged: files.merged,
    rendered,
    nodes,
    judge,
  });
  const rolloutFindings = hasConfigs ? findings : findings.filter(isOfConditions);
  const all = [...found, ...rolloutFindings];
  const report = {
    name: pool.name,
    paused: pool.paused,
    config: pool.configuration,
    ...rollout,
    verifies: hasConfigs ? rollout.verifies : undefined,
    files: hasConfigs
      ? present.map((file) => ({
          path: file.path,
          state: judge.compare(files.merged, file),
          machineConfig: files.merged.get(file.path)?.from,
        }))
      : [],
  };
  return { report, findings: rollout.machines === 0 ? all.map(toWarning) : all };
}

/** What can be said without any MachineConfig. */
function isOfConditions({ code }: ClusterFinding): boolean {
  return code.endsWith('-degraded') || code === 'pool-paused' || code === 'pool-updating';
}

/** Nothing is pulled where there are no nodes. */
function toWarning(finding: ClusterFinding): ClusterFinding {
  return finding.severity === 'fault' ? { ...finding, severity: 'warning' } : finding;
}

/** The policy of a pool, if nodes take it. */
function readPolicy(
  judge: FileJudge,
  files: Parameters<FileJudge['read']>[0],
): PolicyJson | undefined {
  const found = judge.read(files, POLICY_PATH);
  if (found.kind !== 'file') return undefined;
  return parsePolicyJson(Buffer.from(found.bytes).toString());
}

/** What is not said where a kind is missing. */
const LACKING: Partial<Record<ClusterKind, string>> = {
  MachineConfigPool: 'nothing can be said of pools',
  MachineConfig: 'nothing can be said of the files of nodes',
  Node: 'it cannot be said which nodes are behind, only how many',
  Image:
    'it cannot be said whether allowed or blocked registries make the operator write a policy.json',
};

const HOSTED_LABEL = 'hypershift.openshift.io/nodePool';

function inspectKinds({ kinds, nodes }: Cluster): readonly ClusterFinding[] {
  const hosted = nodes.find(({ labels }) => Object.hasOwn(labels, HOSTED_LABEL));
  if (hosted && !kinds.has('MachineConfigPool')) {
    const message = `expected pools, got none, and ${hosted.name} has the label ${HOSTED_LABEL}`;
    return [createClusterFinding('hosted-cluster', message, { severity: 'unknown' })];
  }
  return Object.entries(LACKING).flatMap(([kind, what]) => {
    if ([...kinds].some((known) => known === kind)) return [];
    const isNeeded = kind === 'MachineConfigPool' || kind === 'MachineConfig';
    const message = `expected objects of the kind ${kind}, got none: ${what}`;
    const severity = isNeeded ? 'unknown' : 'warning';
    return [createClusterFinding('kind-missing', message, { severity })];
  });
}

function inspectUnreadable({ unreadable }: Cluster): readonly ClusterFinding[] {
  return unreadable.map(({ kind, name, reason }) =>
    createClusterFinding('object-unreadable', `${kind} ${JSON.stringify(name)}: ${reason}`, {
      severity: 'unknown',
    }),
  );
}

function inspectNames(
  { pools, kinds }: Cluster,
  asked: readonly string[],
): readonly ClusterFinding[] {
  if (!kinds.has('MachineConfigPool')) return [];
  const known = pools.map(({ name }) => name);
  return asked
    .filter((name) => !known.includes(name))
    .map((name) => {
      const message = `expected a pool ${name}, got ${known.join(', ') || 'none'}`;
      return createClusterFinding('pool-missing', message, { pool: name });
    });
}
