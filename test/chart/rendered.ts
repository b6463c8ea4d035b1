/** The parts of rendered objects that tests look at. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { KubernetesObject } from '../kit/kubernetes/render.ts';
import { type Pod, readPods } from './pod-security.ts';

const texts = z.record(z.string(), z.string());
const variable = z.looseObject({ name: z.string(), value: z.string().optional() });
const mount = z.looseObject({
  mountPath: z.string(),
  name: z.string(),
  subPath: z.string().optional(),
});
const probe = z.strictObject({
  httpGet: z.strictObject({
    path: z.string(),
    port: z.string(),
    scheme: z.enum(['HTTP', 'HTTPS']),
  }),
  periodSeconds: z.number(),
  failureThreshold: z.number(),
  timeoutSeconds: z.number(),
});
const container = z.looseObject({
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(variable),
  volumeMounts: z.array(mount),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.number() })),
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
});
const deployment = z.looseObject({
  spec: z.looseObject({
    replicas: z.number(),
    strategy: z.unknown(),
    selector: z.strictObject({ matchLabels: texts }),
    template: z.looseObject({
      metadata: z.looseObject({ labels: texts, annotations: texts }),
      spec: z.looseObject({ terminationGracePeriodSeconds: z.number() }),
    }),
  }),
});

/** The object of a kind; by the end of its name, where there are several. */
export function pick(
  objects: readonly KubernetesObject[],
  kind: string,
  ending = '',
): KubernetesObject {
  const found = objects.find(
    (object) => object.kind === kind && object.metadata.name.endsWith(ending),
  );
  return found ?? assert.fail(`no ${kind} …${ending}`);
}

/** What the one Deployment says of all its pods. */
export function readDeployment(
  objects: readonly KubernetesObject[],
): z.infer<typeof deployment>['spec'] {
  return deployment.parse(pick(objects, 'Deployment')).spec;
}

/** The version of the program. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync('package.json', 'utf8'));
  return z.object({ version: z.string() }).parse(manifest).version;
}

export type Container = z.infer<typeof container>;

/** The one pod, and its one container. */
export function readContainer(objects: readonly KubernetesObject[]): {
  readonly pod: Pod;
  readonly container: Container;
  /** The variables that have a plain value. */
  readonly environment: ReadonlyMap<string, string>;
} {
  const [pod, ...others] = readPods(objects);
  assert.ok(pod !== undefined && others.length === 0 && pod.containers.length === 1, 'one pod');
  const only = container.parse(pod.containers[0]);
  const plain = only.env.flatMap(({ name, value }): readonly (readonly [string, string])[] =>
    value === undefined ? [] : [[name, value]],
  );
  const environment = new Map(plain);
  return { pod, container: only, environment };
}
