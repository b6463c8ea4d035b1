import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { writeBlocks } from '../../../../generator/store/checkpoint/blocks.ts';
import { Checkpoint } from '../../../../generator/store/checkpoint/checkpoint.ts';
import { CheckpointFile } from '../../../../generator/store/checkpoint/checkpoint-file.ts';
import type { Judge, Warning } from '../../../../generator/gate/judge.ts';
import { loadStore } from '../../../../generator/store/load-store.ts';
import { formatDirectory, formatLocation } from '../../../../generator/terms/location.ts';
import { type Policy, createSimplePolicy } from '../../../../generator/policy/policy.ts';
import { reject } from '../../../../generator/terms/rejection.ts';
import { sortByPath } from '../../../../generator/store/report.ts';
import { createDirectorySource } from '../../../../generator/sources/directory/directory.ts';
import { createGitSource } from '../../../../generator/sources/git/git.ts';
import { type Snapshot, type Source, toBlobEntry } from '../../../../generator/sources/source.ts';
import type { SignatureStore } from '../../../../generator/store/store.ts';
import {
  SharedVerdicts,
  createVerdictIds,
} from '../../../../generator/store/checkpoint/shared-verdict.ts';
import { atLength } from '../../../kit/at-length.ts';
import { type GitRemote, makeGitRemote } from '../../../kit/remote/git-remote.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { unpackClone } from '../../../kit/remote/unpack-clone.ts';
import { describeWith } from '../../../with-tools.ts';
import { keyringOf, publishable } from '../../../kit/samples/samples.ts';
import { type State, type StateFile, importStates } from '../../../kit/remote/import-states.ts';
import { signaturesAt } from '../../../kit/samples/signatures-at.ts';

const [EARLY, LATE] = [new Date(10_000), new Date(60_000)];
const SECOND = 1000;
const NEVER = 255;
const UNDECIDED = reject('cannot-verify', 'nobody knows');
const DIRECTORIES = Array.from({ length: 8 }, (_, at) => {
  const hex = createHash('sha256').update(`${at}`).digest('hex');
  return formatDirectory(`ns/repo-${at % 3}`, hex);
});

/**
 * What the first bytes of a file decide: whether it is good, when it was signed, and until when it
 * is good, in seconds.
 */
function judgeFor(policy: Policy, asked: string[], expiryWarning = 0): Judge {
  const scope = policy.scopes.get('') ?? assert.fail();
  return {
    judge: async ({ directory, number }, bytes, now) => {
      const path = formatLocation(directory, number);
      asked.push(path);
      const [kind = 0, signedAt = 0, until = NEVER] = bytes;
      const validUntil = until === NEVER ? Infinity : until * SECOND;
      const left = validUntil - now.getTime();
      if (kind % 4 === 3) return reject('bad-signature', 'no');
      if (left <= 0) return reject('signature-expired', 'no');
      const soon: Warning[] =
        left <= expiryWarning ? [{ code: 'expires-soon', message: `at ${until}` }] : [];
      const warnings: Warning[] =
        kind % 4 === 2 ? [...soon, { code: 'weak-algorithm', message: 'SHA-1' }] : soon;
      const times = { signedAt: signedAt * SECOND, validUntil };
      const signer = { fingerprint: 'A'.repeat(40), primaryFingerprint: 'B'.repeat(40) };
      const by = policy.keyring && kind % 4 === 1 ? { signer } : { status: 'unverified' as const };
      const judged = { bytes, scope, meets: scope.signedBy, warnings, ...times, ...by };
      return publishable(path, judged).signature;
    },
    suggest: async () => undefined,
  };
}

/** All that a store tells. */
function observe(store: SignatureStore) {
  return {
    served: DIRECTORIES.map((directory) =>
      signaturesAt(store, directory)?.map(({ hash, bytes }) => [
        hash,
        Buffer.from(bytes).toString('hex'),
      ]),
    ),
    counts: [store.signatures, store.repositories, store.summary],
    files: sortByPath(store.files()),
    rejected: sortByPath(store.rejectedFiles()),
    expired: [...store.lapsed(new Date(2 ** 40))].flatMap((file) => file?.path ?? []).toSorted(),
  };
}

const content = fc
  .tuple(fc.nat({ max: 255 }), fc.nat({ max: 255 }), fc.constantFrom(NEVER, NEVER, 20, 40, 80))
  .map((bytes) => Buffer.from(bytes).toString('latin1'));
