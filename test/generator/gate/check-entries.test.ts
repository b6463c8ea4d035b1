import assert from 'node:assert/strict';
import { checkEntries } from '../../../generator/gate/check-entries.ts';
import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import type { Judge } from '../../../generator/gate/judge.ts';
import { MAX_BLOB_BYTES } from '../../../generator/openpgp/signature-file.ts';
import type { Entry, FileEntry, Snapshot } from '../../../generator/sources/source.ts';
import { REJECTIONS, type RejectionCode, reject } from '../../../generator/terms/rejection.ts';
import {
  DIRECTORY,
  entryOf,
  HEX,
  judgeOf,
  keyringOf,
  publishable,
  readVector,
  snapshotOf,
} from '../../kit/samples/samples.ts';

const LOCATION = `${DIRECTORY}/signature-1`;
const NOW = new Date('2025-01-01T00:00:00Z');
const { signature: SIGNATURE } = publishable(LOCATION);
const notRead = () => assert.fail('the file was read');
const notAsked: Judge = {
  judge: () => assert.fail('the judge was asked'),
  suggest: () => assert.fail('the judge was asked for a place'),
};
const judgeBy = (judge: Judge['judge']): Judge => ({ ...notAsked, judge });
const acceptAll = judgeBy(async () => SIGNATURE);

async function check(snapshot: Snapshot, judge: Judge): Promise<readonly CheckedFile[]> {
  const checked: CheckedFile[] = [];
  for await (const file of checkEntries(snapshot, snapshot.entries(), judge, NOW))
    checked.push(file);
  return checked;
}

const named = (path: string, number = 1) =>
  `By its content it belongs to "${path}@sha256=${HEX}/signature-${number}", or to the next free number there.`;
const upper = HEX.toUpperCase();

