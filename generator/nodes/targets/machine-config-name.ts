// The name of a MachineConfig decides whose policy.json a node gets: the machine-config operator
// merges by name (pkg/controller/common, MergeMachineConfigs), and of two MachineConfigs with the
// same file the later name wins.
import { TargetError } from './target.ts';

/** What metadata.name may be in Kubernetes. */
const KUBERNETES_NAME =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

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
    `the pool ${pool}: its ${behind} would come after ${ours}, and its policy.json win`,
    `write for another pool, and give its MachineConfig a name behind ${behind} yourself`,
  );
}

/** The MachineConfig in which the operator has a policy.json of its own. */
export function nameGenerated(pool: string): string {
  return `99-${pool}-generated-registries`;
}
