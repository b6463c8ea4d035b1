// States of a cluster in which a config does not reach its nodes.
import { MACHINES, toIgnitionFile, toMachineConfig } from '../../../kit/cluster/made-cluster.ts';
import { type ClusterMistake, findOurs, rollBack } from './cluster-mistake.ts';

/** What is wrong with its way to the nodes. */
export const ROLLOUT_MISTAKES: readonly ClusterMistake[] = [
  {
    title: 'manifests that the operator has not rendered',
    finds: ['not-rendered fault worker'],
    exit: 1,
    worker: false,
    plant(cluster) {
      const config = findOurs(cluster, 'worker');
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
    title: 'a node on which somebody has changed a file',
    finds: ['node-degraded fault worker'],
    exit: 1,
    says: /content mismatch/,
    hints: /oc debug node\/worker-0 -- chroot/,
    worker: null,
    plant(cluster) {
      const [node] = cluster.nodesOf('worker');
      if (!node) throw new Error('no node');
      const { name } = cluster.pool('worker').spec.configuration;
      const reason = `unexpected on-disk state validating against ${name}: content mismatch for file "/etc/containers/policy.json"`;
      cluster.setNode(node, name, name, 'Degraded');
      node.metadata.annotations[`${MACHINES}/reason`] = reason;
      const statuses = { Updated: 'False', NodeDegraded: 'True', Degraded: 'True' };
      cluster.setConditions('worker', statuses, `Node worker-0 is reporting: "${reason}"`);
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
      // The operator counts it in neither.
      cluster.pool('gpu').status.machineCount = 1;
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
