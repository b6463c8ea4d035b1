import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { CheckedFile, PublishableFile } from '../../../generator/gate/checked-file.ts';
import { type ReleaseArea, createReleaseArea } from '../../../generator/release/release-area.ts';
import { orderRelease } from '../../../generator/release/release-order.ts';
import { sortByPath } from '../../../generator/store/report.ts';
import { SignatureStore } from '../../../generator/store/store.ts';
import { formatLocation } from '../../../generator/terms/location.ts';
import { parseAnyLocation } from '../../../generator/terms/release-location.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import { measureProcessor } from '../../kit/process/processor-time.ts';
import { entryOf, publishable } from '../../kit/samples/samples.ts';

const HEXES = ['ab', 'cd'].map((digits) => digits.repeat(32));
/** What is signed: by the upstream name, under two others, and under one that is no image. */
const IDENTITIES = [
  'quay.io/openshift-release-dev/ocp-release:4.16',
  'mirror.example/ocp:v1',
  'mirror.example/okd:v1',
  'utter nonsense !',
];
const REFUSAL = reject('unknown-signer', 'expected another key');

interface Content {
  readonly bytes: number;
  readonly identity: string;
  /** By whom it is taken; nobody rejects it. */
  readonly takenBy: 'nobody' | 'nodes' | 'clusters' | 'both';
}

/** What is to stand at paths; undefined for nothing. */
type State = ReadonlyMap<string, Content | undefined>;

const paths = HEXES.flatMap((hex) =>
  ['rel/', 'rel/ocp@', 'rel/x/ocp@'].flatMap((before) =>
    [1, 2, 3, 7].map((number) => formatLocation(`${before}sha256=${hex}`, number)),
  ),
);

const content: fc.Arbitrary<Content | undefined> = fc.option(
  fc.record({
    bytes: fc.integer({ min: 1, max: 12 }),
    identity: fc.constantFrom(...IDENTITIES),
    takenBy: fc.constantFrom('nobody', 'nodes', 'clusters', 'both'),
  }),
  { nil: undefined, freq: 4 },
);

function toFile(area: ReleaseArea, path: string, one: Content | undefined): CheckedFile {
  const { directory = '', repository = '' } = parseAnyLocation(path) ?? {};
  if (!one) return { kind: 'removed', path, directory };
  if (one.takenBy === 'nobody') {
    return { kind: 'rejected', path, directory, entry: entryOf(path), rejection: REFUSAL };
  }
  // What lies flat belongs, for nodes, to a repository of its own.
  const node = directory.includes('@') ? repository : 'flat/ocp';
  const isForNodes = one.takenBy !== 'clusters';
  const isForClusters = one.takenBy !== 'nodes';
  const sample = publishable(path, {
    hash: `${one.bytes} ${one.identity}`,
    claims: {
      dockerReference: one.identity,
      manifestDigest: `sha256:${directory.slice(-64)}`,
      creator: null,
      timestamp: null,
    },
    release: {
      area,
      repository: isForNodes ? node : undefined,
      refusal: isForClusters ? undefined : REFUSAL,
    },
  });
  return { ...sample, directory };
}

/** What clusters are to find below the prefix, by digest: hashes in the order of their numbers. */
function expectReleases(area: ReleaseArea, state: State): Record<string, readonly string[]> {
  const expected: Record<string, readonly string[]> = {};
  for (const hex of HEXES) {
    const files = [...state].flatMap(([path, one]): PublishableFile[] => {
      const file = toFile(area, path, one);
      const isTaken = file.kind === 'publishable' && !file.signature.release?.refusal;
      return isTaken && path.includes(hex) ? [file] : [];
    });
    const inOrder = files.toSorted((a, b) => a.number - b.number || (a.path < b.path ? -1 : 1));
    const distinct = new Map(inOrder.map(({ signature }) => [signature.hash, signature]));
    const identified = [...distinct.values()].map(({ hash, claims }) => ({
      hash,
      identity: claims.dockerReference,
    }));
    expected[hex] = orderRelease(identified).map(({ hash }) => hash);
  }
  return expected;
}

function hashesIn(store: SignatureStore, directory: string): readonly string[] {
  return store.signaturesIn(directory).map(({ hash }) => hash);
}

