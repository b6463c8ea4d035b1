// What the machine-config operator does with a MachineConfig of ours, and what it does not.
import { z } from 'zod';
import { isPolicy } from '../is-policy.ts';
import { KEY_DIRECTORY } from '../key-files.ts';
import type { NodeFile } from '../node-file.ts';
import { nameGenerated } from './machine-config-name.ts';
import type { TargetOptions } from './target.ts';

/** Pools that every cluster has. */
const OWN_POOLS: ReadonlySet<string> = new Set(['master', 'worker']);

const defaultSchema = z.object({
  default: z
    .array(z.object({ type: z.string() }))
    .refine((all) => all.some(({ type }) => type === 'reject')),
});

/** The comment at the head of a file, a leading blank in each line. */
export function explainName(pool: string, name: string): string {
  return ` Written by lookaside node-config, for the pool ${pool}.

 The name: as soon as there are allowed or blocked registries (image.config.openshift.io/cluster),
 a ClusterImagePolicy or an ImagePolicy, the machine-config operator writes a policy.json too, in
 ${nameGenerated(pool)}. Of two MachineConfigs with the same file the later name wins,
 so a name like 50-${name} would lose its policy then, without a word.

 What it undoes: with this name it is the operator's policy.json that loses. What it says is in
 force only as far as it was merged into this one (--merge FILE); make this file anew when it
 changes.`;
}

/** What people have to know before they apply MachineConfigs with these files. */
export function adviseOnMachineConfigs(
  files: readonly NodeFile[],
  { pools }: TargetOptions,
): readonly string[] {
  const advice = [
    "the operator's own policy.json loses to this one: allowed and blocked registries and ClusterImagePolicy objects hold only as far as --merge has put them in",
    'a namespace with an ImagePolicy is judged by /etc/crio/policies, which the operator writes without these scopes',
  ];
  if (rejectsByDefault(files)) {
    advice.push(
      "by default this policy rejects: the cluster's own images are refused too where no scope covers them",
    );
  }
  if (pools.every((pool) => OWN_POOLS.has(pool))) {
    advice.push(
      'a custom pool puts its own MachineConfigs behind those of worker: add it to --pool',
    );
  }
  if (files.some(({ path }) => path.startsWith(`${KEY_DIRECTORY}/`))) {
    advice.push(
      `nodes are drained and started anew for a change below /${KEY_DIRECTORY}: --keys-as data or no-reboot needs a reload of CRI-O only`,
    );
  }
  return advice;
}

function rejectsByDefault(files: readonly NodeFile[]): boolean {
  const policies = files.filter(isPolicy).map(({ bytes }) => Buffer.from(bytes).toString());
  return policies.some((text) => defaultSchema.safeParse(JSON.parse(text)).success);
}
