import { styleText } from 'node:util';
import type { ClusterFinding } from '../../../generator/nodes/cluster/cluster-finding.ts';
import type {
  ClusterReport,
  PoolReport,
} from '../../../generator/nodes/cluster/inspect-cluster.ts';
import { formatJson, toLine } from '../../../generator/terms/text.ts';
import { hasColour, type ProcessIo } from '../../base/process-io.ts';

/** What `node-config --cluster` found. */
export interface ShownCluster {
  /** As the command line names it. */
  readonly file: string;
  readonly report: ClusterReport;
  /** Numbers of objects that were not looked at, by kind. */
  readonly ignored: ReadonlyMap<string, number>;
}

type Colour = 'red' | 'yellow' | 'green';
type Paint = (colour: Colour, text: string) => string;

/** For programs, an object whose form is stable; for people the pools, the findings, and what to do. */
export function formatClusterReport(
  { file, report, ignored }: ShownCluster,
  isJson: boolean,
  { stdout, environment }: ProcessIo,
): string {
  const { pools, findings, steps } = report;
  if (isJson) {
    const content = {
      version: 1,
      file,
      pools: pools.map(toPoolJson),
      findings,
      steps,
      ignored: Object.fromEntries(ignored),
    };
    return `${formatJson(content, 2)}\n`;
  }
  const paint: Paint = (colour, text) =>
    hasColour(stdout, environment) ? styleText(colour, text, { validateStream: false }) : text;
  const lines = [
    ...pools.flatMap((pool) => describePool(pool, paint)),
    ...findings.flatMap((finding) => describeFinding(finding, paint)),
    ...describeSteps(steps),
    ...describeIgnored(ignored),
    describeResult(report, paint),
  ];
  return `${lines.join('\n')}\n`;
}

/** What cannot be said is null, lest a program takes a missing member for a no. */
function toPoolJson(pool: PoolReport): object {
  const { name, verifies, updated, degraded, paused, machines, config, behind, files } = pool;
  return {
    name: toLine(name),
    verifies: verifies ?? null,
    updated: updated ?? null,
    degraded: degraded ?? null,
    paused,
    nodes: machines ?? null,
    config: toLine(config),
    behind: behind.map((node) => ({
      node: toLine(node.name),
      config: toLine(node.currentConfig),
      desired: toLine(node.desiredConfig),
      state: toLine(node.state),
    })),
    files,
  };
}

function describePool(pool: PoolReport, paint: Paint): readonly string[] {
  const { name, verifies, updated, degraded, paused, machines, config, behind, files } = pool;
  const verdict =
    verifies === undefined
      ? paint('yellow', 'unknown')
      : verifies
        ? paint('green', 'verifies')
        : paint('red', 'does not verify');
  const facts = [
    machines === undefined ? 'nodes unknown' : count(machines, 'node'),
    ...(behind.length > 0 ? [`${behind.length} not on the config`] : []),
    ...(updated === undefined ? [] : [updated ? 'updated' : 'not updated']),
    ...(degraded === true ? ['degraded'] : []),
    ...(paused ? ['paused'] : []),
    config === '' ? 'no config yet' : toLine(config),
  ];
  return [`pool ${toLine(name)}: ${verdict} (${facts.join(', ')})`, ...describeFiles(files)];
}

function describeFiles(files: PoolReport['files']): readonly string[] {
  if (files.length === 0) return [];
  const others = files.filter(({ state }) => state !== 'same');
  if (others.length === 0) return [`  ${count(files.length, 'file')}, as node-config writes them`];
  return others.map(({ path, state, machineConfig }) => {
    const from = machineConfig === undefined ? '' : `, from ${toLine(machineConfig)}`;
    return `  ${path}: ${STATES[state]}${from}`;
  });
}

const STATES = {
  same: 'as node-config writes it',
  differs: 'not as node-config writes it',
  missing: 'missing',
} as const;

function describeFinding(
  { severity, code, pool, message, hint }: ClusterFinding,
  paint: Paint,
): readonly string[] {
  const where = pool === undefined ? 'cluster' : `pool ${pool}`;
  return [
    `${where}: ${paint(severity === 'fault' ? 'red' : 'yellow', code)}: ${message}`,
    `  hint: ${hint}`,
  ];
}

function describeSteps(steps: readonly string[]): readonly string[] {
  if (steps.length < 2) return [];
  return ['to do, in this order:', ...steps.map((step, index) => `  ${index + 1}. ${step}`)];
}

function describeIgnored(ignored: ReadonlyMap<string, number>): readonly string[] {
  if (ignored.size === 0) return [];
  const kinds = [...ignored].map(([kind, number]) => `${number} ${kind}`);
  return [`not looked at: ${kinds.join(', ')}`];
}

function describeResult({ pools, findings }: ClusterReport, paint: Paint): string {
  const counted = (wanted: ClusterFinding['severity']): number =>
    findings.filter(({ severity }) => severity === wanted).length;
  const [faults, unknown] = [counted('fault'), counted('unknown')];
  const verdict =
    faults > 0
      ? paint('red', 'faults')
      : unknown > 0
        ? paint('yellow', 'unknown')
        : paint('green', 'good');
  const counts = [
    count(pools.length, 'pool'),
    count(faults, 'fault'),
    count(counted('warning'), 'warning'),
    ...(unknown > 0 ? [`${unknown} unknown`] : []),
  ];
  return `${verdict}: ${counts.join(', ')}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
