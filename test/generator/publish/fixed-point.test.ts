import assert from 'node:assert/strict';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import type { Judge } from '../../../generator/gate/judge.ts';
import { writeStaticTree } from '../../../generator/publish/static-tree.ts';
import { createDirectorySource } from '../../../generator/sources/directory/directory.ts';
import { loadStore } from '../../../generator/store/load-store.ts';
import type { SignatureStore } from '../../../generator/store/store.ts';
import { atLength } from '../../kit/at-length.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { DIRECTORY, judgeOf, keyringOf, readVector } from '../../kit/samples/samples.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const NAMES = ['good-uncompressed', 'good-compressed-zip', 'digest-sha224', 'digest-sha384'];
const BAD = ['truncated', 'wrong-key', 'armored', 'literal-only'];

/** What is served, by place: the hashes in the order of their numbers. */
function servedBy(store: SignatureStore): Readonly<Record<string, string>> {
  const served = [...store.served()].map(({ directory, number, signature }) => [
    `${directory} ${number}`,
    signature.hash,
  ]);
  return Object.fromEntries(served.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

describe('generator: what generate writes', () => {
  const directory = useTemporary();
  let judge: Judge;
  let blobs: readonly Buffer[];
  before(async () => {
    judge = await judgeOf(await keyringOf('lab/keys/lab.gpg'));
    const vectors = [...NAMES, ...BAD].map(async (name) => readVector(`lab/openpgp/${name}.sig`));
    blobs = [...(await Promise.all(vectors)), Buffer.alloc(0), Buffer.from('<html>')];
  });

  const load = async (below: string): Promise<SignatureStore> =>
    loadStore(await (await createDirectorySource(below, '')).refresh(), judge, NOW);

  const place = fc.constantFrom(DIRECTORY, `mirror/${DIRECTORY}`, `a/b/${DIRECTORY}`, 'ns/repo');
  const name = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.integer({ min: 1, max: 30 }).map((number) => `signature-${number}`),
    },
    fc.constantFrom('signature-01', 'signature-0', 'README.md', 'signature-1.sig'),
  );
  const tree = fc.dictionary(
    fc.tuple(place, name).map((parts) => parts.join('/')),
    fc.nat({ max: NAMES.length + BAD.length + 1 }),
    { maxKeys: 20 },
  );

  it('is accepted whole, and written again the same', async () => {
    const property = fc.asyncProperty(tree, async (files) => {
      const root = await mkdtemp(join(directory(), 'run-'));
      const source = join(root, 'source');
      await mkdir(source);
      for (const [path, blob] of Object.entries(files)) {
        await mkdir(dirname(join(source, path)), { recursive: true });
        await writeFile(join(source, path), blobs[blob] ?? '');
      }
      const first = await load(source);
      await writeStaticTree(first, join(root, 'one'), undefined, NOW);
      const second = await load(join(root, 'one/current'));
      const { signatures } = first;
      const clean = { accepted: signatures, unverified: 0, rejected: 0, ignored: 0 };
      assert.deepEqual(second.summary, clean);
      assert.deepEqual(servedBy(second), servedBy(first));
      for (const file of second.files()) {
        assert(file.status === 'accepted');
        assert.deepEqual([file.servedAs, file.warnings], [`/${file.path}`, []]);
      }
      await writeStaticTree(second, join(root, 'two'), undefined, NOW);
      assert.deepEqual(servedBy(await load(join(root, 'two/current'))), servedBy(first));
    });
    await fc.assert(property, { numRuns: atLength(20, 60) });
  });
});
