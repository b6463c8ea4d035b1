// MachineConfigs, and what the machine-config operator does with them. It merges those of worker, then
// those of a custom pool, both by name (../cluster/merge-machine-configs.ts), and of two MachineConfigs
// with the same file the later one wins: role and name decide whose policy.json a node gets.
import { Document } from 'yaml';
import { z } from 'zod';
import { type NodeFile, NODE_FILE_MODE } from '../node-file.ts';
import { formatDataUrl } from './encode.ts';
import { type TargetOptions, type WrittenFile, TargetError } from './target.ts';
import { isPolicy } from '../policy-file.ts';
import { KEY_DIRECTORY } from '../key-files.ts';

/** Pools that every cluster has. */
const OWN_POOLS: ReadonlySet<string> = new Set(['master', 'worker']);

const defaultSchema = z.object({
  default: z
    .array(z.object({ type: z.string() }))
    .refine((all) => all.some(({ type }) => type === 'reject')),
});

/** What metadata.name may be in Kubernetes. */
const KUBERNETES_NAME =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

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

/**
 * A name behind everything that the operator itself generates for a pool.
 * @throws TargetError if there is none for this pool, or Kubernetes would refuse it.
 */
export function nameMachineConfig(pool: string, name: string): string {
  const ours = `99-zz-${pool}-${name}`;
  if (!KUBERNETES_NAME.test(ours)) {
    const rule =
      'expected a name of lower-case letters, digits, dots and dashes for a MachineConfig';
    throw new TargetError(`${rule}, got ${JSON.stringify(ours)}`, 'give --name lookaside');
  }
  // A custom pool gets the files of worker too.
  const behind = [pool, 'worker'].map(nameGenerated).find((theirs) => ours < theirs);
  if (behind === undefined) return ours;
  throw new TargetError(
    `the pool ${pool} has ${behind}, which comes after ${ours}, so its policy.json would win`,
    `write for another pool, and rename its MachineConfig so that it comes after ${behind}`,
  );
}

/** The MachineConfig in which the operator has a policy.json of its own. */
export function nameGenerated(pool: string): string {
  return `99-${pool}-generated-registries`;
}

/** The comment at the head of a file, a leading blank in each line. */
export function explainName(pool: string, name: string): string {
  return ` Written by lookaside node-config, for the pool ${pool}.

 The name: as soon as there are allowed or blocked registries (image.config.openshift.io/cluster),
 a ClusterImagePolicy or an ImagePolicy, the machine-config operator writes a policy.json too, in
 ${nameGenerated(pool)}. Of two MachineConfigs with the same file the later name wins,
 so with a name like 50-${name} this policy would silently lose.

 What it undoes: with this name it is the operator's policy.json that loses. Its rules apply only
 if they were merged into this one (--merge FILE); write this file again when they change.`;
}

/** What people have to know before they apply MachineConfigs with these files. */
export function adviseOnMachineConfigs(
  files: readonly NodeFile[],
  { pools }: TargetOptions,
): readonly string[] {
  const advice = [
    "this policy.json replaces the operator's: allowed and blocked registries and ClusterImagePolicy objects only apply if --merge has put them in",
    'a namespace with an ImagePolicy uses /etc/crio/policies instead, which the operator writes without these scopes',
  ];
  if (rejectsByDefault(files)) {
    advice.push("this policy rejects images outside all scopes, the cluster's own included");
  }
  if (pools.every((pool) => OWN_POOLS.has(pool))) {
    advice.push(
      'the MachineConfigs of a custom pool come after those of worker: add the pool to --pool',
    );
  }
  if (files.some(({ path }) => path.startsWith(`${KEY_DIRECTORY}/`))) {
    advice.push(
      `a change below /${KEY_DIRECTORY} drains and reboots the nodes: with --keys-as data or no-reboot only CRI-O is reloaded`,
    );
  }
  return advice;
}

function rejectsByDefault(files: readonly NodeFile[]): boolean {
  const policies = files.filter(isPolicy).map(({ bytes }) => Buffer.from(bytes).toString());
  return policies.some((text) => defaultSchema.safeParse(JSON.parse(text)).success);
}
