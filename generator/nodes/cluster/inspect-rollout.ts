// How far the config of a pool has come: rendered, taken over by nodes, or kept back by a pause or a fault.
import { type ClusterFinding, createClusterFinding } from './cluster-finding.ts';
import type { ClusterNode, Pool } from './cluster-objects.ts';
import { type FileJudge, type Judgement, listFaults, verifies } from './judge-files.ts';
import type { MergedFiles } from './merge-machine-configs.ts';
import type { RenderedConfig, RenderedConfigs } from './pool-files.ts';

/** What is known of a pool when its nodes are looked at. */
export interface RolloutView {
  readonly pool: Pool;
  readonly merged: MergedFiles;
  readonly rendered: RenderedConfigs;
  /** Undefined if the file has no nodes at all. */
  readonly nodes: readonly ClusterNode[] | undefined;
  readonly judge: FileJudge;
}

/** How far a pool is. */
export interface Rollout {
  /** Whether all of its nodes verify now; undefined if that cannot be said. */
  readonly verifies: boolean | undefined;
  /** As the operator says; undefined before it has said anything. */
  readonly updated: boolean | undefined;
  readonly degraded: boolean | undefined;
  readonly machines: number | undefined;
  /** Nodes that are not on the config of the pool. */
  readonly behind: readonly ClusterNode[];
  readonly findings: readonly ClusterFinding[];
}

/** The states in which the daemon of a node gives up. */
const FAILED: ReadonlySet<string> = new Set(['Degraded', 'Unreconcilable']);
/** Of nodes in a message; all are in the report. */
const MAX_NAMED = 5;

/** Says how far a pool is, and what keeps it back. */
export async function inspectRollout(view: RolloutView): Promise<Rollout> {
  const { pool, nodes } = view;
  const target = readTarget(view);
  const onNodes = await inspectNodes(view, target);
  const behind = (nodes ?? []).filter(({ currentConfig }) => currentConfig !== pool.configuration);
  const findings = [
    ...(await inspectTarget(view, target)),
    ...inspectDegraded(view),
    ...onNodes.findings,
    ...inspectNumber(view),
  ];
  const updated = readCondition(pool, 'Updated');
  const machines = Math.max(nodes?.length ?? 0, pool.status?.machineCount ?? 0);
  const rollout = {
    verifies: machines === 0 ? await verifiesMerged(view) : onNodes.verifies,
    updated,
    degraded: readCondition(pool, 'Degraded'),
    machines: nodes || pool.status ? machines : undefined,
    behind,
  };
  const pending = behind.length > 0 || updated === false;
  return { ...rollout, findings: [...findings, ...inspectProgress(view, rollout, pending)] };
}

async function verifiesMerged({ judge, merged }: RolloutView): Promise<boolean | undefined> {
  return verifies(await judge.judge(merged));
}

function readTarget({ pool, rendered }: RolloutView): RenderedConfig | undefined {
  return pool.configuration === '' ? undefined : rendered.get(pool.configuration);
}

function readCondition({ status }: Pool, type: string): boolean | undefined {
  const found = status?.conditions.find((condition) => condition.type === type);
  if (!found || (found.status !== 'True' && found.status !== 'False')) return undefined;
  return found.status === 'True';
}

/** Whether the rendered config has what the MachineConfigs ask for. */
async function inspectTarget(
  view: RolloutView,
  target: RenderedConfig | undefined,
): Promise<readonly ClusterFinding[]> {
  const { pool, judge } = view;
  const particulars = { pool: pool.name };
  if (target === undefined) {
    const message = `expected a rendered config for the pool ${pool.name}, got none yet`;
    return [createClusterFinding('not-rendered', message, particulars)];
  }
  if (target.kind === 'missing') return [createMissing(target.name, pool, 'the pool is to have')];
  if (target.kind === 'unreadable') {
    const message = `${target.name}: ${target.reason}`;
    return [
      createClusterFinding('config-unreadable', message, {
        ...particulars,
        machineConfig: target.name,
      }),
    ];
  }
  const judgement = await judge.judge(target.files);
  if (verifies(judgement) !== false || (await verifiesMerged(view)) !== true) return [];
  const message = `expected ${target.name} to hold the files of the MachineConfigs, got: ${firstFault(judgement)}`;
  return [
    createClusterFinding('not-rendered', message, { ...particulars, machineConfig: target.name }),
  ];
}

