// deploy/kubernetes and deploy/openshift are what the chart renders, also where people build on them.
import assert from 'node:assert/strict';
import { z } from 'zod';
import {
  type KubernetesObject,
  LEAST,
  OPENSHIFT,
  parseObjects,
  render,
} from '../kit/kubernetes/render.ts';
import { kubectl } from '../kit/kubernetes/kubernetes-tools.ts';
import { readPods } from './pod-security.ts';

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
