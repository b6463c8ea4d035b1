// What is wrong with the files that the MachineConfigs of a pool make together, and which of them is to
// blame: one that comes later than ours, one that nobody selects, or one that is out of date.
import type { NodeFinding } from '../check/finding.ts';
import type { NodeFile } from '../node-file.ts';
import {
  CLUSTER_FINDINGS,
  type ClusterFinding,
  type ClusterSeverity,
  createClusterFinding,
  toClusterFinding,
} from './cluster-finding.ts';
import type { Cluster, Pool } from './cluster-objects.ts';
import { type IgnitionEntry, parseIgnition } from './ignition-files.ts';
import { type EffectiveFiles, type FileJudge, type Judgement, POLICY_PATH } from './judge-files.ts';
import {
  comesBeforeGenerated,
  findLostRules,
  isGeneratedRegistries,
  listOwnPolicies,
  nameReasons,
} from './operator-policy.ts';
import type { PoolFiles } from './pool-files.ts';

/** What is known of a pool when its files are looked at. */
export interface PoolView {
  readonly pool: Pool;
  readonly cluster: Cluster;
  /** Names of the MachineConfigs that any pool selects. */
  readonly selected: ReadonlySet<string>;
  readonly files: PoolFiles;
  /** The files that node-config would write. */
  readonly wanted: readonly NodeFile[];
  readonly judge: FileJudge;
}

/** What is wrong with the files that the MachineConfigs of a pool make together. */
export async function inspectPoolFiles(view: PoolView): Promise<readonly ClusterFinding[]> {
  const { pool, files, judge } = view;
  const judgement = await judge.judge(files.merged);
  const overridden = await findOverridden(view, judgement);
  const left = judgement.findings.filter((finding) => !overridden.explained.has(keyOf(finding)));
  const missing = hasFault(left) ? await findMissing(view) : undefined;
  const rest = missing ? left.filter(({ severity }) => severity !== 'fault') : left;
  return [
    ...files.unreadable.map(({ name, reason }) =>
      createClusterFinding('config-unreadable', `${name}: ${reason}`, {
        pool: pool.name,
        machineConfig: name,
      }),
    ),
    ...overridden.findings,
    ...(missing ? [missing] : []),
    ...rest.map((finding) =>
      toClusterFinding(withOwnHint(finding), pool.name, files.merged.get(finding.path)?.from),
    ),
    ...judgement.unknown.map((finding) => ({
      ...toClusterFinding(finding, pool.name, files.merged.get(POLICY_PATH)?.from),
      severity: 'unknown' as const,
      hint: 'The file may come with the operating system: check a node with `--check`.',
    })),
    ...inspectCrio(view, judgement),
    ...inspectNamespaces(view, judgement),
    ...inspectOperatorRules(view),
    ...(missing ? [] : inspectName(view)),
  ];
}

/** What the operator writes into registries.d, with the scopes of image policies and their mirrors. */
const SIGSTORE_FILE = 'sigstore-registries.yaml';
/** Nobody can edit what the operator writes again. */
const SIGSTORE_HINT = `The operator writes ${SIGSTORE_FILE} for each ClusterImagePolicy and ImagePolicy: take the scope out of that object, or out of \`--scope\`.`;

function withOwnHint(finding: NodeFinding): NodeFinding {
  const { code, path, message } = finding;
  const isOfSigstore = code === 'duplicate-scope' && `${path} ${message}`.includes(SIGSTORE_FILE);
  return isOfSigstore ? { ...finding, hint: SIGSTORE_HINT } : finding;
}

function hasFault(findings: readonly { readonly severity: string }[]): boolean {
  return findings.some(({ severity }) => severity === 'fault');
}

function keyOf({ code, path, scope = '', message }: NodeFinding): string {
  return [code, path, scope, message].join('\0');
}

/** Of what could be better; an honest pool has a few. */
const MAX_TRIES = 50;

interface Overridden {
  readonly findings: readonly ClusterFinding[];
  /** Keys of the findings that are gone once the losers win. */
  readonly explained: ReadonlySet<string>;
}

