import assert from 'node:assert/strict';
import { MAX_BLOB_BYTES } from '../../generator/blob.ts';
import { checkEntries } from '../../generator/check-entries.ts';
import type { CheckedFile } from '../../generator/checked-file.ts';
import type { Judge } from '../../generator/judge.ts';
import { type RejectionCode, reject } from '../../generator/rejection.ts';
import type { Entry, FileEntry, Snapshot } from '../../generator/sources/source.ts';
import { DIRECTORY, HEX, publishable, snapshotOf } from './samples.ts';

const LOCATION = `${DIRECTORY}/signature-1`;
const NOW = new Date('2025-01-01T00:00:00Z');
const { signature: SIGNATURE } = publishable(LOCATION);
const acceptAll: Judge = async () => SIGNATURE;
const notRead = () => assert.fail('the file was read');
const notAsked: Judge = () => assert.fail('the judge was asked');

async function check(snapshot: Snapshot, judge: Judge): Promise<readonly CheckedFile[]> {
  const checked: CheckedFile[] = [];
  for await (const file of checkEntries(snapshot, snapshot.entries(), judge, NOW))
    checked.push(file);
  return checked;
}

describe('generator: check entries', () => {
  it('asks the judge with place, bytes and time', async () => {
    const bytes = Buffer.from('signature');
    const judge: Judge = async (location, given, now) => {
      assert.deepEqual([location.directory, location.number], [DIRECTORY, 1]);
      assert.equal(given, bytes);
      assert.equal(now, NOW);
      return SIGNATURE;
    };
    const [file] = await check(snapshotOf({ [LOCATION]: bytes }), judge);
    assert(file?.kind === 'publishable');
    assert.equal(file.path, LOCATION);
    assert.equal(file.signature, SIGNATURE);
  });

  it("passes the judge's refusal on", async () => {
    const rejection = reject('bad-signature', 'no');
    const checked = await check(
      snapshotOf({ [LOCATION]: Buffer.from('x') }),
      async () => rejection,
    );
    assert.deepEqual(checked, [{ kind: 'rejected', path: LOCATION, rejection }]);
  });

  it('reads no file whose path says enough', async () => {
    const snapshot = {
      ...snapshotOf({ 'README.md': Buffer.from('x'), 'signature-1': Buffer.from('x') }),
      read: notRead,
    };
    const kinds = (await check(snapshot, notAsked)).map(({ kind, path }) => [path, kind]);
    assert.deepEqual(kinds, [
      ['README.md', 'ignored'],
      ['signature-1', 'rejected'],
    ]);
  });

  for (const [size, code] of [
    [0, 'empty'],
    [MAX_BLOB_BYTES + 1, 'too-large'],
    [2 ** 40, 'too-large'],
  ] as const) {
    it(`reads no file of ${size} bytes`, async () => {
      const entry: Entry = { kind: 'file', path: LOCATION, size, id: '' };
      const [file] = await check({ ...snapshotOf({}, [entry]), read: notRead }, notAsked);
      assert(file?.kind === 'rejected');
      assert.equal(file.rejection.code, code);
      assert.equal(file.rejection.breaksPulls, true);
    });
  }

  it('passes on why a file cannot be read', async () => {
    const rejection = reject('unreadable', 'permission denied');
    const snapshot = {
      ...snapshotOf({ [LOCATION]: Buffer.from('x') }),
      read: async () => rejection,
    };
    const checked = await check(snapshot, notAsked);
    assert.deepEqual(checked, [{ kind: 'rejected', path: LOCATION, rejection }]);
  });

  it('passes removals on', async () => {
    const entries: Entry[] = [LOCATION, 'README.md'].map((path) => ({ kind: 'removed', path }));
    assert.deepEqual(await check(snapshotOf({}, entries), notAsked), entries);
  });

  const notFiles: readonly (readonly [
    Exclude<Entry['kind'], 'file' | 'removed'> & RejectionCode,
    RegExp,
  ])[] = [
    ['symlink', /expected a regular file, got a symbolic link/],
    ['submodule', /expected a regular file, got a submodule/],
    ['special-file', /expected a regular file/],
    ['name-not-utf8', /expected a path in UTF-8/],
    ['unreadable', /cannot be read/],
  ];
  for (const [kind, message] of notFiles) {
    for (const path of [LOCATION, DIRECTORY, 'signature-1', `${DIRECTORY}/x`, `a@sha256:${HEX}`]) {
      it(`rejects ${kind} at ${path}`, async () => {
        const [file] = await check(snapshotOf({}, [{ kind, path }]), notAsked);
        assert(file?.kind === 'rejected');
        assert.equal(file.rejection.code, kind);
        assert.match(file.rejection.message, message);
        assert.notEqual(file.rejection.hint, '');
        assert.equal(file.rejection.breaksPulls, false);
      });
    }

    it(`ignores ${kind} elsewhere`, async () => {
      const checked = await check(snapshotOf({}, [{ kind, path: 'docs/latest' }]), notAsked);
      assert.deepEqual(checked, [{ kind: 'ignored', path: 'docs/latest' }]);
    });
  }

  it('fails as a whole when the world does', async () => {
    const failure = new Error('disk is gone');
    const snapshot = {
      ...snapshotOf({ [LOCATION]: Buffer.from('x') }),
      read: () => Promise.reject(failure),
    };
    await assert.rejects(check(snapshot, acceptAll), failure);
  });

  it('loses none of many, with a bounded number in work', async () => {
    const paths = Array.from({ length: 500 }, (_, index) => `${DIRECTORY}/signature-${index + 1}`);
    const files = Object.fromEntries(paths.map((path) => [path, Buffer.from(path)]));
    let inWork = 0;
    let most = 0;
    const read = async (entry: FileEntry) => {
      most = Math.max(most, ++inWork);
      await new Promise(setImmediate);
      inWork--;
      return Buffer.from(entry.path);
    };
    const checked = await check({ ...snapshotOf(files), read }, acceptAll);
    assert.deepEqual(
      checked.map(({ path }) => path),
      paths,
    );
    assert(most > 1 && most <= 64, `${most} files were in work at once`);
  });
});
