import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import type { Judge } from '../../../generator/gate/judge.ts';
import { loadStore } from '../../../generator/store/load-store.ts';
import { sortByPath } from '../../../generator/store/report.ts';
import type { SignatureStore } from '../../../generator/store/store.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import { publishable, snapshotOf } from '../../kit/samples/samples.ts';
import { signaturesAt } from '../../kit/samples/signatures-at.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const FILES = 900;

/** What the bytes of a file decide: whether it is good, and when it was signed. */
const judge: Judge = {
  judge: async ({ directory, number }, bytes) => {
    const [kind = 0, signedAt = 0, validUntil = 0] = bytes;
    if (kind % 8 === 7) return reject('bad-signature', 'no');
    const status = kind % 8 === 6 ? 'unverified' : 'accepted';
    const times = { signedAt: signedAt * 1000, validUntil: (validUntil + 1) * 1000 };
    return publishable(formatLocation(directory, number), { bytes, status, ...times }).signature;
  },
  suggest: async () => undefined,
};

const directories = Array.from({ length: 12 }, (_, at) => {
  const hex = createHash('sha256').update(`${at}`).digest('hex');
  return formatDirectory(`ns/repo-${at % 5}`, hex);
});

/** All that a store tells. */
function observe(store: SignatureStore) {
  return {
    served: directories.map((directory) => signaturesAt(store, directory)?.map(({ hash }) => hash)),
    signatures: store.signatures,
    repositories: store.repositories,
    summary: store.summary,
    files: sortByPath(store.files()),
    rejected: sortByPath(store.rejectedFiles()),
    expired: [...store.lapsed(new Date(9000))].flatMap((file) => file?.path ?? []).toSorted(),
  };
}

const load = async (files: readonly (readonly [string, Uint8Array])[]) =>
  observe(await loadStore(snapshotOf(Object.fromEntries(files)), judge, NOW));

/** Many signatures of few images, more than nodes read of some; strays and other files. */
const path = fc
  .oneof(
    {
      weight: 20,
      arbitrary: fc.tuple(fc.constantFrom(...directories), fc.integer({ min: 1, max: 300 })),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...directories), fc.constant(0)) },
    fc.tuple(fc.constant('docs'), fc.nat({ max: 50 })),
  )
  .map(([directory, number]) => formatLocation(directory, number));
const content = fc.uint8Array({ minLength: 3, maxLength: 3 });
const files = fc.uniqueArray(fc.tuple(path, content), {
  minLength: FILES,
  maxLength: FILES,
  selector: ([name]) => name,
});

const byPath = (list: readonly (readonly [string, Uint8Array])[]) =>
  list.toSorted(([a], [b]) => (a < b ? -1 : 1));

describe('generator: loading a store', () => {
  it('gives the same store whatever the order of the files', async () => {
    const property = fc.asyncProperty(files, async (some) => {
      assert.deepEqual(await load(some), await load(byPath(some)));
    });
    await fc.assert(property, { numRuns: 15 });
  });

  it('takes a directory whole that strays split', async () => {
    const [first = '', ...others] = directories;
    const all = Array.from({ length: 200 }, (_, at) => {
      const bytes = Buffer.from([at % 6, at, at]);
      return [formatLocation(first, 200 - at), bytes] as const;
    });
    const split = all.flatMap((file, at) => {
      const strays = others.map((other) => [formatLocation(other, at + 1), file[1]] as const);
      return [[file], strays, [[`README-${at}.md`, file[1]] as const]].flat();
    });
    const store = await load(split);
    assert.deepEqual(store, await load(byPath(split)));
    assert.equal(store.summary.ignored, 200);
    assert.equal(store.served[0]?.length, 127);
  });

  it('counts every file, whatever becomes of it', async () => {
    let checked = 0;
    const entries = Object.fromEntries(fc.sample(files, 1)[0] ?? []);
    const others = [{ kind: 'symlink', path: 'link' }] as const;
    const { summary } = await loadStore(snapshotOf(entries, others), judge, NOW, () => checked++);
    assert.equal(checked, FILES + 1);
    assert.equal(
      summary.accepted + summary.unverified + summary.rejected + summary.ignored,
      FILES + 1,
    );
  });

  it('loads nothing', async () => {
    const { signatures, files: none } = await load([]);
    assert.deepEqual([signatures, none], [0, []]);
  });
});