/** Files with which all would be better, had they not lost to a later one. */
async function findOverridden(view: PoolView, judgement: Judgement): Promise<Overridden> {
  const findings: ClusterFinding[] = [];
  const explained = new Set<string>();
  if (!hasFault(judgement.findings)) return { findings, explained };
  let tries = 0;
  for (const [path, { from, losers }] of view.files.merged) {
    if (!isOfContainers(path, view)) continue;
    for (const loser of losers) {
      tries += 1;
      if (tries > MAX_TRIES) return { findings, explained };
      const gone = findGone(judgement, await judgeWith(view, path, loser));
      if (gone.length === 0) continue;
      for (const finding of gone) explained.add(keyOf(finding));
      findings.push(describeWinner(view, { path, from, loser }, gone));
      break;
    }
  }
  return { findings, explained };
}

interface LostPath {
  readonly path: string;
  /** The MachineConfig that wins. */
  readonly from: string;
  readonly loser: string;
}

function describeWinner(
  { pool, cluster }: PoolView,
  { path, from, loser }: LostPath,
  gone: readonly NodeFinding[],
): ClusterFinding {
  const isOperator = isGeneratedRegistries(from);
  const reasons = isOperator ? nameReasons(cluster) : '';
  const why = reasons === '' ? '' : `, which is there for ${reasons}`;
  const effect = gone.map(({ message }) => message).join('; ');
  return createClusterFinding(
    isOperator ? 'operator-policy-wins' : 'other-config-wins',
    `expected the ${path} of ${loser}, got that of ${from}${why}: ${effect}`,
    {
      pool: pool.name,
      machineConfig: from,
      path,
      ...(isOperator && { hint: nameInHint('operator-policy-wins', from) }),
      // Nobody can delete what the operator makes again.
      ...(isTemplate(from) && { hint: CLUSTER_FINDINGS['early-name'].cure }),
    },
  );
}

/** What the files would do if one MachineConfig kept a path that it has lost. */
async function judgeWith(
  { files: { configs, merged }, judge }: PoolView,
  path: string,
  loser: string,
): Promise<Judgement> {
  const entry = configs.find(({ name }) => name === loser)?.files.get(path);
  const changed = new Map<string, IgnitionEntry>(merged);
  if (entry) changed.set(path, entry);
  return judge.judge(changed);
}

function isOfContainers(path: string, { wanted }: PoolView): boolean {
  return path.startsWith('etc/containers/') || wanted.some((file) => file.path === path);
}

/** The faults that are cured by a change; none if it makes others. */
function findGone(before: Judgement, after: Judgement): readonly NodeFinding[] {
  const keys = new Set(after.findings.map(keyOf));
  const known = new Set(before.findings.map(keyOf));
  const makesOthers = after.findings.some(
    (finding) => finding.severity === 'fault' && !known.has(keyOf(finding)),
  );
  if (makesOthers) return [];
  return before.findings.filter(
    (finding) => finding.severity === 'fault' && !keys.has(keyOf(finding)),
  );
}

/** Files other than the policy say whose config it is: each pool has some policy. */
function ownPaths(wanted: readonly NodeFile[]): readonly string[] {
  return wanted.map(({ path }) => path).filter((path) => path !== POLICY_PATH);
}

/** Whether our files are there at all and, if not, a MachineConfig that would bring them. */
async function findMissing(view: PoolView): Promise<ClusterFinding | undefined> {
  const { pool, cluster, selected, files, wanted, judge } = view;
  let tries = 0;
  const paths = ownPaths(wanted);
  if (paths.some((path) => files.merged.has(path))) return undefined;
  for (const config of cluster.machineConfigs.values()) {
    if (selected.has(config.name) || config.name.startsWith('rendered-')) continue;
    const own = parseIgnition(config.config);
    if (typeof own === 'string' || !paths.some((path) => own.has(path))) continue;
    tries += 1;
    if (tries > MAX_TRIES) break;
    const judgement = await judge.judge(new Map([...files.merged, ...own]));
    if (hasFault(judgement.findings)) continue;
    const message = `expected the files from a MachineConfig that the pool selects, got them in ${config.name}, which no pool selects`;
    const particulars = { pool: pool.name, machineConfig: config.name };
    return createClusterFinding('config-not-selected', message, particulars);
  }
  const message = `expected a MachineConfig with ${wanted.map(({ path }) => path).join(', ')}, got none`;
  return createClusterFinding('config-missing', message, { pool: pool.name });
}