function createMissing(name: string, pool: Pool, what: string): ClusterFinding {
  const message = `expected the MachineConfig ${name}, which ${what}, in the file, got none`;
  const particulars = { pool: pool.name, machineConfig: name, severity: 'unknown' } as const;
  return createClusterFinding('rendered-missing', message, particulars);
}

function firstFault(judgement: Judgement): string {
  return listFaults(judgement)[0]?.message ?? 'other files';
}

/** What the daemon says of a node on which somebody has changed a file (pkg/daemon/daemon.go). */
const DRIFT = 'unexpected on-disk state';
const DRIFT_HINT =
  'Somebody has changed a file on the node: look at it with `--check`. This has the files written again, and reboots the node: `oc debug node/NODE -- chroot /host touch /run/machine-config-daemon-force`.';

function hasDrifted({ state, reason }: ClusterNode): boolean {
  return FAILED.has(state) && reason.includes(DRIFT);
}

/** What the pool says of itself, where none of its nodes says it better. */
function inspectDegraded({ pool, nodes }: RolloutView): readonly ClusterFinding[] {
  const failed = (nodes ?? []).filter(({ state }) => FAILED.has(state));
  const fromNodes = failed.map((node) => {
    const { name, state, reason } = node;
    const why = reason === '' ? '' : `: ${reason}`;
    const message = `expected ${name} to be Done, got ${state}${why}`;
    return createClusterFinding('node-degraded', message, {
      pool: pool.name,
      node: name,
      ...(hasDrifted(node) && { hint: DRIFT_HINT.replace('NODE', name) }),
    });
  });
  const conditions = (pool.status?.conditions ?? []).filter(
    ({ type, status }) => type.endsWith('Degraded') && status === 'True',
  );
  const causes = conditions.filter(({ type }) => {
    if (type === 'Degraded') return conditions.length === 1 && failed.length === 0;
    return type !== 'NodeDegraded' || failed.length === 0;
  });
  const fromPool = causes.map(({ type, reason, message }) => {
    const why = [reason, message].filter((word) => word !== '').join(': ');
    const code = type === 'RenderDegraded' ? 'render-degraded' : 'pool-degraded';
    return createClusterFinding(code, `${type}${why === '' ? '' : `: ${why}`}`, {
      pool: pool.name,
    });
  });
  return [...fromPool, ...fromNodes];
}

interface OnNodes {
  readonly verifies: boolean | undefined;
  readonly findings: readonly ClusterFinding[];
}

/** What the nodes have now. */
async function inspectNodes(
  view: RolloutView,
  target: RenderedConfig | undefined,
): Promise<OnNodes> {
  const { pool, nodes } = view;
  if (nodes === undefined) return inspectCounts(view, target);
  const findings: ClusterFinding[] = [];
  const results: (boolean | undefined)[] = [];
  for (const [config, names] of groupByConfig(nodes)) {
    if (config === '') {
      const message = `expected the annotation currentConfig, got none on ${nameNodes(names)}`;
      const particulars = { pool: pool.name, severity: 'unknown' } as const;
      findings.push(createClusterFinding('node-unknown', message, particulars));
      results.push(undefined);
      continue;
    }
    const found = view.rendered.get(config);
    const { result, fault } = await judgeRendered(view, found);
    results.push(result);
    if (config === target?.name) continue;
    if (found.kind !== 'rendered')
      findings.push(createMissing(config, pool, `${nameNodes(names)} has`));
    else if (fault !== undefined) findings.push(createBehind(pool, names, config, fault));
  }
  // Whether its files do what its config says, nobody knows of a node that was changed.
  const isKnown =
    nodes.length >= (pool.status?.machineCount ?? 0) && !nodes.some((node) => hasDrifted(node));
  return { verifies: combine(isKnown ? results : [...results, undefined]), findings };
}

