import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { cp, mkdir, readFile, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atLength } from '../kit/at-length.ts';
import { describeWith } from '../with-tools.ts';
import { assertMissing, assertServed } from './assert-served.ts';
import { eventually } from './eventually.ts';
import { type GitRemote, makeGitRemote } from './git-remote.ts';
import { type Lookaside, startLookaside } from './lookaside.ts';
import { type Publisher, type SignedFile, makePublisher } from './publisher.ts';
import { readStatus } from './read-status.ts';
import { runOrThrow } from './run.ts';
import { useTemporary } from './temporary.ts';
import { useLookaside } from './use-lookaside.ts';

/** The same signatures lie below so many prefixes. */
const MIRRORS = atLength(10, 40);
const FLIPS = 10;
const KILLS = 5;
/** The first load takes less, in milliseconds. */
const LONGEST_LOAD = 400;
/** An image of a small store takes less to write, in milliseconds. */
const LONGEST_IMAGE = 30;
const OF_NO_USE = /"level":"info".*"the image of the store is of no use; all is looked at"/;
const NOT_REMEMBERED = /"level":"warn".*"verdicts cannot be remembered; the next start is slower"/;

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

  /** Where verdicts, or an image of the store, are kept. */
  async function pathOf(kind: 'verdicts' | 'image'): Promise<string> {
    const names = (await readdir(state())).filter((name) => name.endsWith(`.${kind}`));
    assert.equal(names.length, 1);
    assert.match(names[0] ?? '', /^[0-9a-f]{16}\.[a-z]+$/);
    return join(state(), names[0] ?? '');
  }

  /** Only the image is forgotten. */
  const forgetImage = async () => rm(await pathOf('image'));

  const ways = [
    ['by an image', async () => undefined],
    ['by verdicts', forgetImage],
  ] as const;

  const readLines = async () =>
    (await readFile(await pathOf('verdicts'), 'latin1')).split('\n').filter((line) => line !== '');

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

  it('serves the same, and judges nothing again', async () => {
    const first = await serveOnce();
    const lines = await readLines();
    assert.equal(lines.length, all().length);
    for (const prepare of [forgetImage, async () => undefined]) {
      await prepare();
      const again = await serveOnce();
      assert.equal(again.commit, first.commit);
      assert.doesNotMatch(again.stderr(), /"level":"(warn|error)"/);
      assert.deepEqual(await readLines(), lines);
    }
  });

  it('needs no verdicts where there is an image', async () => {
    await servedBefore();
    await rm(await pathOf('verdicts'));
    const { stderr } = await serveOnce();
    assert.doesNotMatch(stderr(), /"level":"(warn|error)"/);
    assert.deepEqual(await readLines(), []);
  });

  it('remembers what was pushed meanwhile', async () => {
    await servedBefore();
    const server = await serve();
    const file = await publisher.sign({ repository: 'late' });
    await publisher.announce(server, await remote.publish({ [file.location]: file.bytes }));
    await eventually(async () => assertServed(server, file));
    await stop(server);
    const lines = await readLines();
    assert.equal(lines.length, all().length + 1);
    const again = await serve();
    await assertAllServed(again, [...all(), file]);
    await publisher.announce(again, await remote.publish({ [file.location]: null }));
    await eventually(async () => assertMissing(again, file));
    await stop(again);
    assert.deepEqual(new Set(await readLines()), new Set(lines));
  });

  const damage: Readonly<
    Record<string, { inflict: (path: string) => Promise<void>; isForgotten?: boolean }>
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
      isForgotten: true,
    },
    'it is a link to nowhere': {
      inflict: async (path) => {
        await rm(path);
        await symlink(join(path, 'nowhere'), path);
      },
      isForgotten: true,
    },
  };
  for (const [what, { inflict, isForgotten = false }] of Object.entries(damage)) {
    it(`serves the same when ${what}${isForgotten ? ', and says so' : ''}`, async () => {
      await servedBefore();
      await forgetImage();
      const path = await pathOf('verdicts');
      await inflict(path);
      const { stderr } = await serveOnce();
      assert.equal(
        stderr().match(new RegExp(NOT_REMEMBERED, 'g'))?.length ?? 0,
        Number(isForgotten),
      );
      if (isForgotten) await rm(path, { recursive: true });
      const { length: remembered } = isForgotten ? [] : await readLines();
      await forgetImage();
      const again = await serveOnce();
      assert.doesNotMatch(again.stderr(), /"level":"(warn|error)"/);
      if (!isForgotten) assert.equal((await readLines()).length, remembered, 'all is remembered');
    });
  }

  for (const [what, { inflict }] of Object.entries(damage)) {
    it(`serves the same when this happens to the image: ${what}`, async () => {
      await servedBefore();
      const lines = await readLines();
      const path = await pathOf('image');
      await inflict(path);
      const { stderr } = await serveOnce();
      assert.doesNotMatch(stderr(), /"level":"error"/);
      assert.equal(OF_NO_USE.test(stderr()), what !== 'it is removed');
      assert.deepEqual(await readLines(), lines);
      if (what === 'it is a directory') {
        assert.match(stderr(), /"level":"warn".*"the image of the store cannot be written/);
        return;
      }
      const again = await serveOnce();
      assert.doesNotMatch(again.stderr(), /"level":"(warn|error)"/);
      assert.doesNotMatch(again.stderr(), OF_NO_USE);
    });
  }

  it('serves the same after it was killed while it writes the image', async () => {
    await servedBefore();
    for (let kill = 0; kill < KILLS; kill++) {
      await rm(await pathOf('image'), { force: true });
      const killed = await servers.start(remote.path, argsOf(`--keys=${otherKeyFile}`));
      await sleep(Math.random() * LONGEST_IMAGE);
      assert.equal(await killed.stop('SIGKILL'), null);
      const server = await serveOnce();
      assert.doesNotMatch(server.stderr(), /"level":"(warn|error)"/);
      assert.doesNotMatch(server.stderr(), OF_NO_USE);
    }
  });

  it('serves a directory where the state directory cannot be made, and says so', async () => {
    const source = join(state(), 'source');
    for (const { location, bytes } of all()) {
      await mkdir(join(source, dirname(location)), { recursive: true });
      await writeFile(join(source, location), bytes);
    }
    await writeFile(join(state(), 'file'), '');
    const args = publisher.serveArgs(join(state(), 'file', 'state'));
    const server = await servers.start(source, [...args, `--keys=${otherKeyFile}`]);
    await assertAllServed(server);
    assert.match(server.stderr(), NOT_REMEMBERED);
    await stop(server);
  });

  it('serves the same after it was killed amid the first load', async () => {
    let most = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const killed = await servers.startListening(remote.path, argsOf(`--keys=${otherKeyFile}`));
      await sleep(Math.random() * LONGEST_LOAD);
      assert.equal(await killed.stop('SIGKILL'), null);
      const { length } = await readLines();
      // Whole lines are there once; of each kill, one may be torn.
      assert(length >= most && length <= all().length + KILLS, `${length} lines after ${most}`);
      most = length;
    }
    const server = await serveOnce();
    assert.doesNotMatch(server.stderr(), /"level":"(warn|error)"/);
  });

  for (const [how, prepare] of ways) {
    it(`takes away what is signed by a key that was taken away, and nothing else, ${how}`, async () => {
      await servedBefore();
      await prepare();
      const lines = await readLines();
      const server = await servers.startHere(remote.path, argsOf());
      await assertAllServed(server, ours);
      await Promise.all(theirs.map(async (file) => assertMissing(server, file)));
      assert.match(server.stderr(), /"code":"unknown-signer"/);
      await stop(server);
      assert.deepEqual(await readLines(), lines, 'the others are not judged again');
      await serveOnce();
      assert.deepEqual(new Set(await readLines()), new Set(lines));
    });
  }

  for (const [how, prepare] of ways) {
    it(`judges again what is signed by a key that has changed, and nothing else, ${how}`, async () => {
      await servedBefore();
      await prepare();
      const { length } = await readLines();
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
      assert.equal((await readLines()).length, length + ours.length);
    });
  }
});
