// `lookaside node-config --cluster FILE`: whether the nodes of an OpenShift cluster verify, by what the
// cluster says of itself.
import { inspectCluster } from '../../generator/nodes/cluster/inspect-cluster.ts';
import { createWantedNode } from '../../generator/nodes/check/wanted-node.ts';
import type { Settings } from '../base/options.ts';
import { write, type ProcessIo } from '../base/process-io.ts';
import { createFiles, readNodePolicy, toNodeFilesOptions } from './describe-nodes.ts';
import { formatClusterReport } from './cluster/format-cluster-report.ts';
import { readClusterFile } from './cluster/read-cluster-file.ts';

/**
 * Says what keeps the nodes of a cluster from verifying; settles with the exit code: 1 for a fault, 2 if
 * there is none but the file does not say enough.
 */
export async function checkCluster(
  file: string,
  settings: Settings,
  io: ProcessIo,
): Promise<number> {
  const policy = await readNodePolicy(settings);
  const options = toNodeFilesOptions(settings, policy, undefined);
  const wanted = createWantedNode(policy, {
    ...options,
    now: new Date(),
    expiryWarning: settings['expiry-warning'],
  });
  const cluster = await readClusterFile(file, io);
  const report = await inspectCluster(cluster, {
    node: wanted,
    // As with --diff: what the policy says about other scopes stays, unless --default says otherwise.
    createFiles: (existing) =>
      createFiles(policy, {
        ...options,
        existing: settings.default === undefined ? existing : undefined,
      }),
    pools: settings.pool,
  });
  const shown = { file, report, ignored: cluster.ignored };
  await write(io.stdout, formatClusterReport(shown, settings.format === 'json', io));
  const severities = new Set(report.findings.map(({ severity }) => severity));
  if (severities.has('fault')) return 1;
  return severities.has('unknown') ? 2 : 0;
}
