/**
 * The bill of materials of the bundle, in CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/): the packages
 * of which code is in it, by what the bundler wrote, and not those that are only installed. The same bundle
 * gives the same bytes.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { z } from 'zod';
import { packageOf } from './notices.ts';

const ROOT_MANIFEST = z.object({ name: z.string(), version: z.string(), license: z.string() });
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      name: z.string().optional(),
      version: z.string().optional(),
      license: z.string().optional(),
      integrity: z.string().optional(),
    }),
  ),
});
type Locked = z.infer<typeof lockSchema>['packages'][string];

interface Component {
  readonly type: 'library' | 'application';
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly object[];
  readonly hashes?: readonly object[];
}

/** `added`: paths of what is in the bundle without passing the bundler. All paths are below `root`. */
export function formatSbom(root: string, metafile: Metafile, added: readonly string[]): string {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(root, name), 'utf8'));
  const { packages } = lockSchema.parse(read('package-lock.json'));
  const own = ROOT_MANIFEST.parse(read('package.json'));
  const main = toComponent('application', own.name, own.version, own);
  const paths = listPackages(metafile, added);
  const components = new Map(
    paths.map((path) => {
      const locked = packages[path];
      if (locked?.version === undefined) throw new Error(`package-lock.json does not have ${path}`);
      const name = locked.name ?? path.replace(/^.*node_modules\//, '');
      return [path, toComponent('library', name, locked.version, locked)];
    }),
  );
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: main },
    components: [...components.values()],
    dependencies: listDependencies(metafile, main, components, added),
  };
  return `${JSON.stringify({ ...bom, serialNumber: toSerialNumber(JSON.stringify(bom)) }, null, 2)}\n`;
}

/** The packages that gave the bundle at least one byte, in order. */
function listPackages({ outputs }: Metafile, added: readonly string[]): readonly string[] {
  const used = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? path : [])),
  );
  return [...new Set([...used, ...added].flatMap((path) => packageOf(path) ?? []))].toSorted();
}

function toComponent(
  type: Component['type'],
  name: string,
  version: string,
  { license, integrity }: Locked,
): Component {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const [group, bare] = name.startsWith('@') ? name.split('/') : [undefined, name];
  const [, digest] = /^sha512-(.+)$/.exec(integrity ?? '') ?? [];
  const content = digest && Buffer.from(digest, 'base64').toString('hex');
  return {
    type,
    'bom-ref': purl,
    ...(group !== undefined && { group }),
    name: bare ?? name,
    version,
    purl,
    licenses: license === undefined ? [] : [toLicence(license)],
    ...(content !== undefined && content !== '' && { hashes: [{ alg: 'SHA-512', content }] }),
  };
}

function toLicence(license: string): object {
  return /[ ()]/.test(license) ? { expression: license } : { license: { id: license } };
}

/** Who imports whom, of all that is in the bundle. */
function listDependencies(
  { inputs }: Metafile,
  main: Component,
  components: ReadonlyMap<string, Component>,
  added: readonly string[],
): readonly object[] {
  const needs = new Map([main, ...components.values()].map((one) => [one, new Set<string>()]));
  const ownerOf = (path: string): Component | undefined => {
    const owner = packageOf(path);
    return owner === undefined ? main : components.get(owner);
  };
  const add = (from: Component | undefined, to: Component | undefined): void => {
    if (from && to && from !== to) needs.get(from)?.add(to['bom-ref']);
  };
  for (const [path, { imports }] of Object.entries(inputs)) {
    for (const imported of imports) {
      if (!imported.external) add(ownerOf(path), ownerOf(imported.path));
    }
  }
  for (const path of added) add(main, ownerOf(path));
  return [...needs].map(([{ 'bom-ref': ref }, on]) => ({ ref, dependsOn: [...on].toSorted() }));
}

/** A UUID (RFC 9562, version 8) made of a digest of the rest. */
function toSerialNumber(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ];
  return `urn:uuid:${[...parts, hex.slice(20, 32)].join('-')}`;
}
