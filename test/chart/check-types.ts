/** Objects as the types of Kubernetes and of the operators have them, with no member more: asked of tsc. */
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubernetesObject } from '../kit/kubernetes/render.ts';
import { run } from '../kit/process/run.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';

const MODULES = join(import.meta.dirname, '../../node_modules');

/** Where the type of a kind is, and what it is called there. */
const TYPES: Readonly<Record<string, readonly [module: string, type: string]>> = {
  'v1/ConfigMap': ['kubernetes-types/core/v1', 'ConfigMap'],
  'v1/Service': ['kubernetes-types/core/v1', 'Service'],
  'v1/ServiceAccount': ['kubernetes-types/core/v1', 'ServiceAccount'],
  'apps/v1/Deployment': ['kubernetes-types/apps/v1', 'Deployment'],
  'policy/v1/PodDisruptionBudget': ['kubernetes-types/policy/v1', 'PodDisruptionBudget'],
  'networking.k8s.io/v1/Ingress': ['kubernetes-types/networking/v1', 'Ingress'],
  'networking.k8s.io/v1/NetworkPolicy': ['kubernetes-types/networking/v1', 'NetworkPolicy'],
  'gateway.networking.k8s.io/v1/HTTPRoute': [
    '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1',
    'IHTTPRoute',
  ],
  'monitoring.coreos.com/v1/ServiceMonitor': [
    '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
    'IServiceMonitor',
  ],
  'monitoring.coreos.com/v1/PrometheusRule': [
    '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
    'IPrometheusRule',
  ],
};

const TSC = ['--noEmit', '--strict', '--skipLibCheck', '--types', '', '--target', 'es2022'];
const RESOLUTION = ['--module', 'esnext', '--moduleResolution', 'bundler'];

/** Whether the types of a kind are known here. */
export function hasType({ apiVersion, kind }: KubernetesObject): boolean {
  return TYPES[`${apiVersion}/${kind}`] !== undefined;
}

/**
 * Gives what tsc says of the objects, by the name under which they are given; '' for those that are good.
 * Throws for a kind that has no type here.
 */
export async function checkTypes(
  files: Readonly<Record<string, readonly KubernetesObject[]>>,
): Promise<Readonly<Record<string, string>>> {
  const directory = await makeTemporary();
  await symlink(MODULES, join(directory, 'node_modules'));
  const names = Object.keys(files);
  for (const [index, objects] of Object.values(files).entries()) {
    await writeFile(join(directory, `${index}.ts`), formatLiterals(objects));
  }
  const paths = names.map((_, index) => join(directory, `${index}.ts`));
  const tsc = join(MODULES, 'typescript/bin/tsc');
  const args = [tsc, '--pretty', 'false', ...TSC, ...RESOLUTION, ...paths];
  const { stdout } = await run(process.execPath, args, { cwd: directory });
  await removeTemporary(directory);
  const said = stdout.split('\n').filter((line) => /error TS/.test(line));
  const other = said.filter((line) => !/^\d+\.ts\(/.test(line));
  if (other.length > 0) throw new Error(stdout);
  return Object.fromEntries(
    names.map((name, index) => [
      name,
      said.filter((line) => line.startsWith(`${index}.ts(`)).join('\n'),
    ]),
  );
}

function formatLiterals(objects: readonly KubernetesObject[]): string {
  const literals = objects.map((object, index) => {
    const [module, type] = TYPES[`${object.apiVersion}/${object.kind}`] ?? [];
    if (module === undefined) throw new Error(`no type for ${object.apiVersion} ${object.kind}`);
    return `export const object${index}: import('${module}').${type} = ${JSON.stringify(object)};\n`;
  });
  return literals.join('');
}
