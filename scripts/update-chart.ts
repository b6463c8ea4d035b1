// Writes what is made from other files: the alerts and the dashboard inside the chart, the schema of `config` in
// its values, its version, and the manifests of deploy/kubernetes and deploy/openshift, which are rendered from it.
// With --check it changes nothing and fails when one of them is out of date.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import {
  type KubernetesObject,
  OPENSHIFT,
  parseObjects,
  renderText,
} from '../test/kit/kubernetes/render.ts';
import { toGoPatterns } from './chart/go-patterns.ts';
import { diffObjects } from './chart/json-patch.ts';

const CHART = 'deploy/chart';
const MONITORING = 'deploy/monitoring';
const BASE = 'deploy/kubernetes';
const OPERATOR = `${BASE}/monitoring`;
const OVERLAY = 'deploy/openshift';
const CONFIG = 'configmap-config.yaml';
/** Written by hand, among what is rendered. */
const BY_HAND = 'kustomization.yaml';

/** As docs/kubernetes.md says that they are to be made. */
const VALUES = {
  source: 'https://git.example.com/team/signatures.git',
  keys: { configMaps: ['lookaside-keys'] },
  webhook: { secret: 'lookaside-webhook' },
};

const mapping = z.record(z.string(), z.unknown());

const written = new Map<string, string>();

async function write(path: string, text: string): Promise<void> {
  const config = await resolveConfig(path);
  const parser = path.endsWith('.json') ? 'json' : 'yaml';
  written.set(path, await format(text, { ...config, parser }));
}

/** Each document of a rendering, with its comments, without what is Helm's. */
async function renderDocuments(
  rendering: Parameters<typeof renderText>[0],
): Promise<ReadonlyMap<string, string>> {
  const text = await renderText(rendering);
  const documents = text
    .split(/^---\n/m)
    .map((document) =>
      document.replaceAll(/^# Source: .*\n|^ +(?:helm\.sh\/chart|.*\/managed-by): .*\n/gm, ''),
    )
    .filter((document) => document.trim() !== '');
  return new Map(documents.map((document) => [nameFile(parseOne(document)), document]));
}

function parseOne(document: string): KubernetesObject {
  const [object] = parseObjects(document);
  if (object === undefined) throw new Error(`no object: ${document}`);
  return object;
}

/** `service-status.yaml` for the Service `lookaside-status`. */
function nameFile({ kind, metadata }: KubernetesObject): string {
  return `${kind.toLowerCase()}${metadata.name.slice('lookaside'.length)}.yaml`;
}

async function writeChart(): Promise<void> {
  for (const name of ['lookaside-alerts.yaml', 'lookaside-dashboard.json']) {
    written.set(`${CHART}/files/${name}`, readFileSync(join(MONITORING, name), 'utf8'));
  }
  writeVersions();
  const path = `${CHART}/values.schema.json`;
  const schema = mapping.parse(readJson(path));
  const { $schema: _, ...config } = mapping.parse(
    toGoPatterns(readJson('docs/lookaside.schema.json')),
  );
  const properties = {
    ...mapping.parse(schema['properties']),
    config: { ...config, type: 'object' },
  };
  await write(path, JSON.stringify({ ...schema, properties }));
}

/** The version of package.json, where files written by hand name it. */
function writeVersions(): void {
  const { version } = z.object({ version: z.string() }).parse(readJson('package.json'));
  for (const path of [`${CHART}/Chart.yaml`, join(BASE, BY_HAND)]) {
    const text = readFileSync(path, 'utf8');
    written.set(
      path,
      text.replaceAll(/^( *(?:version|appVersion|newTag|.*\/version): ).*$/gm, `$1${version}`),
    );
  }
}

async function writeManifests(): Promise<void> {
  const plain = await renderDocuments({ values: VALUES });
  const operated = await renderDocuments({ values: VALUES, apis: ['monitoring.coreos.com/v1'] });
  const openShift = await renderDocuments({
    values: { ...VALUES, expose: { kind: 'Route' } },
    apis: OPENSHIFT,
  });
  for (const [file, text] of plain) {
    if (file === CONFIG) await write(join(BASE, 'lookaside.yaml'), readConfigFile(text));
    else await write(join(BASE, file), text);
  }
  for (const [file, text] of operated) {
    if (!plain.has(file)) await write(join(OPERATOR, file), text);
  }
  for (const [file, text] of openShift) {
    const below = operated.get(file);
    if (below === undefined) {
      await write(join(OVERLAY, file), text);
      continue;
    }
    const patch = diffObjects(parse(below), parse(text));
    if (patch.length === 0) continue;
    await write(join(OVERLAY, `${basename(file, '.yaml')}.patch.yaml`), stringify(patch));
  }
}

/** The configuration file: kustomize makes the ConfigMap, with a name by its content, so that a change is a rollout. */
function readConfigFile(document: string): string {
  return z.object({ data: z.object({ 'lookaside.yaml': z.string() }) }).parse(parse(document)).data[
    'lookaside.yaml'
  ];
}

/** What lies in the folders of rendered files, and is none any more. */
function listStale(): readonly string[] {
  return [BASE, OPERATOR, OVERLAY]
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => path.endsWith('.yaml') && basename(path) !== BY_HAND && !written.has(path));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

await writeChart();
const outdated: string[] = [];
const settle = (): void => {
  for (const [path, text] of written) {
    if (readIfThere(path) === text) continue;
    outdated.push(path);
    if (process.argv.includes('--check')) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
};
// The chart is rendered as it then is.
settle();
written.clear();
await writeManifests();
settle();
for (const path of listStale()) {
  outdated.push(path);
  if (!process.argv.includes('--check')) rmSync(path);
}
if (process.argv.includes('--check') && outdated.length > 0) {
  process.stderr.write(`out of date; run \`npm run docs\`: ${outdated.join(', ')}\n`);
  process.exitCode = 1;
}
