// Clusters in which nothing is wrong, however they are written down.
import { gzipSync } from 'node:zlib';
import {
  type MadeCluster,
  POLICY,
  ROLE,
  toIgnitionFile,
  toMachineConfig,
} from '../../../kit/cluster/made-cluster.ts';
import { changeOurFiles, findOurs, policyOf } from './cluster-mistake.ts';
import type { Manifests } from './use-cluster.ts';

/** A change of the form in which files are written, not of what they do. */
export const EQUAL_CLUSTERS: Readonly<
  Record<string, (cluster: MadeCluster, manifests: Manifests) => unknown>
> = {
  'keys inside the policy': (cluster, { data }) => cluster.apply(data),
  'files that are compressed': (cluster) => {
    for (const pool of ['master', 'worker']) {
      changeOurFiles(findOurs(cluster, pool), ({ path, mode, contents }) => {
        const [, data = ''] = (contents?.source ?? '').split('base64,');
        const packed = gzipSync(Buffer.from(data, 'base64')).toString('base64');
        const source = `data:;base64,${packed}`;
        return { path, mode, contents: { source, compression: 'gzip' } };
      });
    }
  },
  'no mode': (cluster) => {
    for (const pool of ['master', 'worker']) {
      changeOurFiles(findOurs(cluster, pool), ({ path, contents }) => ({ path, contents }));
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
