// A state of a cluster with one thing wrong, and how it is made.
import type { ClusterFindingCode } from '../../../../generator/nodes/cluster/cluster-finding.ts';
import type { NodeFindingCode } from '../../../../generator/nodes/check/finding.ts';
import {
  MACHINES,
  type MadeCluster,
  POLICY,
  toIgnitionFile,
  toMachineConfig,
} from '../../../kit/cluster/made-cluster.ts';
import type { IgnitionFile, MachineConfigObject } from '../../../kit/cluster/merge-as-operator.ts';
import type { Manifests } from './use-cluster.ts';

type Code = ClusterFindingCode | NodeFindingCode;

/** A state of a cluster. */
export interface ClusterMistake {
  readonly title: string;
  /** `CODE SEVERITY POOL`, each once, sorted; the pool is left out where there is none. */
  readonly finds: readonly (
    | `${Code} ${'fault' | 'warning' | 'unknown'}`
    | `${Code} ${'fault' | 'warning' | 'unknown'} ${string}`
  )[];
  readonly exit: 0 | 1 | 2;
  /** Is in one of the messages. */
  readonly says?: RegExp;
  /** Is in one of the hints. */
  readonly hints?: RegExp;
  readonly args?: readonly string[];
  /** Changes a good cluster. */
  readonly plant: (cluster: MadeCluster, manifests: Manifests) => unknown;
  /** The text in place of what the cluster prints. */
  readonly print?: (cluster: MadeCluster) => string;
  /** Whether the pool `worker` verifies now. */
  readonly worker?: boolean | null;
}

export const ACCEPT = [{ type: 'insecureAcceptAnything' }];
const CONFIG = 'config.openshift.io/v1';

export function policyOf(docker: object, byDefault: object = ACCEPT): string {
  return JSON.stringify({ default: byDefault, transports: { docker } });
}

/** What the operator makes for the built-in pools once it has a policy of its own. */
export function generatePolicy(
  cluster: MadeCluster,
  policy: string,
  more: Record<string, string> = {},
): void {
  for (const pool of ['master', 'worker']) {
    const files = Object.entries({ [POLICY]: policy, ...more });
    const config = toMachineConfig(
      `99-${pool}-generated-registries`,
      pool,
      files.map(([path, content]) => toIgnitionFile(path, content)),
    );
    config.metadata.annotations = { [`${MACHINES}/generated-by-controller-version`]: 'abc' };
    cluster.put(config);
  }
}

export function toImagePolicy(kind: string, name: string, namespace: string | undefined): object {
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  const policy = { rootOfTrust: { policyType: 'PublicKey', publicKey: { keyData: 'AAAA' } } };
  return { apiVersion: CONFIG, kind, metadata, spec: { scopes: ['quay.io/others'], policy } };
}

export const SIGSTORE = [
  { type: 'sigstoreSigned', keyData: 'AAAA', signedIdentity: { type: 'matchRepository' } },
];

/** Gives our MachineConfigs other names. */
export function renameOurs(cluster: MadeCluster, to: (pool: string) => string): void {
  for (const pool of ['master', 'worker']) {
    const config = findOurs(cluster, pool);
    cluster.machineConfigs.delete(config.metadata.name);
    config.metadata.name = to(pool);
    cluster.put(config);
  }
}

export function findOurs(cluster: MadeCluster, pool: string): MachineConfigObject {
  const config = cluster.machineConfigs.get(`99-zz-${pool}-lookaside`);
  if (!config) throw new Error(`no MachineConfig for ${pool}`);
  return config;
}

/** Changes the policy.json of ours. */
export function editOurPolicy(
  cluster: MadeCluster,
  change: (docker: Record<string, object>) => void,
): void {
  editOurs(cluster, POLICY, (text) => {
    const policy = JSON.parse(text);
    change(policy.transports.docker);
    return JSON.stringify(policy);
  });
}

/** What `--merge` makes of a policy of the operator's. */
export function mergeIntoOurs(
  cluster: MadeCluster,
  pool: string,
  docker: Record<string, object>,
  byDefault: object = [{ type: 'reject' }],
): void {
  const merge = (text: string): string => {
    const policy = JSON.parse(text);
    Object.assign(policy, { default: byDefault });
    policy.transports.docker = { ...docker, ...policy.transports.docker };
    return JSON.stringify(policy);
  };
  editOurs(cluster, POLICY, merge, pool);
}

export function editOurs(
  cluster: MadeCluster,
  path: string,
  change: (text: string) => string,
  pool = 'worker',
): void {
  changeOurFiles(findOurs(cluster, pool), (file) => {
    if (file.path !== path) return file;
    const [, data = ''] = (file.contents?.source ?? '').split('base64,');
    return toIgnitionFile(path, change(Buffer.from(data, 'base64').toString()));
  });
}

/** Changes all files of a MachineConfig. */
export function changeOurFiles(
  { spec }: MachineConfigObject,
  change: (file: IgnitionFile) => IgnitionFile,
): void {
  const files = (spec.config?.storage?.files ?? []).map(change);
  spec.config = { ignition: { version: '3.4.0' }, storage: { files } };
}

/** Nodes of the pool worker, or one of them, stay on a config without our files. */
export function rollBack(cluster: MadeCluster, only?: string): { before: string; after: string } {
  const config = findOurs(cluster, 'worker');
  cluster.machineConfigs.delete(config.metadata.name);
  const before = cluster.render('worker');
  cluster.put(config);
  const after = cluster.render('worker');
  const stay = cluster
    .nodesOf('worker')
    .filter(({ metadata: { name } }) => only === undefined || name === only);
  for (const node of stay) cluster.setNode(node, before, before, 'Done');
  const { status } = cluster.pool('worker');
  status.updatedMachineCount = status.machineCount - stay.length;
  status.configuration.name = before;
  cluster.setConditions('worker', { Updated: 'False', Updating: 'True', Degraded: 'False' });
  return { before, after };
}
