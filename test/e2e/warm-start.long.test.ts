import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import {
  cp,
  mkdir,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atLength } from '../kit/at-length.ts';
import { describeWith } from '../with-tools.ts';
import { assertMissing, assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Lookaside, startLookaside } from '../kit/program/lookaside.ts';
import { type Publisher, type SignedFile, makePublisher } from '../kit/signer/publisher.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';

/** The same signatures lie below so many prefixes. */
const MIRRORS = atLength(10, 40);
const FLIPS = 10;
const KILLS = atLength(3, 10);
/** The first load takes less, in milliseconds. */
const LONGEST_LOAD = 400;
/** The checkpoint of a small store takes less to write, in milliseconds. */
const LONGEST_WRITE = 30;
const OF_NO_USE = /"level":"info".*"the checkpoint cannot be used; every file is judged again"/;
const UNWRITABLE = /"level":"warn".*"the checkpoint cannot be written; the next start is slower"/;

const inMirrors = (files: readonly SignedFile[]): readonly SignedFile[] =>
  Array.from({ length: MIRRORS }, (_, mirror) =>
    files.map(({ location, bytes }) => ({ location: `mirror${mirror}/${location}`, bytes })),
  ).flat();

async function stop(server: Lookaside): Promise<void> {
  assert.equal(await server.stop(), 0, server.stderr());
}