const mode = fc.constantFrom<StateFile['mode'][]>(
  '100644',
  '100644',
  '100644',
  '100755',
  '120000',
  '160000',
);
const path = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom(...DIRECTORIES), fc.integer({ min: 0, max: 4 })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('docs', 'caf\xe9', 'a\nb'), fc.nat({ max: 3 })),
  },
);
const state: fc.Arbitrary<State> = fc
  .array(fc.tuple(path, mode, content), { minLength: 1, maxLength: 30 })
  .map((files) => {
    const named = files.map(
      ([[directory, number], kind, bytes]) =>
        [formatLocation(directory, number), { mode: kind, content: bytes }] as const,
    );
    return new Map(named);
  });

const stateOf = (files: Readonly<Record<string, readonly number[]>>): State =>
  new Map(
    Object.entries(files).map(([name, bytes]) => [
      name,
      { mode: '100644', content: Buffer.from(bytes).toString('latin1') },
    ]),
  );
const at = (directory: number, number = 1) =>
  formatLocation(DIRECTORIES[directory] ?? assert.fail(), number);

const some = () =>
  stateOf({
    [at(0)]: [0, 1],
    [at(0, 2)]: [2, 1],
    [at(1)]: [0, 2, 40],
    [at(2)]: [3, 3],
    [at(3, 7)]: [0, 4],
    'README.md': [1],
  });

