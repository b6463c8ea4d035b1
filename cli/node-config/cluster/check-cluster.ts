// `lookaside node-config --cluster FILE`: whether the nodes of an OpenShift cluster verify, by what the
// cluster says of itself.
import {
  ClusterFileError,
  parseClusterFile,
} from '../../../generator/nodes/cluster/cluster-file.ts';
import { type Cluster, readCluster } from '../../../generator/nodes/cluster/cluster-objects.ts';
import { inspectCluster } from '../../../generator/nodes/cluster/inspect-cluster.ts';
import { createWantedNode } from '../../../generator/nodes/check/wanted-node.ts';
import { readBounded } from '../../../generator/system/read-bounded.ts';
import { messageOf } from '../../../generator/terms/errors.ts';
import { formatBytes } from '../../../generator/terms/text.ts';
import type { Settings } from '../../base/options.ts';
import { write, type ProcessIo } from '../../base/process-io.ts';
import { UsageError } from '../../base/usage-error.ts';
import { createFiles, readNodePolicy, toNodeFilesOptions } from '../describe-nodes.ts';
import { formatClusterReport } from './format-cluster-report.ts';

/** Some hundred rendered configs of some hundred KiB; a text may not be much longer in V8. Bytes. */
const MAX_CLUSTER_BYTES = 256 * 1024 * 1024;
const STANDARD_INPUT = '-';
const HINT = 'name a file that `oc get … -o json` has written';

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
  const options = toNodeFilesOptions(settings, undefined);
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

/** @throws UsageError for a file that cannot be read, and for one that holds no objects of a cluster. */
async function readClusterFile(file: string, { stdin }: ProcessIo): Promise<Cluster> {
  const bytes = await (
    file === STANDARD_INPUT ? readStandardInput(stdin) : readBounded(file, MAX_CLUSTER_BYTES)
  ).catch((cause: unknown) => {
    throw new UsageError(`--cluster: cannot read ${file}: ${messageOf(cause)}`, HINT, { cause });
  });
  try {
    return readCluster(parseClusterFile(bytes.toString()));
  } catch (cause) {
    if (!(cause instanceof ClusterFileError)) throw cause;
    throw new UsageError(`--cluster: ${file}: ${cause.message}`, cause.hint, { cause });
  }
}

async function readStandardInput(stdin: NodeJS.ReadableStream): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stdin) {
    const bytes = Buffer.from(piece);
    size += bytes.length;
    if (size > MAX_CLUSTER_BYTES) {
      throw new Error(`expected at most ${formatBytes(MAX_CLUSTER_BYTES)}, got more`);
    }
    pieces.push(bytes);
  }
  return Buffer.concat(pieces);
}