/** Whoever asks for some nodes only is not told of the others. */
function inspectNumber({ pool, nodes }: RolloutView): readonly ClusterFinding[] {
  const expected = pool.status?.machineCount ?? 0;
  if (nodes === undefined || nodes.length >= expected) return [];
  const message = `expected the ${expected} nodes of the pool in the file, got ${nodes.length}`;
  return [
    createClusterFinding('node-unknown', message, {
      pool: pool.name,
      severity: 'unknown',
      hint: 'Print all nodes, without a selector.',
    }),
  ];
}

function groupByConfig(nodes: readonly ClusterNode[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { name, currentConfig } of nodes) {
    const group = groups.get(currentConfig) ?? [];
    group.push(name);
    groups.set(currentConfig, group);
  }
  return groups;
}

function nameNodes(names: readonly string[]): string {
  const rest = names.length - MAX_NAMED;
  const shown = names.slice(0, MAX_NAMED).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

async function judgeRendered(
  { judge }: RolloutView,
  found: RenderedConfig,
): Promise<{ readonly result: boolean | undefined; readonly fault?: string }> {
  if (found.kind !== 'rendered') return { result: undefined };
  const judgement = await judge.judge(found.files);
  const result = verifies(judgement);
  return result === false ? { result, fault: firstFault(judgement) } : { result };
}

function createBehind(
  pool: Pool,
  names: readonly string[],
  config: string,
  fault: string,
): ClusterFinding {
  const message = `expected ${nameNodes(names)} to have ${pool.configuration}, got ${config}: ${fault}`;
  const node = names.length === 1 ? names[0] : undefined;
  return createClusterFinding('node-behind', message, {
    pool: pool.name,
    node,
    machineConfig: config,
  });
}

/** What the operator's counts say, without the nodes. */
async function inspectCounts(
  view: RolloutView,
  target: RenderedConfig | undefined,
): Promise<OnNodes> {
  const { pool, rendered } = view;
  const targetIs = target ? (await judgeRendered(view, target)).result : undefined;
  if (!pool.status) return { verifies: undefined, findings: [] };
  const { machineCount, updatedMachineCount, configuration } = pool.status;
  const left = machineCount - updatedMachineCount;
  if (left <= 0) return { verifies: targetIs, findings: [] };
  const last = configuration === '' ? undefined : rendered.get(configuration);
  const { result, fault } = last ? await judgeRendered(view, last) : { result: undefined };
  if (result !== false) return { verifies: combine([targetIs, result]), findings: [] };
  const message = `expected all ${machineCount} nodes to have ${pool.configuration}, got ${configuration} on up to ${left}: ${fault}`;
  const particulars = { pool: pool.name, machineConfig: configuration };
  return { verifies: false, findings: [createClusterFinding('node-behind', message, particulars)] };
}

function combine(results: readonly (boolean | undefined)[]): boolean | undefined {
  if (results.includes(false)) return false;
  return results.includes(undefined) ? undefined : true;
}

/** A pause, and an update that is under way. */
function inspectProgress(
  { pool }: RolloutView,
  { verifies: isGood, degraded }: Pick<Rollout, 'verifies' | 'degraded'>,
  pending: boolean,
): readonly ClusterFinding[] {
  if (pool.paused) {
    const severity = pending && isGood === false ? 'fault' : 'warning';
    const what = pending
      ? `and ${pool.configuration} waits for it to go on`
      : 'with nothing to wait for';
    const message = `the pool is paused, ${what}`;
    return [createClusterFinding('pool-paused', message, { pool: pool.name, severity })];
  }
  if (!pending || isGood !== true || degraded === true) return [];
  const message = `the nodes are being changed to ${pool.configuration}`;
  const particulars = { pool: pool.name, severity: 'warning' } as const;
  return [createClusterFinding('pool-updating', message, particulars)];
}