describeWith(['git'], 'generator: a checkpoint of a git source', () => {
  const directory = useTemporary();
  const checkpointPath = () => join(directory(), 'x.checkpoint');
  let remote: GitRemote;
  let source: Source;
  let policy: Policy;
  let asked: string[] = [];
  let unused: string[] = [];

  beforeEach(async () => {
    policy = await createSimplePolicy(undefined);
    unused = [];
    remote = await makeGitRemote();
    source = await openGit();
  });
  afterEach(async () => {
    await source.close();
    await remote.remove();
  });

  const openGit = async (): Promise<Source> =>
    createGitSource({
      url: remote.path,
      branch: 'main',
      path: '',
      stateDirectory: directory(),
      tokenFile: undefined,
      environment: process.env,
    });

  /** The newest state for a source that has not read anything: a pack is read after it has gone. */
  const reopen = async (): Promise<Snapshot> => {
    await source.close();
    source = await openGit();
    return source.refresh();
  };

  /** The newest of some states, whose history they are. */
  const push = async (...states: readonly State[]): Promise<Snapshot> => {
    await importStates(remote.path, states);
    return source.refresh();
  };

  const findClone = async (): Promise<string> => {
    const name = (await readdir(directory())).find((one) => one !== 'x.checkpoint') ?? '';
    return join(directory(), name, 'clone.git');
  };

  function openMemory(expiryWarning = 0, engines = 'engines 1'): Checkpoint {
    asked = [];
    return new Checkpoint({
      file: new CheckpointFile(checkpointPath(), (error) => assert.fail(String(error))),
      judge: judgeFor(policy, asked, expiryWarning),
      policy,
      sharedVerdicts: new SharedVerdicts(
        policy,
        createVerdictIds(policy, engines),
        () => undefined,
      ),
      expiryWarning,
      effort: 'any',
      leavesLapsed: false,
      onUnused: (reason) => void unused.push(String(reason)),
    });
  }

  const load = async (snapshot: Snapshot, now: Date, expiryWarning = 0): Promise<SignatureStore> =>
    loadStore(snapshot, judgeFor(policy, [], expiryWarning), now);

  /** As an earlier run leaves it. */
  const keep = async (snapshot: Snapshot, now = EARLY, expiryWarning = 0): Promise<void> => {
    const store = await load(snapshot, now, expiryWarning);
    await openMemory(expiryWarning).keep(store, snapshot, 0);
  };

  async function assertRestored(snapshot: Snapshot, now = EARLY, expiryWarning = 0): Promise<void> {
    const restored = await openMemory(expiryWarning).restore(snapshot, { now });
    assert(restored, `there is no store: ${unused.join()}`);
    assert.deepEqual(observe(restored.store), observe(await load(snapshot, now, expiryWarning)));
  }

  async function assertUnused(snapshot: Snapshot, reason: RegExp): Promise<void> {
    assert.equal(await openMemory().restore(snapshot, { now: EARLY }), undefined);
    assert.match(unused.join('\n'), reason);
  }

  /** What is served under the path of one whose verdict nobody can give. */
  const askOlder = async (bytes: readonly number[]) => {
    const snapshot = await source.refresh();
    const wanted = new Map([[at(0), Buffer.from(bytes)]]);
    const restored = await openMemory().restore(snapshot, { now: EARLY, older: wanted });
    assert(restored, unused.join());
    return restored.older.get(at(0));
  };

  /** Tells whether there is one, and takes it away. */
  const isWritten = async (): Promise<boolean> => {
    const names = await readdir(directory());
    await rm(checkpointPath(), { force: true });
    return names.includes('x.checkpoint');
  };

  it('gives the store that a look at every file gives, whatever has changed', async () => {
    const property = fc.asyncProperty(
      state,
      state,
      fc.constantFrom(EARLY, LATE),
      fc.constantFrom(0, 30_000),
      async (before, after, now, expiryWarning) => {
        await keep(await push(before), EARLY, expiryWarning);
        await assertRestored(await push(before, after), now, expiryWarning);
      },
    );
    await fc.assert(property, { numRuns: atLength(6, 25) });
  });

  it('judges nothing again but what was rejected', async () => {
    const snapshot = await push(some());
    await keep(snapshot);
    await assertRestored(snapshot);
    assert.deepEqual(asked, [at(2)]);
  });

  it('judges what has changed, and nothing of what is gone', async () => {
    await keep(await push(some()));
    const changed = new Map([...some(), ...stateOf({ [at(0)]: [0, 9], [at(4)]: [0, 5] })]);
    changed.delete(at(2));
    changed.delete(at(3, 7));
    await assertRestored(await push(some(), changed));
    assert.deepEqual(asked.toSorted(), [at(0), at(4)].toSorted());
  });

  it('judges again what has expired, and what expires soon by now', async () => {
    const snapshot = await push(some());
    await keep(snapshot);
    await assertRestored(snapshot, LATE);
    assert.deepEqual(asked.toSorted(), [at(1), at(2)].toSorted());
    await keep(snapshot, EARLY, 25_000);
    await assertRestored(snapshot, EARLY, 25_000);
    assert.deepEqual(asked, [at(2)]);
    await assertRestored(snapshot, new Date(20_000), 25_000);
    assert.deepEqual(asked.toSorted(), [at(1), at(2)].toSorted());
    // One that was warned of is not judged again before it expires.
    await keep(snapshot, new Date(20_000), 25_000);
    await assertRestored(snapshot, new Date(30_000), 25_000);
    assert.deepEqual(asked, [at(2)]);
    await assertRestored(snapshot, LATE, 25_000);
    assert.deepEqual(asked.toSorted(), [at(1), at(2)].toSorted());
  });

  it('judges everything again with other engines', async () => {
    const snapshot = await push(some());
    await keep(snapshot);
    const memory = openMemory(0, 'engines 2');
    const restored = await memory.restore(snapshot, { now: EARLY });
    assert.deepEqual(restored && observe(restored.store), observe(await load(snapshot, EARLY)));
    assert.equal(asked.length, 5);
  });

  describe('of files that were good before', () => {
    it('says what it says of them, where they have changed since', async () => {
      await keep(await push(some()));
      await push(some(), stateOf({ [at(0)]: [3, 9] }));
      const signature = await askOlder([0, 1]);
      assert.deepEqual(signature?.bytes, Buffer.from([0, 1]));
      assert.equal(signature.signedAt, 1000);
      assert.equal(await askOlder([0, 2]), undefined);
    });

    it('says what it says of them, where they were kept beside others', async () => {
      const snapshot = await push(stateOf({ [at(0)]: [3, 9] }));
      const store = await load(snapshot, EARLY);
      const scope = policy.scopes.get('') ?? assert.fail();
      const bytes = Buffer.from([0, 1]);
      const good = publishable(at(0), { scope, bytes, status: 'unverified' });
      const entry = toBlobEntry(at(0), Buffer.from([3, 9]));
      const [place, rejection] = [DIRECTORIES[0], UNDECIDED];
      store
        .prepare([
          { kind: 'rejected', path: at(0), directory: place, entry, rejection },
          { ...good, older: bytes },
        ])
        .apply();
      await openMemory().keep(store, snapshot, 0);
      assert.deepEqual((await askOlder([0, 1]))?.hash, good.signature.hash);
      await assertRestored(snapshot);
    });
  });

  it('judges again what no key has signed where there are keys', async () => {
    policy = await createSimplePolicy(await keyringOf('lab/keys/lab.gpg'));
    const snapshot = await push(stateOf({ [at(0)]: [0, 1], [at(1)]: [1, 1] }));
    await keep(snapshot);
    await assertRestored(snapshot);
    assert.deepEqual(asked, [at(0)]);
  });

  it('counts every file along', async () => {
    const snapshot = await push(some());
    await keep(snapshot);
    let counted = 0;
    await openMemory().restore(snapshot, { now: EARLY, onChecked: () => void counted++ });
    assert.equal(counted, some().size);
  });

  it('says nothing where there is none yet', async () => {
    assert.equal(await openMemory().restore(await push(some()), { now: EARLY }), undefined);
    assert.deepEqual(unused, []);
  });

  it('follows a history that was rewritten, as long as the old one is here', async () => {
    await keep(await push(some()));
    await assertRestored(await push(stateOf({ [at(5)]: [0, 1] })));
    assert.deepEqual(asked, [at(5)]);
  });

  it('is of no use when its tree is gone', async () => {
    const before = await push(some());
    await keep(before);
    await source.keep(await push(stateOf({ [at(5)]: [0, 1] })));
    const clone = await findClone();
    const lost = await remote.git('-C', clone, 'rev-parse', `${before.commit}^{tree}`);
    await unpackClone(clone);
    await rm(join(clone, 'objects', lost.slice(0, 2), lost.slice(2)));
    await assertUnused(await reopen(), /its tree [0-9a-f]{40} is not here/);
  });

  it('is of no use when a part of its tree is gone, which says nothing of the clone', async () => {
    const before = await push(some());
    await keep(before);
    const snapshot = await push(some(), stateOf({ [at(5)]: [0, 1] }));
    const clone = await findClone();
    const lost = await remote.git('-C', clone, 'rev-parse', `${before.commit}:ns`);
    await unpackClone(clone);
    await rm(join(clone, 'objects', lost.slice(0, 2), lost.slice(2)));
    const again = await reopen();
    await assertUnused(again, /expected an object|git diff-tree failed/);
    assert.equal((await source.refresh()).commit, snapshot.commit);
    assert.equal((await load(again, EARLY)).signatures, 1);
  });

  it('is of no use to a directory', async () => {
    await keep(await push(some()));
    const { tree: _tree, ...snapshot } = await push(some());
    await assertUnused(snapshot, /its tree [0-9a-f]{40} is not here/);
  });

  it('is of no use when it is a directory', async () => {
    const snapshot = await push(some());
    await mkdir(checkpointPath());
    await assertUnused(snapshot, /it is no regular file/);
  });

  for (const [what, blocks] of Object.entries({
    'of nothing': [],
    'of another format': [Buffer.from(`{"lookasideCheckpoint":9,"tree":"${'a'.repeat(40)}"}`)],
    'of no tree': [Buffer.from('{"lookasideCheckpoint":7,"tree":"HEAD"}')],
    'of more': [Buffer.from(`{"lookasideCheckpoint":7,"tree":"${'a'.repeat(40)}","more":1}`)],
    'that is no JSON': [Buffer.from('{')],
  })) {
    it(`is of no use with a header ${what}`, async () => {
      const snapshot = await push(some());
      await writeBlocks(checkpointPath(), blocks, new AbortController().signal);
      await assertUnused(snapshot, /it has another form/);
    });
  }

  for (const [what, record] of Object.entries({
    'of an unknown kind': [9],
    'of an unknown kind of entry': [3, 9, 0, 0, 0, 0],
    'that is cut short': [2, 0, 0],
  })) {
    it(`is of no use with a record ${what}`, async () => {
      const snapshot = await push(some());
      const header = Buffer.from(
        JSON.stringify({ lookasideCheckpoint: 7, tree: snapshot.tree?.id }),
      );
      await writeBlocks(
        checkpointPath(),
        [header, Buffer.from(record)],
        new AbortController().signal,
      );
      await assertUnused(snapshot, /RangeError/);
    });
  }

  it('serves nothing wrong, whatever bytes of it are damaged', async () => {
    const snapshot = await push(some());
    await keep(snapshot);
    const [whole, expected] = [
      await readFile(checkpointPath()),
      observe(await load(snapshot, EARLY)),
    ];
    await keep(await push(some(), stateOf({ [at(0)]: [0, 9] })));
    const foreign = await readFile(checkpointPath());
    const damage = fc.oneof(
      fc
        .tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
        .map(([place, bits]) => (bytes: Buffer) => {
          const found = place % bytes.length;
          return bytes.fill((bytes[found] ?? 0) ^ bits, found, found + 1);
        }),
      fc.nat().map((place) => (bytes: Buffer) => bytes.subarray(0, place % bytes.length)),
      fc.tuple(fc.nat(), fc.nat()).map(([from, to]) => (bytes: Buffer) => {
        foreign.copy(bytes, from % bytes.length, from % foreign.length, to % foreign.length);
        return bytes;
      }),
    );
    const property = fc.asyncProperty(
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      async (all) => {
        let bytes: Buffer = Buffer.from(whole);
        for (const inflict of all) if (bytes.length > 0) bytes = inflict(bytes);
        await writeFile(checkpointPath(), bytes);
        const restored = await openMemory().restore(snapshot, { now: EARLY });
        assert.equal(restored === undefined, !bytes.equals(whole));
        if (restored) assert.deepEqual(observe(restored.store), expected);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  it('is of one moment, whatever changes while it is written', async () => {
    const snapshot = await push(some());
    const store = await load(snapshot, EARLY);
    const written = openMemory().keep(store, snapshot, 0);
    const more = publishable(at(6), { scope: policy.scopes.get('') ?? assert.fail() });
    store.prepare([more, { kind: 'removed', path: at(0), directory: DIRECTORIES[0] }]).apply();
    await written;
    await assertRestored(snapshot);
  });

  describe('is written', () => {
    it('after a load without one, and not again for a few changes', async () => {
      const snapshot = await push(some());
      const store = await load(snapshot, EARLY);
      const memory = openMemory();
      await memory.keep(store, snapshot, 0);
      assert.equal(await isWritten(), true);
      for (const [changes, isExpected] of [
        [1, false],
        [999, false],
        [1, true],
        [1000, false],
        [1, true],
      ] as const) {
        await memory.keep(store, snapshot, changes);
        assert.equal(await isWritten(), isExpected, `after ${changes} more`);
      }
    });

    it('not after a load that one was enough for', async () => {
      const snapshot = await push(some());
      await keep(snapshot);
      const memory = openMemory();
      const { store } = (await memory.restore(snapshot, { now: EARLY })) ?? assert.fail();
      await rm(checkpointPath());
      await memory.keep(store, snapshot, 999);
      assert.equal(await isWritten(), false);
    });

    it('at the end if anything has changed since', async () => {
      const snapshot = await push(some());
      const store = await load(snapshot, EARLY);
      const memory = openMemory();
      await memory.keep(store, snapshot, 0);
      assert.equal(await isWritten(), true);
      await memory.keepLast(store, snapshot);
      assert.equal(await isWritten(), false);
      await memory.keep(store, snapshot, 1);
      await memory.keepLast(store, snapshot);
      assert.equal(await isWritten(), true);
    });

    it('at the end with what has changed while one was being written', async () => {
      const before = await push(stateOf({ [at(0)]: [0, 1] }));
      const snapshot = await push(some());
      const memory = openMemory();
      void memory.keep(await load(before, EARLY), before, 0);
      const store = await load(snapshot, EARLY);
      void memory.keep(store, snapshot, 1);
      await memory.keepLast(store, snapshot);
      const restored = await openMemory().restore(snapshot, { now: EARLY });
      assert.equal(restored?.changes, 0);
    });
  });
});

describe('generator: a checkpoint of a directory', () => {
  const directory = useTemporary();
  const root = () => join(directory(), 'source');
  let policy: Policy;
  let asked: string[] = [];

  beforeEach(async () => {
    policy = await createSimplePolicy(undefined);
    await mkdir(root());
  });

  /** Leaves in the directory what a state has, as files alone. */
  async function write(files: State): Promise<Snapshot> {
    await rm(root(), { recursive: true });
    await mkdir(root());
    for (const [name, { content: bytes, mode: kind }] of files) {
      const target = join(root(), name);
      // A file may stand where another needs a directory, and the other way round.
      await mkdir(dirname(target), { recursive: true }).catch(() => undefined);
      if (kind === '120000') await symlink('nowhere', target).catch(() => undefined);
      else await writeFile(target, bytes, 'latin1').catch(() => undefined);
    }
    return (await createDirectorySource(root(), '')).refresh();
  }

  function open(unused: unknown[] = []): Checkpoint {
    asked = [];
    const name = join(directory(), 'x.checkpoint');
    return new Checkpoint({
      file: new CheckpointFile(name, (error) => assert.fail(String(error))),
      judge: judgeFor(policy, asked),
      policy,
      sharedVerdicts: new SharedVerdicts(policy, createVerdictIds(policy, '1'), () => undefined),
      expiryWarning: 0,
      effort: 'any',
      leavesLapsed: false,
      onUnused: (reason) => void unused.push(String(reason)),
    });
  }

  const load = async (snapshot: Snapshot, now: Date) =>
    loadStore(snapshot, judgeFor(policy, []), now);
  const keep = async (snapshot: Snapshot) => open().keep(await load(snapshot, EARLY), snapshot, 0);

  async function assertRestored(snapshot: Snapshot, now = EARLY): Promise<number> {
    const restored = (await open().restore(snapshot, { now })) ?? assert.fail();
    assert.deepEqual(observe(restored.store), observe(await load(snapshot, now)));
    return restored.changes;
  }

  it('gives the store that a look at every file gives, whatever has changed', async () => {
    const times = fc.constantFrom(EARLY, LATE);
    const property = fc.asyncProperty(state, state, times, async (before, after, now) => {
      await keep(await write(before));
      await assertRestored(await write(new Map([...before, ...after])), now);
      await assertRestored(await write(after), now);
    });
    await fc.assert(property, { numRuns: 25 });
  });

  it('judges what has other bytes, or is new, and nothing of what is gone', async () => {
    await keep(await write(some()));
    const changed = new Map([...some(), ...stateOf({ [at(0)]: [0, 9], [at(4)]: [0, 5] })]);
    changed.delete(at(2));
    changed.delete(at(3, 7));
    const changes = await assertRestored(await write(changed));
    assert.deepEqual(asked.toSorted(), [at(0), at(4)].toSorted());
    assert(changes > 0);
  });

  it('judges nothing again but what was rejected, though each file was written anew', async () => {
    const snapshot = await write(some());
    await keep(snapshot);
    assert.equal(await assertRestored(snapshot), 0);
    await assertRestored(await write(some()));
    assert.deepEqual(asked, [at(2)]);
  });

  it('judges other bytes of the same length and dates', async () => {
    const snapshot = await write(some());
    await keep(snapshot);
    const changed = join(root(), at(0));
    const { atime, mtime } = await stat(changed);
    await writeFile(changed, Buffer.from([0, 7]));
    await utimes(changed, atime, mtime);
    // The listing of before, in which nothing has changed.
    await assertRestored(snapshot);
    assert.deepEqual(asked.toSorted(), [at(0), at(2)].toSorted());
  });

  it('numbers each directory as a whole, however much is gone beside it', async () => {
    const beside = Array.from({ length: 300 }, (_, count) =>
      formatLocation(formatDirectory('ns/gone', `${count}ff`.padStart(64, '0')), 1),
    );
    const gone = Object.fromEntries(beside.map((name) => [name, [0, 1]]));
    const [a, b, c] = [
      [0, 1],
      [0, 2],
      [0, 3],
    ];
    await keep(await write(stateOf({ [at(0)]: a, [at(0, 2)]: b, [at(0, 3)]: c, ...gone })));
    const after = await write(stateOf({ [at(0, 3)]: b }));
    const hold = { elapsed: () => 0, window: 1 };
    const onRestored = async (store: SignatureStore): Promise<void> => store.holdNumbers(hold, []);
    const { store } = (await open().restore(after, { now: EARLY, onRestored })) ?? assert.fail();
    const served = signaturesAt(store, DIRECTORIES[0] ?? assert.fail());
    // A cache may still have the first one under its number.
    assert.deepEqual(
      served?.map(({ bytes }) => Buffer.from(bytes)),
      [Buffer.from(b), Buffer.from(b)],
    );
  });

  it('is of no use to a git source', async () => {
    const snapshot = await write(some());
    await keep(snapshot);
    const unused: unknown[] = [];
    const tree = { id: 'a'.repeat(40), changesSince: async () => undefined };
    assert.equal(await open(unused).restore({ ...snapshot, tree }, { now: EARLY }), undefined);
    assert.match(unused.join(), /it is of a directory/);
  });
});
