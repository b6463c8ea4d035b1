import { Document } from 'yaml';
import { NODE_FILE_MODE, type NodeFile } from '../node-file.ts';
import { formatDataUrl } from './data-url.ts';
import { explainName } from './machine-config-advice.ts';
import { nameMachineConfig } from './machine-config-name.ts';
import type { TargetOptions, WrittenFile } from './target.ts';

const NO_FOLDING = { lineWidth: 0 };

/**
 * A MachineConfig for each pool, as a YAML document of its own.
 * @throws TargetError for a name or pool that the operator's own files would win over.
 */
export function writeMachineConfigs(
  files: readonly NodeFile[],
  { name, pools, ignition }: TargetOptions,
): readonly WrittenFile[] {
  return pools.map((pool) => {
    const metadataName = nameMachineConfig(pool, name);
    const document = new Document({
      apiVersion: 'machineconfiguration.openshift.io/v1',
      kind: 'MachineConfig',
      metadata: {
        name: metadataName,
        labels: { 'machineconfiguration.openshift.io/role': pool },
      },
      spec: {
        config: {
          ignition: { version: ignition },
          storage: { files: files.map((file) => toIgnitionFile(file, ignition)) },
        },
      },
    });
    document.commentBefore = explainName(pool, name);
    const text = `---\n${document.toString(NO_FOLDING)}`;
    return { path: `${metadataName}.yaml`, bytes: Buffer.from(text) };
  });
}

function toIgnitionFile({ path, bytes }: NodeFile, ignition: string) {
  return {
    // Ignition 2 knows several file systems, 3 only that of the root.
    ...(ignition.startsWith('2.') && { filesystem: 'root' }),
    path: `/${path}`,
    mode: NODE_FILE_MODE,
    overwrite: true,
    contents: { source: formatDataUrl(bytes) },
  };
}
