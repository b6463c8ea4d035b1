// Where the images of Kubernetes' own workloads are. Other kinds end in Pods, and are left alone.

/** Members that lead from an object to its pod spec. */
const POD: readonly string[] = ['spec'];
const TEMPLATE: readonly string[] = ['spec', 'template', 'spec'];

/** By `GROUP/KIND`; the group of `v1` is empty. */
const POD_SPECS: ReadonlyMap<string, readonly string[]> = new Map([
  ['/Pod', POD],
  ['/PodTemplate', ['template', 'spec']],
  ['/ReplicationController', TEMPLATE],
  ...['apps', 'extensions'].flatMap((group) =>
    ['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet'].map(
      (kind) => [`${group}/${kind}`, TEMPLATE] as const,
    ),
  ),
  ['batch/Job', TEMPLATE],
  ['batch/CronJob', ['spec', 'jobTemplate', 'spec', 'template', 'spec']],
]);

/** Lists of a pod spec whose entries have an `image`. */
export const CONTAINER_LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** The members that lead from an object to its pod spec; undefined for kinds that have none. */
export function findPodSpec(apiVersion: string, kind: string): readonly string[] | undefined {
  return POD_SPECS.get(`${groupOf(apiVersion)}/${kind}`);
}

/** `apps` of `apps/v1`, '' of `v1`. */
function groupOf(apiVersion: string): string {
  const slash = apiVersion.lastIndexOf('/');
  return apiVersion.slice(0, Math.max(slash, 0));
}
