// States of a cluster with one thing wrong each, and what must be said of it.
import { gzipSync } from 'node:zlib';
import type { ClusterFindingCode } from '../../../../generator/nodes/cluster/cluster-finding.ts';
import type { NodeFindingCode } from '../../../../generator/nodes/check/finding.ts';
import {
  MACHINES,
  type MadeCluster,
  POLICY,
  ROLE,
  toIgnitionFile,
  toMachineConfig,
} from '../../../kit/cluster/made-cluster.ts';
import type { MachineConfigObject } from '../../../kit/cluster/merge-as-operator.ts';
import { type Manifests, TEAM } from './use-cluster.ts';

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
  readonly args?: readonly string[];
  /** Changes a good cluster. */
  readonly plant: (cluster: MadeCluster, manifests: Manifests) => unknown;
  /** The text in place of what the cluster prints. */
  readonly print?: (cluster: MadeCluster) => string;
  /** Whether the pool `worker` verifies now. */
  readonly worker?: boolean | null;
}

const ACCEPT = [{ type: 'insecureAcceptAnything' }];
const CONFIG = 'config.openshift.io/v1';

function policyOf(docker: object, byDefault: object = ACCEPT): string {
  return JSON.stringify({ default: byDefault, transports: { docker } });
}

/** What the operator makes for the built-in pools once it has a policy of its own. */
function generate(cluster: MadeCluster, policy: string, more: Record<string, string> = {}): void {
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

function imagePolicy(kind: string, name: string, namespace: string | undefined): object {
  const metadata = { name, ...(namespace !== undefined && { namespace }) };
  const policy = { rootOfTrust: { policyType: 'PublicKey', publicKey: { keyData: 'AAAA' } } };
  return { apiVersion: CONFIG, kind, metadata, spec: { scopes: ['quay.io/others'], policy } };
}

const SIGSTORE = [
  { type: 'sigstoreSigned', keyData: 'AAAA', signedIdentity: { type: 'matchRepository' } },
];

/** Gives our MachineConfigs other names. */
function rename(cluster: MadeCluster, to: (pool: string) => string): void {
  for (const pool of ['master', 'worker']) {
    const config = ours(cluster, pool);
    cluster.machineConfigs.delete(config.metadata.name);
    config.metadata.name = to(pool);
    cluster.put(config);
  }
}

function ours(cluster: MadeCluster, pool: string): MachineConfigObject {
  const config = cluster.machineConfigs.get(`99-zz-${pool}-lookaside`);
  if (!config) throw new Error(`no MachineConfig for ${pool}`);
  return config;
}

/** Changes the policy.json of ours. */
function editOurPolicy(
  cluster: MadeCluster,
  change: (docker: Record<string, object>) => void,
): void {
  editOurs(cluster, POLICY, (text) => {
    const policy = JSON.parse(text);
    change(policy.transports.docker);
    return JSON.stringify(policy);
  });
}

function editOurs(cluster: MadeCluster, path: string, change: (text: string) => string): void {
  const config = ours(cluster, 'worker');
  const files = config.spec.config?.storage?.files ?? [];
  config.spec.config = {
    ignition: { version: '3.2.0' },
    storage: {
      files: files.map((file) => {
        if (file.path !== path) return file;
        const [, data = ''] = (file.contents?.source ?? '').split('base64,');
        return toIgnitionFile(path, change(Buffer.from(data, 'base64').toString()));
      }),
    },
  };
}

const STORE_FILE = '/etc/containers/registries.d/lookaside.yaml';

/** What is wrong with the configuration. */
const CONFIGS: readonly ClusterMistake[] = [
  {
    title: 'a pool that never got the files',
    finds: ['config-missing fault worker'],
    exit: 1,
    worker: false,
    plant(cluster) {
      cluster.machineConfigs.delete('99-zz-worker-lookaside');
      cluster.settle();
    },
  },
  {
    title: 'a pool that does not exist',
    finds: ['pool-missing fault wroker'],
    exit: 1,
    args: ['--pool', 'wroker'],
    plant: () => undefined,
  },
  {
    title: 'a MachineConfig with the label of no pool',
    finds: ['config-not-selected fault worker'],
    exit: 1,
    says: /99-zz-worker-lookaside, which no pool selects/,
    worker: false,
    plant(cluster) {
      ours(cluster, 'worker').metadata.labels = { [ROLE]: 'wroker' };
      cluster.settle();
    },
  },
  {
    title: 'allowed registries whose generated policy comes after a name of 50-',
    finds: ['operator-policy-wins fault master', 'operator-policy-wins fault worker'],
    exit: 1,
    says: /50-worker-ours, got that of 99-worker-generated-registries, which is there for allowedRegistries/,
    worker: false,
    plant(cluster) {
      rename(cluster, (pool) => `50-${pool}-ours`);
      cluster.image.spec.registrySources = { allowedRegistries: ['quay.io'] };
      generate(cluster, policyOf({ 'quay.io': ACCEPT }, [{ type: 'reject' }]));
      cluster.settle();
    },
  },
  {
    title: 'a ClusterImagePolicy whose generated policy comes after a name of 51-',
    finds: ['operator-policy-wins fault master', 'operator-policy-wins fault worker'],
    exit: 1,
    says: /ClusterImagePolicy openshift/,
    worker: false,
    plant(cluster) {
      rename(cluster, (pool) => `51-${pool}-ours`);
      cluster.others.push(imagePolicy('ClusterImagePolicy', 'openshift', undefined));
      generate(cluster, policyOf({ 'quay.io/others': SIGSTORE }));
      cluster.settle();
    },
  },
  {
    title: 'a name that a generated policy would come after',
    finds: ['early-name warning master', 'early-name warning worker'],
    exit: 0,
    worker: true,
    plant(cluster) {
      rename(cluster, (pool) => `50-${pool}-ours`);
      cluster.settle();
    },
  },
  {
    title: 'such a name, and blocked registries that the operator has not seen yet',
    finds: ['early-name fault master', 'early-name fault worker'],
    exit: 1,
    says: /blockedRegistries/,
    worker: true,
    plant(cluster) {
      rename(cluster, (pool) => `50-${pool}-ours`);
      cluster.image.spec.registrySources = { blockedRegistries: ['bad.example'] };
      cluster.settle();
    },
  },
  {
    title: 'allowed registries that our policy undoes',
    finds: ['operator-rules-lost fault master', 'operator-rules-lost fault worker'],
    exit: 1,
    says: /the default/,
    worker: true,
    plant(cluster) {
      cluster.image.spec.registrySources = { allowedRegistries: ['quay.io'] };
      generate(cluster, policyOf({ 'quay.io': ACCEPT }, [{ type: 'reject' }]));
      cluster.settle();
    },
  },
  {
    title: 'blocked registries that registries.conf blocks all the same',
    finds: ['operator-rules-lost warning master', 'operator-rules-lost warning worker'],
    exit: 0,
    worker: true,
    plant(cluster) {
      cluster.image.spec.registrySources = { blockedRegistries: ['bad.example'] };
      generate(cluster, policyOf({ 'bad.example': [{ type: 'reject' }] }));
      cluster.settle();
    },
  },
  {
    title: 'a ClusterImagePolicy that our policy undoes',
    finds: ['operator-rules-lost fault master', 'operator-rules-lost fault worker'],
    exit: 1,
    says: /quay\.io\/others/,
    plant(cluster) {
      cluster.others.push(imagePolicy('ClusterImagePolicy', 'others', undefined));
      generate(cluster, policyOf({ 'quay.io/others': SIGSTORE }));
      cluster.settle();
    },
  },
  {
    title: 'a namespace with an ImagePolicy',
    finds: ['namespace-policy fault master', 'namespace-policy fault worker'],
    exit: 1,
    says: /namespace shop/,
    worker: false,
    plant(cluster) {
      cluster.others.push(imagePolicy('ImagePolicy', 'mine', 'shop'));
      const policy = policyOf({ 'quay.io/others': SIGSTORE });
      generate(cluster, JSON.stringify({ default: ACCEPT }), {
        '/etc/crio/policies/shop.json': policy,
      });
      cluster.settle();
    },
  },
  {
    title: 'a MachineConfig of somebody else with a policy.json and a later name',
    finds: ['other-config-wins fault worker'],
    exit: 1,
    says: /got that of zz-hardening/,
    worker: false,
    plant(cluster) {
      cluster.put(
        toMachineConfig('zz-hardening', 'worker', [toIgnitionFile(POLICY, policyOf({}))]),
      );
      cluster.settle();
    },
  },
  {
    title: "a custom pool's own policy.json, whose name comes first and which wins all the same",
    finds: ['other-config-wins fault infra'],
    exit: 1,
    says: /99-zz-worker-lookaside, got that of 10-infra/,
    plant(cluster) {
      cluster.addCustomPool('infra');
      cluster.put(toMachineConfig('10-infra', 'infra', [toIgnitionFile(POLICY, policyOf({}))]));
      cluster.settle();
    },
  },
  {
    title: 'a registries.d of somebody else at our path',
    finds: ['other-config-wins fault worker'],
    exit: 1,
    says: /registries\.d\/lookaside\.yaml of 99-zz-worker-lookaside/,
    plant(cluster) {
      const store = `docker:\n  ${TEAM}:\n    lookaside: https://x.example\n    sigstore: https://x.example\n`;
      cluster.put(toMachineConfig('zz-store', 'worker', [toIgnitionFile(STORE_FILE, store)]));
      cluster.settle();
    },
  },
  {
    title: 'our scope in a second file of registries.d',
    finds: ['duplicate-scope fault worker'],
    exit: 1,
    plant(cluster) {
      const file = toIgnitionFile(
        '/etc/containers/registries.d/more.yaml',
        `docker:\n  ${TEAM}: {}\n`,
      );
      cluster.put(toMachineConfig('80-more', 'worker', [file]));
      cluster.settle();
    },
  },
  {
    title: 'manifests that name another store',
    finds: ['store-differs fault master', 'store-differs fault worker'],
    exit: 1,
    says: /old\.example\.com/,
    worker: false,
    plant(cluster, { otherStore }) {
      cluster.apply(otherStore);
      cluster.settle();
    },
  },
  {
    title: 'manifests with another key',
    finds: ['wrong-keys fault master', 'wrong-keys fault worker'],
    exit: 1,
    worker: false,
    plant(cluster, { otherKey }) {
      cluster.apply(otherKey);
      cluster.settle();
    },
  },
  {
    title: 'a policy that accepts everything of the scope',
    finds: ['weaker-scope fault worker'],
    exit: 1,
    worker: false,
    plant(cluster) {
      editOurPolicy(cluster, (docker) => {
        docker[TEAM] = ACCEPT;
      });
      cluster.settle();
    },
  },
  {
    title: 'a policy that accepts a part of the scope',
    finds: ['weaker-subscope fault worker'],
    exit: 1,
    plant(cluster) {
      editOurPolicy(cluster, (docker) => {
        docker[`${TEAM}/open`] = ACCEPT;
      });
      cluster.settle();
    },
  },
  {
    title: 'a policy that nodes refuse',
    finds: ['policy-unreadable fault worker'],
    exit: 1,
    plant(cluster) {
      editOurs(cluster, POLICY, (text) => text.slice(0, -3));
      cluster.settle();
    },
  },
  {
    title: 'a link in place of a key file',
    finds: ['other-config-wins fault worker'],
    exit: 1,
    says: /a symbolic link/,
    plant(cluster) {
      const config = toMachineConfig('zz-links', 'worker', []);
      const path = '/etc/pki/containers/lookaside-quay.io-team.asc';
      config.spec.config = {
        ignition: { version: '3.2.0' },
        storage: { links: [{ path, target: '/dev/null' }] },
      };
      cluster.put(config);
      cluster.settle();
    },
  },
  {
    title: 'a default that accepts what --default rejects',
    finds: ['weaker-default fault master', 'weaker-default fault worker'],
    exit: 1,
    args: ['--default', 'reject'],
    plant: () => undefined,
  },
  {
    title: 'files that only root may read',
    finds: ['not-readable-by-users warning worker'],
    exit: 0,
    worker: true,
    plant(cluster) {
      const config = ours(cluster, 'worker');
      const files = config.spec.config?.storage?.files ?? [];
      const closed = files.map((file) => (file.path === POLICY ? { ...file, mode: 0o600 } : file));
      config.spec.config = { ignition: { version: '3.2.0' }, storage: { files: closed } };
      cluster.settle();
    },
  },
  {
    title: 'a MachineConfig that the operator cannot read',
    finds: ['config-unreadable fault worker', 'render-degraded fault worker'],
    exit: 1,
    says: /99-broken: config\.ignition\.version/,
    worker: true,
    plant(cluster) {
      const broken = toMachineConfig('99-broken', 'worker', []);
      broken.spec.config = { ignition: { version: '4.0.0' } };
      cluster.put(broken);
      const statuses = { Updated: 'True', RenderDegraded: 'True', Degraded: 'True' };
      cluster.setConditions('worker', statuses, 'parsing Ignition config failed: unknown version');
    },
  },
];

/** What is wrong with its way to the nodes. */
const ROLLOUTS: readonly ClusterMistake[] = [
  {
    title: 'manifests that the operator has not rendered',
    finds: ['not-rendered fault worker'],
    exit: 1,
    worker: false,
    plant(cluster) {
      const config = ours(cluster, 'worker');
      cluster.machineConfigs.delete(config.metadata.name);
      cluster.settle();
      cluster.put(config);
    },
  },
  {
    title: 'a pool that was paused before the manifests came',
    finds: ['node-behind fault worker', 'pool-paused fault worker'],
    exit: 1,
    worker: false,
    plant(cluster) {
      rollBack(cluster);
      cluster.pool('worker').spec.paused = true;
    },
  },
  {
    title: 'a pool that is paused with nothing to wait for',
    finds: ['pool-paused warning worker'],
    exit: 0,
    worker: true,
    plant(cluster) {
      cluster.pool('worker').spec.paused = true;
    },
  },
  {
    title: 'a node that has not got the files yet',
    finds: ['node-behind fault worker'],
    exit: 1,
    says: /expected worker-1 to have rendered-worker-/,
    worker: false,
    plant(cluster) {
      rollBack(cluster, 'worker-1');
    },
  },
  {
    title: 'a pool that is behind, and no nodes in the file',
    finds: ['kind-missing warning', 'node-behind fault worker'],
    exit: 1,
    says: /on up to 1:/,
    worker: false,
    plant(cluster) {
      const { before } = rollBack(cluster, 'worker-1');
      cluster.pool('worker').status.configuration.name = before;
      cluster.nodes.clear();
    },
  },
  {
    title: 'a pool that goes from one good config to another',
    finds: ['pool-updating warning worker'],
    exit: 0,
    worker: true,
    plant(cluster) {
      const file = toIgnitionFile('/etc/motd', 'hello');
      cluster.put(toMachineConfig('70-motd', 'worker', [file]));
      cluster.render('worker');
      cluster.setConditions('worker', { Updated: 'False', Updating: 'True' });
      cluster.pool('worker').status.updatedMachineCount = 0;
    },
  },
  {
    title: 'a node that cannot take over its config',
    finds: ['node-behind fault worker', 'node-degraded fault worker'],
    exit: 1,
    says: /Degraded: disk is full/,
    worker: false,
    plant(cluster) {
      const { before, after } = rollBack(cluster, 'worker-1');
      const [, node] = cluster.nodesOf('worker');
      if (!node) throw new Error('no node');
      cluster.setNode(node, before, after, 'Degraded');
      node.metadata.annotations[`${MACHINES}/reason`] = 'disk is full';
      const statuses = { Updated: 'False', NodeDegraded: 'True', Degraded: 'True' };
      cluster.setConditions('worker', statuses, 'Node worker-1 is reporting: "disk is full"');
    },
  },
  {
    title: 'an image build that failed',
    finds: ['pool-degraded fault worker'],
    exit: 1,
    says: /ImageBuildDegraded: no such image/,
    worker: true,
    plant(cluster) {
      const statuses = { Updated: 'True', ImageBuildDegraded: 'True', Degraded: 'True' };
      cluster.setConditions('worker', statuses, 'no such image');
    },
  },
  {
    title: 'a node that has reported nothing yet',
    finds: ['node-unknown unknown worker'],
    exit: 2,
    worker: null,
    plant(cluster) {
      const [node] = cluster.nodesOf('worker');
      if (node) node.metadata.annotations = {};
    },
  },
  {
    title: 'a node in two custom pools',
    finds: ['node-in-two-pools fault'],
    exit: 1,
    plant(cluster) {
      cluster.addCustomPool('infra');
      cluster.addCustomPool('gpu');
      cluster.settle();
      const [node] = cluster.nodesOf('gpu');
      if (node) node.metadata.labels['node-role.kubernetes.io/infra'] = '';
    },
  },
  {
    title: 'a node that no pool selects',
    finds: ['node-without-pool warning'],
    exit: 0,
    plant(cluster) {
      cluster.addNode('edge-0', 'edge');
    },
  },
];

/** What the file does not say. */
const FILES: readonly ClusterMistake[] = [
  {
    title: 'no MachineConfigs in the file',
    finds: ['kind-missing unknown'],
    exit: 2,
    worker: null,
    plant(cluster) {
      cluster.machineConfigs.clear();
    },
  },
  {
    title: 'no pools in the file',
    finds: ['kind-missing unknown'],
    exit: 2,
    plant(cluster) {
      cluster.pools.clear();
    },
  },
  {
    title: 'no rendered configs in the file',
    finds: ['rendered-missing unknown worker'],
    exit: 2,
    worker: null,
    plant(cluster) {
      cluster.machineConfigs.delete(cluster.pool('worker').spec.configuration.name);
    },
  },
  {
    title: 'no image config in the file',
    finds: ['kind-missing warning'],
    exit: 0,
    plant: () => undefined,
    print: (cluster) => cluster.print(cluster.items().filter((item) => item !== cluster.image)),
  },
  {
    title: 'a pool that has no spec',
    finds: ['node-without-pool warning', 'object-unreadable unknown'],
    exit: 2,
    says: /MachineConfigPool "worker": spec/,
    plant: () => undefined,
    print: (cluster) =>
      cluster.print(
        cluster.items().map((item) => {
          const isWorker = item === cluster.pool('worker');
          return isWorker ? { ...item, spec: 'none' } : item;
        }),
      ),
  },
  {
    title: 'a hosted cluster',
    finds: ['hosted-cluster unknown'],
    exit: 2,
    says: /hypershift\.openshift\.io\/nodePool/,
    args: ['--pool', 'worker'],
    plant(cluster) {
      cluster.pools.clear();
      cluster.machineConfigs.clear();
      for (const node of cluster.nodes.values()) {
        node.metadata.labels = { 'hypershift.openshift.io/nodePool': 'np-1' };
      }
    },
  },
  {
    title: 'a policy that names a key of the operating system',
    finds: ['key-file-missing unknown worker'],
    exit: 2,
    worker: null,
    plant(cluster) {
      editOurs(cluster, POLICY, (text) =>
        text.replace(/"\/etc\/pki\/containers[^"]*"/, '"/etc/pki/rpm-gpg/RPM-GPG-KEY-team"'),
      );
      cluster.settle();
    },
  },
];

/** Nodes of the pool worker, or one of them, stay on a config without our files. */
function rollBack(cluster: MadeCluster, only?: string): { before: string; after: string } {
  const config = ours(cluster, 'worker');
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

export const CLUSTER_MISTAKES: readonly ClusterMistake[] = [...CONFIGS, ...ROLLOUTS, ...FILES];

/** A change of the form in which files are written, not of what they do. */
export const EQUAL_CLUSTERS: Readonly<
  Record<string, (cluster: MadeCluster, manifests: Manifests) => unknown>
> = {
  'keys inside the policy': (cluster, { data }) => cluster.apply(data),
  'files that are compressed': (cluster) => {
    for (const pool of ['master', 'worker']) {
      const { spec } = ours(cluster, pool);
      const files = (spec.config?.storage?.files ?? []).map((file) => {
        const [, data = ''] = (file.contents?.source ?? '').split('base64,');
        const packed = gzipSync(Buffer.from(data, 'base64')).toString('base64');
        return { ...file, contents: { source: `data:;base64,${packed}`, compression: 'gzip' } };
      });
      spec.config = { ignition: { version: '3.4.0' }, storage: { files } };
    }
  },
  'no mode': (cluster) => {
    for (const pool of ['master', 'worker']) {
      const { spec } = ours(cluster, pool);
      const files = (spec.config?.storage?.files ?? []).map(({ mode: _mode, ...file }) => file);
      spec.config = { ignition: { version: '3.2.0' }, storage: { files } };
    }
  },
  'a custom pool that gets what workers get': (cluster) => cluster.addCustomPool('infra'),
  'an arbiter of its own, whose pool has the files': async (cluster, { write }) => {
    cluster.addPool('arbiter', { matchLabels: { [ROLE]: 'arbiter' } }, 1);
    const args = ['--default', 'insecureAcceptAnything', '--pool', 'arbiter'];
    cluster.apply(await write(...args));
  },
  'one node that is both, and a pool without nodes or files': (cluster) => {
    for (const node of cluster.nodesOf('worker')) cluster.nodes.delete(node.metadata.name);
    cluster.machineConfigs.delete('99-zz-worker-lookaside');
    cluster.pool('worker').status.machineCount = 0;
    for (const node of cluster.nodesOf('master')) {
      node.metadata.labels['node-role.kubernetes.io/worker'] = '';
    }
  },
  'nodes of Windows, which the operator leaves alone': (cluster) => {
    cluster.addNode('windows-0', 'windows');
    const node = cluster.nodes.get('windows-0');
    if (node) node.metadata.labels['kubernetes.io/os'] = 'windows';
  },
  'an older operator, which merges by name alone': (cluster) => {
    cluster.mergesByNameAlone = true;
    cluster.addCustomPool('infra');
    cluster.put(toMachineConfig('10-infra', 'infra', [toIgnitionFile(POLICY, policyOf({}))]));
  },
};
