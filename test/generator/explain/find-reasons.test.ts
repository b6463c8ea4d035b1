import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { findReasons, guessReason } from '../../../generator/explain/find-reasons.ts';
import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import {
  formatDirectory,
  formatLocation,
  parseLocation,
} from '../../../generator/terms/location.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import { entryOf, publishable } from '../../kit/samples/samples.ts';
import { sightOf, storeOf } from '../../kit/samples/store-of.ts';

const HEXES = ['ab', 'cd', 'ef'].map((pair) => pair.repeat(32));
const REPOSITORIES = ['team/app', 'images/team/app', 'team/worker'];
const DIRECTORIES = REPOSITORIES.flatMap((repository) =>
  HEXES.map((hex) => formatDirectory(repository, hex)),
);

const rejectedAt = (path: string): CheckedFile => {
  const directory = parseLocation(path)?.directory;
  const rejection = reject('empty', 'no');
  return { kind: 'rejected', path, directory, entry: entryOf(path), rejection };
};

/** By the definition of each reason. */
function reasonOf(directory: string, signed: readonly string[], rejected: readonly string[]) {
  const [repository = '', hex = ''] = directory.split('@sha256=');
  if (signed.includes(directory)) return undefined;
  if (rejected.includes(directory)) return 'quarantined';
  if (signed.some((other) => other.endsWith(hex))) return 'elsewhere';
  if (rejected.some((other) => other.endsWith(hex))) return 'quarantined';
  const isSame = (other: string): boolean => other.startsWith(`${repository}@`);
  return signed.some(isSame) ? 'other-digests' : 'unknown-repository';
}

const lastChange = async () => undefined;

describe('generator: reasons', () => {
  it('are those of their definitions, guessed or found', async () => {
    const property = fc.asyncProperty(
      fc.subarray(DIRECTORIES),
      fc.subarray(DIRECTORIES),
      async (signed, rejected) => {
        const store = storeOf(
          ...signed.map((directory) => publishable(formatLocation(directory, 1))),
          ...rejected.map((directory) => rejectedAt(formatLocation(directory, 2))),
        );
        const reasons = await findReasons([...DIRECTORIES, ...DIRECTORIES], {
          ...sightOf(store),
          lastChange,
        });
        for (const directory of DIRECTORIES) {
          const expected = reasonOf(directory, signed, rejected);
          assert.equal(reasons.get(directory)?.code, expected);
          if (expected !== undefined)
            assert.equal(guessReason(sightOf(store), directory), expected);
        }
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it('are given to directories only', async () => {
    const names = ['', 'x', '__proto__', 'a/b@sha256=', formatLocation(DIRECTORIES[0] ?? '', 1)];
    const reasons = await findReasons(names, { ...sightOf(storeOf()), lastChange });
    assert.equal(reasons.size, 0);
    for (const name of names)
      assert.equal(guessReason(sightOf(storeOf()), name), 'unknown-repository');
  });

  it('tell at most five files and images', async () => {
    const [directory = ''] = DIRECTORIES;
    const files = Array.from({ length: 9 }, (_, index) =>
      rejectedAt(formatLocation(directory, index + 1)),
    );
    const asked: string[] = [];
    const evidence = {
      ...sightOf(storeOf(...files)),
      lastChange: async (path: string) => void asked.push(path),
    };
    const reason = (await findReasons([directory], evidence)).get(directory);
    assert.equal(reason?.code === 'quarantined' && reason.files.length, 5);
    assert.equal(asked.length, 5);
  });

  it('are of misnamed directories of the repository, before what is signed elsewhere', async () => {
    const [hex = ''] = HEXES;
    const directory = formatDirectory('team/app', hex);
    const misnamed = rejectedAt(`team/app@sha256:${hex}/signature-1`);
    const signed = publishable(formatLocation(formatDirectory('team/worker', hex), 1));
    const reasons = await findReasons([directory], {
      ...sightOf(storeOf(misnamed, signed)),
      lastChange,
    });
    assert.equal(reasons.get(directory)?.code, 'quarantined');
  });

  it('say nothing of a rejected file beside a good one of another repository', async () => {
    const [hex = ''] = HEXES;
    const other = formatDirectory('team/worker', hex);
    const store = storeOf(
      publishable(formatLocation(other, 1)),
      rejectedAt(formatLocation(other, 2)),
    );
    const directory = formatDirectory('team/app', hex);
    const reasons = await findReasons([directory], { ...sightOf(store), lastChange });
    assert.equal(reasons.get(directory)?.code, 'elsewhere');
  });

  it('call removed only what a commit took away', async () => {
    const [directory = ''] = DIRECTORIES;
    const commit = {
      id: 'c'.repeat(40),
      author: { name: '', email: '' },
      date: '2026-01-02T03:04:05Z',
      subject: '',
      isMerge: false,
    };
    const codeAfter = async (removed: readonly string[], isMerge = false) => {
      const lastChangeOf = async () => ({ ...commit, isMerge, removed });
      const evidence = { ...sightOf(storeOf()), lastChange: lastChangeOf };
      return (await findReasons([directory], evidence)).get(directory);
    };
    assert.equal((await codeAfter([]))?.code, 'unknown-repository');
    assert.equal((await codeAfter([directory]))?.code, 'unknown-repository');
    assert.equal((await codeAfter([`${directory}/README`]))?.code, 'unknown-repository');
    const inSubtree = await codeAfter([`it's/${formatLocation(directory, 2)}`]);
    assert.equal(inSubtree?.code, 'removed');
    assert.match(inSubtree?.message ?? '', / by somebody removed its signatures on /);
    const quoted = String.raw`'it'\''s/${directory}'`;
    assert.ok(inSubtree?.next.includes(`\`git checkout cccccccccccc^ -- ${quoted}\``));
    const merged = await codeAfter([formatLocation(directory, 1)], true);
    assert.match(merged?.next ?? '', /^That commit is a merge/);
  });

  it('fail with the history that they need', async () => {
    const [directory = ''] = DIRECTORIES;
    const asking = findReasons([directory], {
      ...sightOf(storeOf()),
      lastChange: async () => assert.fail('git is gone'),
    });
    await assert.rejects(asking, /git is gone/);
  });
});
