// The file of --cluster, whole and bounded.
import {
  ClusterFileError,
  parseClusterFile,
} from '../../../generator/nodes/cluster/cluster-file.ts';
import { type Cluster, readCluster } from '../../../generator/nodes/cluster/cluster-objects.ts';
import { readBounded } from '../../../generator/system/read-bounded.ts';
import { messageOf } from '../../../generator/terms/errors.ts';
import { formatBytes } from '../../../generator/terms/text.ts';
import type { ProcessIo } from '../../base/process-io.ts';
import { UsageError } from '../../base/usage-error.ts';

/** Some hundred rendered configs of some hundred KiB; a text may not be much longer in V8. Bytes. */
const MAX_CLUSTER_BYTES = 256 * 1024 * 1024;
const STANDARD_INPUT = '-';
const HINT = 'name a file that `oc get … -o json` has written';

/**
 * Reads what `oc get` printed into a file, or to standard input.
 * @throws UsageError for a file that cannot be read, and for one that holds no objects of a cluster.
 */
export async function readClusterFile(file: string, { stdin }: ProcessIo): Promise<Cluster> {
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