describeWith(['gpg', 'git'], 'warm start', () => {
  const servers = useLookaside();
  const seed = useTemporary('suite');
  const state = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let otherKeyFile: string;
  let ours: readonly SignedFile[];
  let theirs: readonly SignedFile[];
  const all = () => [...ours, ...theirs];

  before(async () => {
    [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    const { signer, sign } = publisher;
    const key = await signer.makeKey({ algorithm: 'rsa2048' });
    otherKeyFile = await signer.exportKeys(join(signer.home, 'other.gpg'), key);
    const repositories = ['team/app', 'team/db', 'web'];
    const makeAll = async (by: typeof key) =>
      Promise.all(repositories.map(async (repository) => sign({ repository, key: by })));
    ours = inMirrors(await makeAll(publisher.key));
    theirs = inMirrors(await makeAll(key));
    await remote.publish(Object.fromEntries(all().map((file) => [file.location, file.bytes])));
  });
  before('serve for the first time', async () => {
    const args = [...publisher.serveArgs(seed()), `--keys=${otherKeyFile}`];
    await stop(await startLookaside(remote.path, args));
  });
  after(async () => Promise.all([publisher.stop(), remote.remove()]));

  /** As if it had been served before. */
  const servedBefore = async () => cp(seed(), state(), { recursive: true });

  const argsOf = (...more: readonly string[]) => [...publisher.serveArgs(state()), ...more];
  const serve = async () => servers.startHere(remote.path, argsOf(`--keys=${otherKeyFile}`));

  async function checkpointPath(): Promise<string> {
    const names = (await readdir(state())).filter((name) => name.endsWith('.checkpoint'));
    assert.equal(names.length, 1);
    assert.match(names[0] ?? '', /^[0-9a-f]{16}\.checkpoint$/);
    return join(state(), names[0] ?? '');
  }

  /** Another one for each time that the checkpoint is written. */
  const writtenAt = async () => (await stat(await checkpointPath(), { bigint: true })).mtimeNs;

  async function assertAllServed(
    server: Lookaside,
    files: readonly SignedFile[] = all(),
  ): Promise<void> {
    // The state of last time comes first, and then the newest.
    const { signatures } = await eventually(async () => {
      const status = await readStatus(server);
      assert.notEqual(status.lastRefresh, null);
      return status;
    });
    assert.equal(signatures, files.length);
    await Promise.all(files.map(async (file) => assertServed(server, file)));
  }

  async function serveOnce(): Promise<Lookaside> {
    const server = await serve();
    await assertAllServed(server);
    await stop(server);
    return server;
  }

  it('serves the same, and goes on from the checkpoint', async () => {
    const first = await serveOnce();
    const before = await writtenAt();
    const again = await serveOnce();
    assert.equal(again.commit, first.commit);
    assert.doesNotMatch(again.stderr(), /"level":"(warn|error)"/);
    assert.equal(await writtenAt(), before);
  });

  it('keeps at the end what was pushed meanwhile', async () => {
    await servedBefore();
    const before = await writtenAt();
    const server = await serve();
    const file = await publisher.sign({ repository: 'late' });
    await publisher.announce(server, await remote.publish({ [file.location]: file.bytes }));
    await eventually(async () => assertServed(server, file));
    await eventually(async () => assert.equal((await readStatus(server)).runningSince, null));
    await stop(server);
    const after = await writtenAt();
    assert.notEqual(after, before);
    const again = await serve();
    await assertAllServed(again, [...all(), file]);
    await stop(again);
    assert.equal(await writtenAt(), after);
    await remote.publish({ [file.location]: null });
  });

  const damage: Readonly<
    Record<string, { inflict: (path: string) => Promise<void>; isUnwritable?: boolean }>
  > = {
    'bytes of it are flipped': {
      inflict: async (path) => {
        const bytes = await readFile(path);
        for (let flip = 0; flip < FLIPS; flip++) {
          const at = randomInt(bytes.length);
          bytes[at] = (bytes[at] ?? 0) ^ randomInt(1, 256);
        }
        await writeFile(path, bytes);
      },
    },
    'it is cut short': { inflict: async (path) => truncate(path, randomInt(1, 10_000)) },
    'it is empty': { inflict: async (path) => truncate(path) },
    'it is garbage': { inflict: async (path) => writeFile(path, randomBytes(100_000)) },
    'it is all zeros': { inflict: async (path) => writeFile(path, Buffer.alloc(100_000)) },
    'it is removed': { inflict: async (path) => rm(path) },
    'it is a directory': {
      inflict: async (path) => {
        await rm(path);
        await mkdir(path);
      },
      isUnwritable: true,
    },
    'it is a link to nowhere': {
      inflict: async (path) => {
        await rm(path);
        await symlink(join(path, 'nowhere'), path);
      },
    },
  };
  for (const [what, { inflict, isUnwritable = false }] of Object.entries(damage)) {
    it(`serves the same when this happens to the checkpoint: ${what}`, async () => {
      await servedBefore();
      await inflict(await checkpointPath());
      const { stderr } = await serveOnce();
      assert.doesNotMatch(stderr(), /"level":"error"/);
      assert.equal(OF_NO_USE.test(stderr()), what !== 'it is removed');
      assert.equal(UNWRITABLE.test(stderr()), isUnwritable);
      if (isUnwritable) return;
      const again = await serveOnce();
      assert.doesNotMatch(again.stderr(), /"level":"(warn|error)"/);
      assert.doesNotMatch(again.stderr(), OF_NO_USE);
    });
  }

  it('serves the same after it was killed while it writes the checkpoint', async () => {
    await servedBefore();
    for (let kill = 0; kill < KILLS; kill++) {
      await rm(await checkpointPath(), { force: true });
      // A process of its own, which can be killed.
      const killed = await servers.start(remote.path, argsOf(`--keys=${otherKeyFile}`));
      await sleep(Math.random() * LONGEST_WRITE);
      assert.equal(await killed.stop('SIGKILL'), null);
      const server = await serveOnce();
      assert.doesNotMatch(server.stderr(), /"level":"(warn|error)"/);
      assert.doesNotMatch(server.stderr(), OF_NO_USE);
    }
  });

  /** All signatures as files in a directory. */
  async function makeDirectory(): Promise<string> {
    const source = join(state(), 'source');
    for (const { location, bytes } of all()) {
      await mkdir(join(source, dirname(location)), { recursive: true });
      await writeFile(join(source, location), bytes);
    }
    return source;
  }

  it('goes on from the checkpoint of a directory, and judges what has changed', async () => {
    const source = await makeDirectory();
    const keys = `--keys=${otherKeyFile}`;
    const run = async (files: readonly SignedFile[]): Promise<bigint> => {
      const server = await servers.startHere(source, argsOf(keys));
      await assertAllServed(server, files);
      await stop(server);
      assert.doesNotMatch(server.stderr(), OF_NO_USE);
      return writtenAt();
    };
    const first = await run(all());
    assert.equal(await run(all()), first);
    const [changed, ...others] = all();
    assert(changed);
    const { size, atime, mtime } = await stat(join(source, changed.location));
    await writeFile(join(source, changed.location), Buffer.alloc(size, 'x'));
    await utimes(join(source, changed.location), atime, mtime);
    const second = await run(others);
    await writeFile(join(source, changed.location), changed.bytes);
    await run(all());
    assert.notEqual(await writtenAt(), second);
  });

  it('serves a directory where the state directory cannot be made, and says so', async () => {
    const source = await makeDirectory();
    await writeFile(join(state(), 'file'), '');
    const args = publisher.serveArgs(join(state(), 'file', 'state'));
    const server = await servers.startHere(source, [...args, `--keys=${otherKeyFile}`]);
    await assertAllServed(server);
    assert.match(server.stderr(), UNWRITABLE);
    await stop(server);
  });

  it('serves the same after it was killed amid the first load', async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      const killed = await servers.startListening(remote.path, argsOf(`--keys=${otherKeyFile}`));
      await sleep(Math.random() * LONGEST_LOAD);
      assert.equal(await killed.stop('SIGKILL'), null);
    }
    const server = await serveOnce();
    assert.doesNotMatch(server.stderr(), /"level":"(warn|error)"/);
  });

  it('takes away what is signed by a key that was taken away, and nothing else', async () => {
    await servedBefore();
    const server = await servers.startHere(remote.path, argsOf());
    await assertAllServed(server, ours);
    await Promise.all(theirs.map(async (file) => assertMissing(server, file)));
    assert.match(server.stderr(), /"code":"unknown-signer"/);
    await stop(server);
    await serveOnce();
  });

  it('serves what is signed by a key that has changed', async () => {
    await servedBefore();
    const { signer, key } = publisher;
    const changed = join(signer.home, 'changed.asc');
    const before = await readFile(publisher.keyFile);
    const env = { GNUPGHOME: signer.home };
    await runOrThrow('gpg', ['--batch', '--quick-set-expire', key.fingerprint, '2y'], { env });
    await signer.exportKeys(changed, key);
    assert.notDeepEqual(await readFile(changed), before);
    const keys = [`--keys=${changed}`, `--keys=${otherKeyFile}`];
    const args = argsOf().filter((arg) => !arg.startsWith('--keys='));
    const server = await servers.startHere(remote.path, [...args, ...keys]);
    await assertAllServed(server);
    await stop(server);
  });
});