/** All that a store tells of releases, in an order that does not depend on its history. */
function observe(store: SignatureStore) {
  const published = [...store.published()].map(
    ({ directory, number, signature }) => `${formatLocation(directory, number)} ${signature.hash}`,
  );
  return {
    published: published.toSorted(),
    releases: [...store.releases].toSorted(),
    signatures: store.signatures,
    images: store.images,
    repositories: [...store.imagesByRepository].map(String).toSorted(),
    summary: store.summary,
    files: sortByPath(store.files()),
    rejected: sortByPath(store.rejectedFiles()),
    codes: [...store.rejectedCodes],
  };
}

/** As a checkpoint is read: good files first, some at a time. */
function addOneByOne(files: readonly CheckedFile[]): SignatureStore {
  const store = new SignatureStore();
  const good = files.filter((file) => file.kind === 'publishable');
  for (const file of good.toSorted((a, b) => (a.path < b.path ? -1 : 1))) store.add([file]);
  store.prepare(files.filter(({ kind }) => kind !== 'publishable')).apply();
  return store;
}

/** Applies changes, of which it is told beforehand what is rejected with them. */
function assertForetold(store: SignatureStore, changes: readonly CheckedFile[]): void {
  const update = store.prepare(changes);
  const concerned = new Set(Array.from(update.rejectedBefore(), ({ path }) => path));
  const others = [...store.rejectedFiles()].filter(({ path }) => !concerned.has(path));
  const told = [...others, ...update.rejectedFiles()];
  update.apply();
  assert.equal(update.rejected, store.summary.rejected);
  assert.deepEqual(sortByPath(told), sortByPath(store.rejectedFiles()));
}

describe('generator: the directories of releases in a store', () => {
  const steps = fc.array(
    fc.array(fc.tuple(fc.constantFrom(...paths), content), { minLength: 1, maxLength: 20 }),
    { minLength: 1, maxLength: 8 },
  );

  for (const prefix of ['pre', 'rel']) {
    it(`are the same whatever came before, and as clusters are to find them below ${prefix}`, () => {
      const area = createReleaseArea(prefix, 'rel', []);
      fc.assert(
        fc.property(steps, (all) => {
          const store = new SignatureStore();
          const state = new Map<string, Content | undefined>();
          for (const step of all) {
            for (const [path, one] of step) state.set(path, one);
            const changes = [...new Map(step)].map(([path, one]) => toFile(area, path, one));
            assertForetold(store, changes);
            const files = [...state].map(([path, one]) => toFile(area, path, one));
            const fresh = new SignatureStore();
            fresh.prepare(files).apply();
            assert.deepEqual(observe(store), observe(fresh));
            for (const [hex, hashes] of Object.entries(expectReleases(area, state))) {
              assert.deepEqual(hashesIn(store, `${prefix}/sha256=${hex}`), hashes);
              const ofUpstream = hashes.filter((hash) => hash.endsWith(IDENTITIES[0] ?? ''));
              const below = `${prefix}/openshift-release-dev/ocp-release/sha256=${hex}`;
              assert.deepEqual(hashesIn(store, below), ofUpstream);
            }
            assert.deepEqual(observe(addOneByOne(files)), observe(fresh));
            const { accepted, rejected } = store.summary;
            assert.equal(accepted + rejected, [...state.values()].filter(Boolean).length);
            assert.equal(sortByPath(store.rejectedFiles()).length, rejected);
            assert.equal([...store.files()].length, accepted + rejected);
          }
        }),
        { numRuns: 50 },
      );
    });
  }

  it('are numbered once for all copies of one signature', async () => {
    const area = createReleaseArea('', 'rel', []);
    const [hex = ''] = HEXES;
    const one: Content = { bytes: 1, identity: IDENTITIES[0] ?? '', takenBy: 'clusters' };
    const files = Array.from({ length: 5000 }, (_, at) =>
      toFile(area, `rel/copy${at}@sha256=${hex}/signature-1`, one),
    );
    const store = new SignatureStore();
    const spent = await measureProcessor(() => store.prepare(files).apply());
    assert.deepEqual(
      [store.signaturesIn(`sha256=${hex}`).length, store.summary.accepted],
      [1, 5000],
    );
    // Numbered for each of them, they take minutes.
    assert.ok(spent < 20_000, `${spent} ms`);
  });
});
