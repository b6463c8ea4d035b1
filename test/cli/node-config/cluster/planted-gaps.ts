// Files that do not say enough of a cluster.
import { POLICY } from '../../../kit/cluster/made-cluster.ts';
import { type ClusterMistake, editOurs } from './cluster-mistake.ts';

/** What the file does not say. */
export const FILE_GAPS: readonly ClusterMistake[] = [
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
    print(cluster) {
      const worker = cluster.pool('worker');
      const others = cluster.items().filter((item) => item !== worker);
      return cluster.print([...others, { ...worker, spec: 'none' }]);
    },
  },
  {
    title: 'one of the two nodes of a pool in the file',
    finds: ['node-unknown unknown worker'],
    exit: 2,
    says: /expected the 2 nodes of the pool in the file, got 1/,
    worker: null,
    plant(cluster) {
      cluster.nodes.delete('worker-0');
    },
  },
  {
    title: 'the nodes of another pool in the file',
    finds: ['config-missing fault worker', 'node-unknown unknown worker'],
    exit: 1,
    plant(cluster) {
      cluster.machineConfigs.delete('99-zz-worker-lookaside');
      cluster.settle();
      for (const node of cluster.nodesOf('worker')) cluster.nodes.delete(node.metadata.name);
    },
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