/** Another file in place of policy.json, which does not ask for the same. */
function inspectCrio({ pool, files }: PoolView, { crio }: Judgement): readonly ClusterFinding[] {
  const [fault] = crio?.faults ?? [];
  if (!crio || !fault) return [];
  const message = `expected CRI-O to go by ${POLICY_PATH}, got signature_policy = ${JSON.stringify(crio.policy)} in ${crio.config}: ${fault.message}`;
  const machineConfig = files.merged.get(crio.config)?.from;
  const particulars = { pool: pool.name, machineConfig, path: crio.config };
  return [createClusterFinding('crio-policy', message, particulars)];
}

function inspectNamespaces(
  { pool, cluster, files }: PoolView,
  { namespaces }: Judgement,
): readonly ClusterFinding[] {
  const there = namespaces.flatMap(({ namespace, path, faults: [fault] }) => {
    if (!fault) return [];
    const message = `expected the policy of the namespace ${namespace} to ask for the same, got: ${fault.message}`;
    const machineConfig = files.merged.get(path)?.from;
    const particulars = { pool: pool.name, machineConfig, path };
    return [createClusterFinding('namespace-policy', message, particulars)];
  });
  const known = new Set(namespaces.map(({ namespace }) => namespace));
  const expected = listOwnPolicies(cluster).filter((namespace) => !known.has(namespace));
  return [
    ...there,
    ...expected.map((namespace) => {
      const message = `the namespace ${namespace} has an ImagePolicy, for which the operator will write a policy of its own`;
      const particulars = { pool: pool.name, severity: 'warning' } as const;
      return createClusterFinding('namespace-policy', message, particulars);
    }),
  ];
}

/** Rules of the operator's policy that are lost because another policy wins over it. */
function inspectOperatorRules(view: PoolView): readonly ClusterFinding[] {
  const { pool, cluster, files, judge } = view;
  const winner = files.merged.get(POLICY_PATH);
  const loser = winner?.losers.find(isGeneratedRegistries);
  if (!winner || loser === undefined || isGeneratedRegistries(winner.from)) return [];
  const generated = files.configs.find(({ name }) => name === loser)?.files;
  const lost = findLostRules(
    generated ? readText(judge, generated) : '',
    readText(judge, files.merged),
    cluster,
  );
  if (lost.length === 0) return [];
  const severity: ClusterSeverity = lost.every(({ isBlockedElsewhere }) => isBlockedElsewhere)
    ? 'warning'
    : 'fault';
  const names = lost.map(({ scope }) => (scope === '' ? 'the default' : JSON.stringify(scope)));
  const reasons = nameReasons(cluster);
  const why = reasons === '' ? '' : ` (${reasons})`;
  const message = `expected the rules of ${loser}${why} in the policy.json of ${winner.from}, got none, or weaker ones, for ${names.join(', ')}`;
  const particulars = {
    pool: pool.name,
    machineConfig: winner.from,
    path: POLICY_PATH,
    severity,
    hint: nameInHint('operator-rules-lost', loser),
  };
  return [createClusterFinding('operator-rules-lost', message, particulars)];
}

/** A cure whose command takes the policy out of a MachineConfig of the operator's. */
function nameInHint(
  code: 'operator-policy-wins' | 'operator-rules-lost',
  generated: string,
): string {
  return CLUSTER_FINDINGS[code].cure.replace('GENERATED', generated);
}

function readText(judge: FileJudge, files: EffectiveFiles): string {
  const found = judge.read(files, POLICY_PATH);
  return found.kind === 'file' ? Buffer.from(found.bytes).toString() : '';
}

/** A name behind which the operator's policy would come, as soon as there is one. */
function inspectName({ pool, cluster, files }: PoolView): readonly ClusterFinding[] {
  const winner = files.merged.get(POLICY_PATH);
  const config = files.configs.find(({ name }) => name === winner?.from);
  if (!config || isGeneratedRegistries(config.name) || isTemplate(config.name)) return [];
  if (!comesBeforeGenerated(config, pool.name)) return [];
  const reasons = nameReasons(cluster);
  const message = `expected a name after that of the MachineConfig that the operator generates, got ${config.name}`;
  return [
    createClusterFinding(
      'early-name',
      reasons === '' ? message : `${message}, and there is ${reasons}`,
      {
        pool: pool.name,
        machineConfig: config.name,
        path: POLICY_PATH,
        severity: reasons === '' ? 'warning' : 'fault',
      },
    ),
  ];
}

/** Those that the operator makes of its own templates, which all others shall come after. */
function isTemplate(name: string): boolean {
  return /^0[01]-/.test(name);
}
