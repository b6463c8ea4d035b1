import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type CheckedFile, withoutDetail } from '../../../generator/gate/checked-file.ts';
import { isNoteworthy, sortByPath } from '../../../generator/store/report.ts';
import { SignatureStore } from '../../../generator/store/store.ts';
import { classifyPath, formatLocation, parseLocation } from '../../../generator/terms/location.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import { DIRECTORY, HEX, entryOf, publishable } from '../../kit/samples/samples.ts';
import { signaturesAt } from '../../kit/samples/signatures-at.ts';
import { storeOf } from '../../kit/samples/store-of.ts';

const at = (number: number) => formatLocation(DIRECTORY, number);
const pathOf = (path: string) => ({ path, directory: parseLocation(path)?.directory });
const rejected = (path: string): CheckedFile => {
  const rejection = reject('bad-signature', 'no');
  return { kind: 'rejected', ...pathOf(path), entry: entryOf(path), rejection };
};
const ignored = (path: string): CheckedFile => ({
  kind: 'ignored',
  ...pathOf(path),
  entry: entryOf(path),
});
const removed = (path: string): CheckedFile => ({ kind: 'removed', ...pathOf(path) });
const expired = (store: SignatureStore, time: number) =>
  [...store.lapsed(new Date(time))].flatMap((file) => file?.path ?? []);

const hashes = (store: SignatureStore, directory = DIRECTORY) =>
  signaturesAt(store, directory)?.map(({ hash }) => hash);

const sorted = (values: Iterable<unknown>) =>
  Array.from(values, (value) => JSON.stringify(value)).toSorted();

/** All that a store tells, in an order that does not depend on its history. */
function observe(store: SignatureStore, directories: readonly string[]) {
  return {
    lookups: directories.map((directory) => hashes(store, directory)),
    signatures: store.signatures,
    images: store.images,
    repositories: sorted(store.imagesByRepository),
    known: ['a/x', 'a/y', 'b', 'ns/repo'].filter((name) => store.hasRepository(name)),
    signers: sorted(store.signers),
    signedFor: [...store.directoriesOf(HEX)].toSorted(),
    rejectedOf: sortByPath(store.rejectedOf(HEX)),
    rejectedCodes: sorted(store.rejectedCodes),
    dated: sorted(store.signedDirectories()),
    summary: store.summary,
    served: [...store.served()]
      .map(
        ({ directory, number, signature }) =>
          `${formatLocation(directory, number)} ${signature.hash}`,
      )
      .toSorted(),
    files: sortByPath(store.files()),
    rejected: sortByPath(store.rejectedFiles()),
    expired: [1, 2, 3, 4].map((time) => expired(store, time).toSorted()),
  };
}

