// The bill of materials of the bundle, against what npm says of the same packages.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { runOrThrow } from '../kit/process/run.ts';

const component = z.object({
  type: z.string(),
  'bom-ref': z.string(),
  group: z.string().optional(),
  name: z.string(),
  version: z.string(),
  purl: z.string(),
  licenses: z.array(z.object({ license: z.object({ id: z.string() }) })),
  hashes: z.array(z.unknown()).optional(),
});
const bill = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.5'),
  serialNumber: z.string(),
  metadata: z.object({ component }),
  components: z.array(component),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});
type Component = Omit<z.infer<typeof component>, 'licenses'>;

const read = (path: string): string => readFileSync(path, 'utf8');

/** What npm tells of a package as well. */
const factsOf = ({ purl, version, hashes }: Component) => ({ purl, version, hashes });

describe('the bill of materials', () => {
  const own = bill.parse(JSON.parse(read('bundled/sbom.cdx.json')));
  const purls = own.components.map(({ purl }) => purl);

  it('says of each package what npm says of it', async () => {
    const { stdout } = await runOrThrow('npm', [
      'sbom',
      '--sbom-format',
      'cyclonedx',
      '--package-lock-only',
    ]);
    const npms = z
      .object({ components: z.array(component.omit({ licenses: true })) })
      .parse(JSON.parse(stdout));
    const theirs = new Map(npms.components.map((one) => [one.purl, factsOf(one)]));
    assert.ok(own.components.length > 50);
    for (const one of own.components)
      assert.deepEqual(factsOf(one), theirs.get(one.purl), one.purl);
  });

  it('has what is bundled, and nothing that only builds it', () => {
    for (const name of ['express', 'openpgp', 'commander', 'zod', 'pino', 'yaml']) {
      assert.ok(
        purls.some((purl) => purl.startsWith(`pkg:npm/${name}@`)),
        name,
      );
    }
    for (const name of ['typescript', 'esbuild', 'mocha', 'oxlint', 'prettier', '%40types/node']) {
      assert.ok(!purls.some((purl) => purl.startsWith(`pkg:npm/${name}@`)), name);
    }
    // Each of them has a notice, which says the same licence.
    const notices = read('bundled/THIRD-PARTY-LICENSES.txt');
    for (const { group, name, version, licenses } of own.components) {
      const whole = group === undefined ? name : `${group}/${name}`;
      const licence = licenses.map((one) => one.license.id).join();
      assert.ok(notices.includes(`\n${whole} ${version}, ${licence}\n`), whole);
    }
    // The bundler tells in front of each part where it is from.
    const origins = new Set<string>();
    for (const file of readdirSync('bundled').filter((entry) => entry.endsWith('.js'))) {
      const text = read(join('bundled', file));
      for (const [, path = ''] of text.matchAll(
        /^ *\/\/ node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\/.*\.[cm]?js$/gm,
      )) {
        origins.add(path);
      }
    }
    assert.ok(origins.size > 50);
    const names = new Set(
      own.components.map(({ group, name }) => (group ? `${group}/${name}` : name)),
    );
    assert.deepEqual(
      [...origins].filter((name) => !names.has(name)),
      [],
    );
  });

  it('tells how each of them came in', () => {
    const refs = new Set(own.dependencies.map(({ ref }) => ref));
    assert.deepEqual([...refs].toSorted(), [own.metadata.component.purl, ...purls].toSorted());
    const reached = new Set<string>();
    const visit = (ref: string): void => {
      if (reached.has(ref)) return;
      reached.add(ref);
      for (const next of own.dependencies.find((one) => one.ref === ref)?.dependsOn ?? [])
        visit(next);
    };
    visit(own.metadata.component['bom-ref']);
    assert.deepEqual(
      [...refs].filter((ref) => !reached.has(ref)),
      [],
    );
  });

  it('is told apart by what is in it', () => {
    assert.match(
      own.serialNumber,
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(read('package.json')));
    assert.equal(own.metadata.component.purl, `pkg:npm/lookaside@${version}`);
  });
});
