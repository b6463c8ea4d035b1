// What deploy/monitoring/README.md shows works as shown.
import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { OPTION_NAMES } from '../../cli/base/options.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';
import { ALERTS, DIRECTORY, promtool, readMonitoring } from './monitoring-files.ts';

const readme = readMonitoring('README.md');

const labels = z.object({ app: z.literal('lookaside') });
const objectsSchema = z.tuple([
  z.object({
    kind: z.literal('Service'),
    metadata: z.object({ labels }),
    spec: z.object({
      ports: z.tuple([z.object({ name: z.literal('status'), port: z.literal(8081) })]),
    }),
  }),
  z.object({
    kind: z.literal('ServiceMonitor'),
    spec: z.object({
      selector: z.object({ matchLabels: labels }),
      endpoints: z.tuple([z.object({ port: z.literal('status') })]),
    }),
  }),
  z.object({
    kind: z.literal('NetworkPolicy'),
    spec: z.object({
      podSelector: z.object({ matchLabels: labels }),
      ingress: z.tuple([
        z.strictObject({ ports: z.tuple([z.object({ port: z.literal(8080) })]) }),
        z.object({
          from: z.tuple([z.unknown()]),
          ports: z.tuple([z.object({ port: z.literal(8081) })]),
        }),
      ]),
    }),
  }),
]);

function blocksOf(language: string): readonly string[] {
  const blocks = readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'));
  return [...blocks].map(([, block = '']) => block);
}

describe('deploy/monitoring/README.md', () => {
  let directory = '';
  before('make a directory', async () => {
    directory = await makeTemporary();
  });
  after('remove it', async () => removeTemporary(directory));

  it('names only flags that exist', () => {
    const known = new Set<string>(OPTION_NAMES);
    for (const [flag, name = ''] of readme.matchAll(/--([a-z][a-z-]+)/g)) {
      assert.ok(known.has(name), flag);
    }
  });

  it('opens the port that it monitors, to Prometheus only', () => {
    const [, objects = ''] = blocksOf('yaml');
    const documents = parseAllDocuments(objects, { strict: true });
    objectsSchema.parse(documents.map((document): unknown => document.toJSON()));
    assert.match(readme, /--status-listen :8081/);
  });

  it('makes a PrometheusRule of the rules', async () => {
    const [script = ''] = blocksOf('sh');
    await writeFile(join(directory, 'oc'), '#!/bin/sh\ncat\n', { mode: 0o755 });
    const env = { PATH: `${directory}:${process.env['PATH'] ?? ''}` };
    const { stdout } = await runOrThrow('sh', ['-c', script], { cwd: DIRECTORY, env });
    assert.deepEqual(parse(stdout), {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: 'lookaside' },
      spec: parse(readMonitoring(ALERTS)) as unknown,
    });
  });

  describeWith(['promtool'], 'for Prometheus', () => {
    it('shows a configuration that is taken', async () => {
      const [config = ''] = blocksOf('yaml');
      await writeFile(join(directory, 'prometheus.yml'), config);
      await copyFile(join(DIRECTORY, ALERTS), join(directory, ALERTS));
      await promtool(['check', 'config', 'prometheus.yml'], directory);
    });
  });
});
