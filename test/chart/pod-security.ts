/** The profile *restricted* of the Pod Security Standards (Kubernetes 1.34), and what we ask beyond it. */
import { z } from 'zod';
import type { KubernetesObject } from '../kit/kubernetes/render.ts';

const VOLUMES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const never = z.undefined().optional();
const container = z.looseObject({
  image: z.string(),
  ports: z.array(z.looseObject({ hostPort: never })).optional(),
  resources: z.looseObject({
    requests: z.looseObject({ cpu: z.string(), memory: z.string() }),
    // None of processor time: it holds up TLS handshakes.
    limits: z.looseObject({ memory: z.string(), cpu: never }),
  }),
  securityContext: z.looseObject({
    allowPrivilegeEscalation: z.literal(false),
    privileged: z.literal(false).optional(),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({
      drop: z.tuple([z.literal('ALL')]),
      add: z.array(z.literal('NET_BIND_SERVICE')).optional(),
    }),
    procMount: z.literal('Default').optional(),
    runAsNonRoot: z.literal(true).optional(),
    runAsUser: z.number().min(1).optional(),
    seccompProfile: z.strictObject({ type: z.enum(['RuntimeDefault', 'Localhost']) }).optional(),
    seLinuxOptions: never,
  }),
  livenessProbe: z.unknown(),
});

const pod = z.looseObject({
  hostNetwork: never,
  hostPID: never,
  hostIPC: never,
  hostUsers: never,
  shareProcessNamespace: never,
  automountServiceAccountToken: z.literal(false),
  enableServiceLinks: z.literal(false),
  serviceAccountName: z.string().min(1),
  securityContext: z.looseObject({
    runAsNonRoot: z.literal(true),
    runAsUser: z.number().min(1).optional(),
    seccompProfile: z.strictObject({ type: z.enum(['RuntimeDefault', 'Localhost']) }),
    seLinuxOptions: never,
    sysctls: never,
    supplementalGroups: never,
  }),
  volumes: z.array(
    z
      .looseObject({ name: z.string() })
      .refine((volume) =>
        Object.keys(volume).every((member) => member === 'name' || VOLUMES.has(member)),
      ),
  ),
  containers: z.array(container).min(1),
  initContainers: z.array(container).optional(),
  ephemeralContainers: z.array(container).optional(),
});

const holder = z.looseObject({ spec: z.looseObject({ template: z.looseObject({ spec: pod }) }) });
const anyHolder = z.looseObject({
  spec: z.looseObject({ template: z.looseObject({ spec: z.unknown() }) }),
});

export type Pod = z.infer<typeof pod>;

/** The pod of each object that makes pods. Throws where one is not as restricted. */
export function readPods(objects: readonly KubernetesObject[]): readonly Pod[] {
  const holders = objects.filter((object) => anyHolder.safeParse(object).success);
  return holders.map((object) => holder.parse(object).spec.template.spec);
}
