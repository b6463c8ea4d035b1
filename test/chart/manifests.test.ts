// deploy/kubernetes and deploy/openshift are what the chart renders, also where people build on them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  type KubernetesObject,
  LEAST,
  OPENSHIFT,
  parseObjects,
  render,
} from '../kit/kubernetes/render.ts';
import { kubectl } from '../kit/kubernetes/kubernetes-tools.ts';
import { useTemporary } from '../kit/temporary.ts';
import { readPods } from './pod-security.ts';
import { pick, readContainer, readVersion } from './rendered.ts';

const VALUES = { ...LEAST, webhook: { secret: 'lookaside-webhook' } };
const CASES = [
  ['deploy/kubernetes', VALUES, []],
  ['deploy/openshift', { ...VALUES, expose: { kind: 'Route' } }, OPENSHIFT],
] as const;

async function build(directory: string): Promise<readonly KubernetesObject[]> {
  const { code, stdout, stderr } = await kubectl(['kustomize', directory]);
  assert.equal(code, 0, stderr);
  return parseObjects(stdout);
}

/**
 * By kind and name, without Helm's labels, what kustomize puts behind a name, and the empty lines that it
 * puts before deeper lines of a folded text: none of ours means anything by them.
 */
function toComparable(objects: readonly KubernetesObject[]): Readonly<Record<string, unknown>> {
  const text = JSON.stringify(objects)
    .replaceAll(/(lookaside-config)-[a-z0-9]{10}\b/g, '$1')
    .replaceAll(/(?:\\n)+/g, '\\n');
  const plain = z.array(z.custom<KubernetesObject>()).parse(JSON.parse(text));
  return Object.fromEntries(
    plain.map((object) => {
      const labels = Object.entries(object.metadata.labels ?? {}).filter(
        ([name]) => name !== 'helm.sh/chart' && name !== 'app.kubernetes.io/managed-by',
      );
      const metadata = { ...object.metadata, labels: Object.fromEntries(labels) };
      return [`${object.kind} ${object.metadata.name}`, { ...object, metadata }];
    }),
  );
}

describe('the manifests', () => {
  for (const [directory, values, apis] of CASES) {
    it(`of ${directory} are what the chart renders, with pods of the profile restricted`, async () => {
      const [built, fromChart] = await Promise.all([build(directory), render({ values, apis })]);
      assert.deepEqual(toComparable(built), toComparable(fromChart));
      assert.equal(readPods(built).length, 1);
    });
  }
});

describe('docs/kubernetes.md', () => {
  const directory = useTemporary();
  const page = readFileSync('docs/kubernetes.md', 'utf8');
  const [shown = '', kustomization = '', file = '', events = ''] = [
    ...page.matchAll(/^```yaml\n(.*?)^```/gms),
  ].map(([, block = '']) => block);

  it('shows values that the chart takes', async () => {
    const values = z.looseObject({ source: z.string() }).parse(parse(shown));
    const { environment } = readContainer(await render({ values }));
    assert.equal(environment.get('LOOKASIDE_URL'), 'https://lookaside.example.com');
    assert.equal(environment.get('SOURCE'), values.source);
  });

  it('shows how events and the audit log are turned on', async () => {
    const values = z.record(z.string(), z.unknown()).parse(parse(events));
    assert.deepEqual(Object.keys(values), ['notify', 'config']);
    const { pod, container } = readContainer(await render({ values: { ...LEAST, ...values } }));
    assert.ok(container.env.some(({ name }) => name === 'LOOKASIDE_NOTIFY_URL'));
    assert.ok(pod.volumes.some(({ name }) => name === 'notify'));
  });

  for (const base of ['kubernetes', 'openshift']) {
    it(`shows a kustomization that stands on deploy/${base}`, async () => {
      await cp('deploy', join(directory(), 'deploy'), { recursive: true });
      const own = join(directory(), 'own');
      await mkdir(own);
      const text = kustomization.replace('- ../deploy/kubernetes', `- ../deploy/${base}`);
      await writeFile(join(own, 'kustomization.yaml'), text);
      await writeFile(join(own, 'lookaside.yaml'), file);
      const objects = await build(own);
      assert.deepEqual(
        new Set(objects.map(({ metadata }) => metadata['namespace'])),
        new Set(['lookaside']),
      );
      const { container, environment, pod } = readContainer(objects);
      assert.equal(container.image, `registry.example.com/team/lookaside:${readVersion()}`);
      assert.equal(environment.get('SOURCE'), 'https://git.example.com/team/signatures.git');
      assert.equal(environment.get('LOOKASIDE_KEYS'), undefined);
      const config = objects.find(({ metadata }) => metadata.name.startsWith('lookaside-config-'));
      assert.deepEqual(config?.['data'], { 'lookaside.yaml': file });
      const volume = pod.volumes.find(({ name }) => name === 'config');
      assert.deepEqual(volume?.['configMap'], { name: config.metadata.name });
      assert.equal(pick(objects, 'Deployment').metadata.name, 'lookaside');
    });
  }
});