describe('generator: store', () => {
  it('tells whether a subkey has made a signature that is served', () => {
    const signer = { fingerprint: 'SUB', primaryFingerprint: 'KEY' };
    const store = storeOf(publishable(at(1), { signer }), publishable(at(2), { signer }));
    assert.deepEqual([store.hasSigned('SUB'), store.hasSigned('KEY')], [true, false]);
    store.prepare([rejected(at(1))]).apply();
    assert.equal(store.hasSigned('SUB'), true);
    store.prepare([rejected(at(2))]).apply();
    assert.equal(store.hasSigned('SUB'), false);
  });

  it('goes through its files as they are when their turn comes', () => {
    const store = storeOf(
      publishable(at(1)),
      publishable(at(2)),
      rejected(at(3)),
      publishable(at(4)),
    );
    const files = store.judged();
    assert.equal(files.next().value?.path, at(1));
    const image = store.freeze();
    store.prepare([removed(at(2)), publishable(at(3)), publishable(at(5))]).apply();
    assert.deepEqual(
      [...files].map(({ path }) => path),
      [at(4)],
    );
    assert.equal([...image].length, 4);
  });

  it('tells the files of a directory, and which of them are served under which number', () => {
    const store = storeOf(publishable(at(5)), publishable(at(2)), rejected(at(3)));
    assert.deepEqual(
      store.servedFilesIn(DIRECTORY).map(({ path }) => path),
      [at(2), at(5)],
    );
    const files = sortByPath(store.filesIn(DIRECTORY));
    assert.deepEqual(
      files.map((file) => [file.path, file.status, 'servedAs' in file ? file.servedAs : undefined]),
      [
        [at(2), 'accepted', `/${at(1)}`],
        [at(3), 'rejected', undefined],
        [at(5), 'accepted', `/${at(2)}`],
      ],
    );
    const elsewhere = `other/repo@sha256=${HEX}`;
    assert.deepEqual([store.servedFilesIn(elsewhere), store.filesIn(elsewhere)], [[], []]);
  });

  it('is empty at first', () => {
    const store = new SignatureStore();
    assert.equal(signaturesAt(store, DIRECTORY), undefined);
    assert.deepEqual([store.signatures, store.repositories], [0, 0]);
    assert.deepEqual(store.summary, { accepted: 0, unverified: 0, rejected: 0, ignored: 0 });
    assert.deepEqual([...store.files()], []);
  });

  it('is looked up by directory, number N at index N - 1', () => {
    const store = storeOf(publishable(at(2), { hash: 'b' }), publishable(at(1), { hash: 'a' }));
    assert.deepEqual(hashes(store), ['a', 'b']);
    assert.deepEqual([store.signatures, store.repositories], [2, 1]);
  });

  it('knows nothing by any other name', () => {
    const store = storeOf(publishable(at(1)));
    for (const name of ['', '__proto__', 'constructor', at(1), `/${DIRECTORY}`, `${DIRECTORY}/`]) {
      assert.equal(signaturesAt(store, name), undefined, name);
    }
  });

  it('serves nothing where all is rejected', () => {
    const store = storeOf(rejected(at(1)), rejected('signature-1'));
    assert.equal(signaturesAt(store, DIRECTORY), undefined);
    assert.equal(store.repositories, 0);
    assert.equal(store.summary.rejected, 2);
    assert.equal([...store.rejectedFiles()].length, 2);
  });

  it('counts a repository once, whatever digests it has', () => {
    const other = `ns/repo@sha256=${HEX.replace('0', '1')}`;
    const store = storeOf(publishable(at(1)), publishable(formatLocation(other, 1)));
    assert.equal(store.repositories, 1);
    store.prepare([removed(at(1))]).apply();
    assert.equal(store.repositories, 1);
    store.prepare([removed(formatLocation(other, 1))]).apply();
    assert.deepEqual([store.repositories, store.signatures], [0, 0]);
  });

  it('takes a file whose verdict changed in place of the old one', () => {
    const store = storeOf(publishable(at(1), { hash: 'a' }), publishable(at(2), { hash: 'b' }));
    store.prepare([rejected(at(1))]).apply();
    assert.deepEqual(hashes(store), ['b']);
    assert.deepEqual(store.summary, { accepted: 1, unverified: 0, rejected: 1, ignored: 0 });
    store.prepare([publishable(at(1), { hash: 'c' })]).apply();
    assert.deepEqual(hashes(store), ['c', 'b']);
  });

  it('takes the last of two changes of one path', () => {
    const store = storeOf(publishable(at(1), { hash: 'a' }), publishable(at(1), { hash: 'b' }));
    assert.deepEqual(hashes(store), ['b']);
    assert.equal(store.summary.accepted, 1);
  });

  it('says how much would be rejected before anything changes', () => {
    const store = storeOf(publishable(at(1)), rejected('signature-1'));
    const update = store.prepare([rejected(at(1)), rejected(at(2)), removed('signature-1')]);
    assert.equal(update.rejected, 2);
    assert.equal(store.summary.rejected, 1);
    assert.equal(signaturesAt(store, DIRECTORY)?.length, 1);
  });

  it('keeps what a lookup has given when it changes', () => {
    const store = storeOf(publishable(at(1), { hash: 'a' }));
    const before = signaturesAt(store, DIRECTORY);
    store.prepare([removed(at(1))]).apply();
    assert.equal(before?.[0]?.hash, 'a');
    assert.equal(signaturesAt(store, DIRECTORY), undefined);
  });

  describe('with more signatures than nodes read', () => {
    const many = Array.from({ length: 129 }, (_, index) => {
      return publishable(at(index + 1), { hash: `${index}`, signedAt: index });
    });
    // Copies of one that is left out and of one that is served.
    const copies = [publishable(at(200), { hash: '0' }), publishable(at(201), { hash: '128' })];

    it('counts as it reports', () => {
      const store = storeOf(...many, ...copies);
      const statuses = [...store.files()].map(({ status }) => status);
      const count = (status: string) => statuses.filter((each) => each === status).length;
      assert.equal(store.signatures, 127);
      assert.equal(count('rejected'), 3);
      assert.equal(store.summary.rejected, count('rejected'));
      assert.equal(store.summary.accepted, count('accepted'));
      assert.equal([...store.rejectedFiles()].length, 3);
    });

    it('serves one that was left out when there is room again', () => {
      const store = storeOf(...many);
      store.prepare([removed(at(128)), removed(at(129))]).apply();
      assert.equal(hashes(store)?.[0], '0');
      assert.deepEqual(store.summary, { accepted: 127, unverified: 0, rejected: 0, ignored: 0 });
    });
  });

  it('tells what has expired, until it is replaced', () => {
    const store = storeOf(
      publishable(at(1), { hash: 'a', validUntil: 1000 }),
      publishable(at(2), { hash: 'b', validUntil: 2000 }),
      publishable(at(3), { hash: 'c' }),
    );
    const expiredBy = (time: number) => expired(store, time);
    assert.deepEqual(expiredBy(999), []);
    assert.deepEqual(expiredBy(1000), [at(1)]);
    assert.deepEqual(expiredBy(1000), [at(1)]);
    assert.deepEqual(expiredBy(2000), [at(1), at(2)]);
    store.prepare([rejected(at(1)), rejected(at(2))]).apply();
    assert.deepEqual(expiredBy(3000), []);
    store.prepare([publishable(at(1), { validUntil: 2500 })]).apply();
    assert.deepEqual(expiredBy(3000), [at(1)]);
  });

  it('counts ignored files that come, change and go, and keeps none', () => {
    const names = ['README.md', 'LICENSE', `link@sha256=${HEX}`, 'a/b'];
    const step = fc.record({
      path: fc.constantFrom(...names),
      kind: fc.constantFrom('ignored', 'removed', 'rejected'),
    });
    fc.assert(
      fc.property(fc.array(step), fc.boolean(), (steps, isSlim) => {
        const store = new SignatureStore(false);
        const there = new Map<string, string>();
        for (const { path, kind } of steps) {
          // Only what is named like a digest can be rejected and, as something else, ignored.
          const isRejected = kind === 'rejected' && path.includes('@');
          if (kind === 'removed') {
            if (there.has(path)) store.prepare([removed(path)]).apply();
            there.delete(path);
            continue;
          }
          const made = isRejected ? rejected(path) : ignored(path);
          assert(made.kind === 'ignored' || made.kind === 'rejected');
          const entry = { ...entryOf(path), ...(there.has(path) && { wasThere: true }) };
          const file = { ...made, entry };
          store.prepare([isSlim ? withoutDetail(file) : file]).apply();
          there.set(path, file.kind);
        }
        const kinds = [...there.values()];
        assert.equal(store.summary.ignored, kinds.filter((one) => one === 'ignored').length);
        assert.equal(store.summary.rejected, kinds.filter((one) => one === 'rejected').length);
        assert.equal([...store.files()].length, store.summary.rejected);
        assert.equal([...store.freeze()].length, store.summary.rejected);
      }),
      { numRuns: 500 },
    );
  });

  describe('after any changes', () => {
    const directories = ['a/x', 'a/y', 'b'].map((repository) => `${repository}@sha256=${HEX}`);
    const locations = directories.flatMap((directory) =>
      [1, 2, 3, 7].map((number) => formatLocation(directory, number)),
    );
    const others = ['README.md', 'signature-1', `${DIRECTORY}/stray`];
    const anySignature = fc.record({
      hash: fc.constantFrom('p', 'q', 'r', 's'),
      status: fc.constantFrom('accepted' as const, 'unverified' as const),
      signer: fc.constantFrom(
        undefined,
        ...['A', 'B'].map((key) => ({ fingerprint: `${key}1`, primaryFingerprint: key })),
      ),
      signedAt: fc.nat({ max: 3 }),
      validUntil: fc.constantFrom(1, 2, 3, Infinity),
      warnings: fc.constantFrom([], [], [{ code: 'weak-algorithm' as const, message: 'SHA-1' }]),
    });
    const atLocation = fc.tuple(fc.constantFrom(...locations), fc.nat({ max: 5 }), anySignature);
    const change = fc.oneof(
      {
        weight: 4,
        arbitrary: atLocation.map(([path, kind, made]) => {
          if (kind === 0) return removed(path);
          return kind === 1 ? rejected(path) : publishable(path, made);
        }),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.constantFrom(...others), fc.boolean()).map(([path, gone]) => {
          if (gone) return removed(path);
          return classifyPath(path).kind === 'ignored' ? ignored(path) : rejected(path);
        }),
      },
    );
    const batches = fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 8 });

    it('is as if the last state had been loaded at once', () => {
      fc.assert(
        fc.property(batches, (all) => {
          const store = new SignatureStore();
          for (const batch of all) store.prepare(batch).apply();
          const last = new Map(all.flat().map((each) => [each.path, each]));
          const loaded = storeOf(...[...last.values()].filter(({ kind }) => kind !== 'removed'));
          assert.deepEqual(observe(store, directories), observe(loaded, directories));
        }),
        { numRuns: 500 },
      );
    });

    it('counts as it reports and serves', () => {
      fc.assert(
        fc.property(batches, (all) => {
          const store = new SignatureStore();
          for (const batch of all) store.prepare(batch).apply();
          const files = [...store.files()];
          for (const [status, count] of Object.entries(store.summary)) {
            assert.equal(files.filter((file) => file.status === status).length, count, status);
          }
          assert.equal([...store.served()].length, store.signatures);
          const reported = files.flatMap((file) => ('servedAs' in file ? [file.servedAs] : []));
          const served = [...store.served()].map(
            ({ directory, number }) => `/${formatLocation(directory, number)}`,
          );
          assert.deepEqual(new Set(reported), new Set(served));
        }),
        { numRuns: 300 },
      );
    });

    it('counts what each key has signed, and knows which digest lies where', () => {
      fc.assert(
        fc.property(batches, (all) => {
          const store = new SignatureStore();
          for (const batch of all) store.prepare(batch).apply();
          const signers = new Map<string, string[]>();
          for (const { directory, signature } of store.served()) {
            const signer = signature.signer?.primaryFingerprint ?? '';
            signers.set(directory, [...(signers.get(directory) ?? []), signer]);
          }
          const images = [...signers.values()];
          for (const key of ['A', 'B']) {
            const by = images.filter((keys) => keys.includes(key));
            const counted = {
              signatures: images.flat().filter((each) => each === key).length,
              images: by.length,
              soleImages: by.filter((keys) => keys.every((each) => each === key)).length,
            };
            assert.deepEqual(store.signers.get(key), by.length > 0 ? counted : undefined);
          }
          assert.equal(store.images, images.length);
          assert.equal(store.repositories, store.imagesByRepository.size);
          assert.deepEqual(new Set(store.directoriesOf(HEX)), new Set(signers.keys()));
          const naming = [...store.rejectedFiles()].filter(({ path }) => path.includes(HEX));
          assert.deepEqual(sortByPath(store.rejectedOf(HEX)), sortByPath(naming));
          const codes = new Map<string, number>();
          for (const { code } of store.rejectedFiles()) codes.set(code, (codes.get(code) ?? 0) + 1);
          assert.deepEqual(store.rejectedCodes, codes);
        }),
        { numRuns: 300 },
      );
    });

    it('is the same when files are added without looking', () => {
      fc.assert(
        fc.property(fc.array(change), fc.array(change), (first, then) => {
          const store = new SignatureStore();
          const files = new Map([...first, ...then].map((each) => [each.path, each]));
          const good = [...files.values()]
            .filter((file) => file.kind === 'publishable')
            .toSorted((a, b) => (a.directory < b.directory ? -1 : 1));
          const rest = [...files.values()].filter((file) => file.kind !== 'publishable');
          store.prepare(rest.slice(1)).apply();
          store.add(good.slice(0, first.length));
          store.add(good.slice(first.length));
          store.prepare(rest.slice(0, 1)).apply();
          const loaded = storeOf(...rest, ...good);
          assert.deepEqual(observe(store, directories), observe(loaded, directories));
        }),
        { numRuns: 300 },
      );
    });

    it('names the files of which there is something to say, and no others', () => {
      fc.assert(
        fc.property(batches, (all) => {
          const store = new SignatureStore();
          for (const batch of all) store.prepare(batch).apply();
          const noteworthy = [...store.files()].filter((file) => isNoteworthy(file));
          assert.deepEqual(sortByPath(store.noteworthy()), sortByPath(noteworthy));
        }),
        { numRuns: 300 },
      );
    });

    it('is frozen whole, and stays so', () => {
      fc.assert(
        fc.property(batches, fc.array(change), (all, next) => {
          const store = new SignatureStore();
          for (const batch of all) store.prepare(batch).apply();
          const frozen = store.freeze();
          const before = observe(store, directories);
          store.prepare(next).apply();
          assert.deepEqual(observe(storeOf(...frozen), directories), before);
        }),
        { numRuns: 300 },
      );
    });

    it('is not changed by what is only prepared', () => {
      fc.assert(
        fc.property(batches, fc.array(change), (all, next) => {
          const store = new SignatureStore();
          for (const batch of all) store.prepare(batch).apply();
          const before = observe(store, directories);
          const update = store.prepare(next);
          assert.deepEqual(observe(store, directories), before);
          update.apply();
          assert.equal(store.summary.rejected, update.rejected);
        }),
        { numRuns: 300 },
      );
    });
  });
});