describe('generator: check entries', () => {
  it('asks the judge with place, bytes and time', async () => {
    const bytes = Buffer.from('signature');
    const judge = judgeBy(async (location, given, now) => {
      assert.deepEqual([location.directory, location.number], [DIRECTORY, 1]);
      assert.equal(given, bytes);
      assert.equal(now, NOW);
      return SIGNATURE;
    });
    const [file] = await check(snapshotOf({ [LOCATION]: bytes }), judge);
    assert(file?.kind === 'publishable');
    assert.equal(file.path, LOCATION);
    assert.equal(file.signature, SIGNATURE);
  });

  it("passes the judge's refusal on", async () => {
    const rejection = reject('bad-signature', 'no');
    const checked = await check(
      snapshotOf({ [LOCATION]: Buffer.from('x') }),
      judgeBy(async () => rejection),
    );
    assert.deepEqual(checked, [
      {
        kind: 'rejected',
        path: LOCATION,
        directory: DIRECTORY,
        entry: entryOf(LOCATION),
        rejection,
      },
    ]);
  });

  it('reads no file whose path says enough', async () => {
    const files: readonly Entry[] = [
      { kind: 'file', path: 'README.md', size: 1, id: '' },
      // Neither can be a signature, so none says where it belongs.
      { kind: 'file', path: 'signature-1', size: 0, id: '' },
      { kind: 'file', path: 'signature-2', size: MAX_BLOB_BYTES + 1, id: '' },
    ];
    const snapshot = { ...snapshotOf({}, files), read: notRead };
    const kinds = (await check(snapshot, notAsked)).map(({ kind, path }) => [path, kind]);
    assert.deepEqual(kinds, [
      ['README.md', 'ignored'],
      ['signature-1', 'rejected'],
      ['signature-2', 'rejected'],
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
    assert.deepEqual(checked, [
      {
        kind: 'rejected',
        path: LOCATION,
        directory: DIRECTORY,
        entry: entryOf(LOCATION),
        rejection,
      },
    ]);
  });

  it('passes removals on', async () => {
    const entries: Entry[] = [LOCATION, 'README.md'].map((path) => ({ kind: 'removed', path }));
    assert.deepEqual(await check(snapshotOf({}, entries), notAsked), [
      { kind: 'removed', path: LOCATION, directory: DIRECTORY },
      { kind: 'removed', path: 'README.md', directory: undefined },
    ]);
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
      const entry: Entry = { kind, path: 'docs/latest' };
      const checked = await check(snapshotOf({}, [entry]), notAsked);
      assert.deepEqual(checked, [
        { kind: 'ignored', path: 'docs/latest', directory: undefined, entry },
      ]);
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

  for (const [size, least, limit] of [
    [1000, 64, 512],
    [MAX_BLOB_BYTES, 2, 64],
  ] as const) {
    it(`loses none of many files of ${size} bytes, with a bounded number in work`, async () => {
      const entries = Array.from({ length: 700 }, (_, index): Entry => {
        return { kind: 'file', path: `${DIRECTORY}/signature-${index + 1}`, size, id: '' };
      });
      let inWork = 0;
      let most = 0;
      const read = async (entry: FileEntry) => {
        most = Math.max(most, ++inWork);
        await new Promise(setImmediate);
        inWork--;
        return Buffer.from(entry.path);
      };
      const checked = await check({ ...snapshotOf({}, entries), read }, acceptAll);
      assert.deepEqual(
        checked.map(({ path }) => path),
        entries.map(({ path }) => path),
      );
      assert(most >= least && most <= limit, `${most} files were in work at once`);
    });
  }

  describe('a file in a wrong place', () => {
    const short = HEX.slice(0, 12);
    const rows: readonly (readonly [RejectionCode, string, string, number?])[] = [
      ['colon-directory', `ns/repo@sha256:${HEX}/signature-2`, 'ns/repo', 2],
      ['upper-case-digest', `ns/repo@sha256=${upper}/signature-1`, 'ns/repo'],
      ['upper-case-digest', `mirror/ns/repo@SHA256=${HEX}/signature-1`, 'mirror/ns/repo'],
      ['invalid-digest', `ns/repo@sha256=${short}/signature-3`, 'ns/repo', 3],
      ['unsupported-algorithm', `ns/repo@sha512=${HEX}${HEX}/signature-1`, 'ns/repo'],
      ['invalid-number', `${DIRECTORY}/signature-01`, 'ns/repo'],
      ['invalid-number', `${DIRECTORY}/signature-0`, 'ns/repo'],
      ['stray-file', `${DIRECTORY}/signature-4.sig`, 'ns/repo', 4],
      ['stray-file', `${DIRECTORY}/app.sig`, 'ns/repo'],
      ['stray-file', `${DIRECTORY}/old/signature-5`, 'ns/repo', 5],
      ['misplaced', 'signature-1', 'ns/repo'],
      ['misplaced', 'ns/repo/signature-6', 'ns/repo', 6],
      ['misplaced', 'mirror/ns/repo/signature-1', 'mirror/ns/repo'],
      ['misplaced', 'elsewhere/signature-1', 'ns/repo'],
      ['colon-directory', `quay.io/ns/repo@sha256:${HEX}/signature-1`, '127.0.0.1:5555/ns/repo'],
    ];
    for (const [code, path, repository, number] of rows) {
      it(`is told where it belongs, by what it signs: ${path.replaceAll(HEX, 'HEX')}`, async () => {
        const good = await readVector('lab/openpgp/good-uncompressed.sig');
        const judge = await judgeOf(await keyringOf('lab/keys/lab.gpg'));
        const [file] = await check(snapshotOf({ [path]: good }), judge);
        assert(file?.kind === 'rejected');
        assert.equal(file.rejection.code, code);
        assert.equal(file.rejection.hint, named(repository, number));
        assert.equal(file.rejection.breaksPulls, false);
      });
    }

    for (const [title, file, keys] of [
      ['by a stranger', 'lab/openpgp/wrong-key.sig', ['lab/keys/lab.gpg']],
      ['that is none', 'lab/openpgp/literal-only.sig', ['lab/keys/lab.gpg']],
      ['of something else', 'lab/payload/top-null.sig', ['lab/keys/lab.gpg']],
      ['where there are no keys', 'lab/openpgp/good-uncompressed.sig', []],
    ] as const) {
      it(`gets the hint of its code for a signature ${title}`, async () => {
        const [path, read] = ['old/signature-1', async () => readVector(file)];
        const entry: Entry = { kind: 'file', path, size: 500, id: '' };
        const keyring = keys.length > 0 ? await keyringOf(...keys) : undefined;
        const snapshot = { ...snapshotOf({}, [entry]), read };
        const [checked] = await check(snapshot, await judgeOf(keyring));
        assert(checked?.kind === 'rejected');
        assert.equal(checked.rejection.code, 'misplaced');
        assert.equal(checked.rejection.hint, REJECTIONS.misplaced.cure);
      });
    }

    it('keeps its own fault when it cannot be read', async () => {
      const [path, rejection] = ['old/signature-1', reject('unreadable', 'permission denied')];
      const snapshot = { ...snapshotOf({ [path]: Buffer.from('x') }), read: async () => rejection };
      const [file] = await check(snapshot, notAsked);
      assert(file?.kind === 'rejected');
      assert.equal(file.rejection.code, 'misplaced');
    });
  });
});
