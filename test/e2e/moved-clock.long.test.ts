import assert from 'node:assert/strict';
import { join } from 'node:path';
import { makeBzip2Bomb } from '../kit/remote/bomb-repository.ts';
import { MovedClock, YEAR } from '../kit/process/moved-clock.ts';
import { Toolbox } from '../kit/process/toolbox.ts';
import { describeWith } from '../with-tools.ts';
import { assertMissing, assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { lookUp } from '../kit/program/look-up.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { type SignedFile, type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import type { SigningKey } from '../kit/signer/signer.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

/** Files that keep gpgv busy, in one push. */
const BOMBS = 8;
/** In milliseconds: far less than gpgv takes for them. */
const PROMPT = 3000;

describeWith(['gpg', 'gpgv', 'git', 'faketime', 'bzip2'], 'verdicts, as time goes by', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let keyFile: string;
  let ending: SigningKey;
  /** By a usual key without end, by one with, and by one of which only gpgv knows. */
  let lasting: SignedFile;
  let timed: SignedFile;
  let unusual: SignedFile;

  before('sign', async () => {
    [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    const { signer, sign, key } = publisher;
    ending = await signer.makeKey({ algorithm: 'rsa2048', expires: '2y' });
    const dsa = await signer.makeKey({ algorithm: 'dsa1024', expires: '2y' });
    keyFile = await signer.exportKeys(join(signer.home, 'all.gpg'), key, ending, dsa);
    lasting = await sign({ repository: 'lasting' });
    timed = await sign({ repository: 'timed', key: ending });
    unusual = await sign({ repository: 'unusual', key: dsa });
    const files = [lasting, timed, unusual].map(({ location, bytes }) => [location, bytes]);
    await remote.publish(Object.fromEntries(files));
  });
  after(async () => Promise.all([publisher.stop(), remote.remove()]));

  const all = () => [lasting, timed, unusual];
  const assertAll = async (server: Lookaside): Promise<void> => {
    await Promise.all(all().map(async (file) => assertServed(server, file)));
  };

  describe('under a wrong clock', () => {
    let clock: MovedClock;
    let toolbox: Toolbox;
    beforeEach('make a clock', async () => {
      clock = await MovedClock.make(directory());
      toolbox = await Toolbox.make(join(directory(), 'bin'));
      await clock.applyTo(toolbox);
    });

    const serve = async (): Promise<Lookaside> => {
      const args = publisher.serveArgs(join(directory(), 'state'));
      return servers.start(remote.path, [...args, `--keys=${keyFile}`], {
        env: { ...clock.environment, PATH: toolbox.path, TZ: 'UTC' },
      });
    };

    it('that is three years ahead are given up when it is right again', async () => {
      const server = await serve();
      await assertAll(server);
      await clock.move(3 * YEAR);
      await eventually(async () => assertMissing(server, timed));
      await eventually(async () => assertMissing(server, unusual));
      await assertServed(server, lasting);
      const codes = (await readStatus(server)).rejected.map(({ code }) => code);
      assert.deepEqual(codes, ['key-expired', 'key-expired']);
      await clock.move(0);
      await eventually(async () => assertAll(server));
      assert.deepEqual((await readStatus(server)).rejected, []);
      assert.match(server.stderr(), /the clock was set ahead by/);
      assert.match(server.stderr(), /the clock was set back by/);
    });

    it('that is behind at the start are given up when it is right', async () => {
      await clock.move(-20 * YEAR);
      const server = await serve();
      assert.equal(server.signatures, 0);
      assert.equal((await readStatus(server)).rejected.length, 3);
      await clock.move(0);
      await eventually(async () => assertAll(server));
    });

    it('do not outlive it by restarts', async () => {
      const first = await serve();
      await assertAll(first);
      assert.equal(await first.stop(), 0);
      await clock.move(-20 * YEAR);
      const behind = await serve();
      await eventually(async () => assertMissing(behind, timed));
      assert.equal(await behind.stop(), 0);
      await clock.move(3 * YEAR);
      const ahead = await serve();
      await eventually(async () => assertMissing(ahead, timed));
      await assertServed(ahead, lasting);
      await clock.move(0);
      await eventually(async () => assertAll(ahead));
    });
  });

  it('are gone when a signature expires, though nothing is polled or pushed', async () => {
    const { signer } = publisher;
    const digest = `sha256:${'5'.repeat(64)}`;
    const claims = { dockerReference: 'registry.example/brief:v1', manifestDigest: digest };
    // Time for a start, also beside other tests.
    const args = ['--default-sig-expire', 'seconds=20'];
    const bytes = await signer.sign(ending, claims, { args });
    const brief = { location: formatLocation('brief', digest, 1), bytes };
    await remote.publish({ [brief.location]: brief.bytes });
    const state = publisher.serveArgs(join(directory(), 'state'));
    const server = await servers.start(remote.path, [...state, `--keys=${keyFile}`]);
    try {
      await assertServed(server, brief);
      await eventually(async () => assertMissing(server, brief));
      await assertAll(server);
    } finally {
      await remote.publish({ [brief.location]: null });
    }
  });

  it('come from a gpgv that was missing once SIGHUP has found it, and stay when it is gone again', async () => {
    const toolbox = await Toolbox.make(join(directory(), 'bin'));
    await toolbox.remove('gpgv');
    const args = publisher.serveArgs(join(directory(), 'state'));
    const server = await servers.start(remote.path, [...args, `--keys=${keyFile}`], {
      env: { PATH: toolbox.path },
    });
    await assertServed(server, lasting);
    await assertMissing(server, unusual);
    assert.deepEqual(
      (await readStatus(server)).rejected.map(({ code }) => code),
      ['cannot-verify'],
    );
    await toolbox.restore('gpgv');
    server.signal('SIGHUP');
    await eventually(async () => assertAll(server));
    await toolbox.remove('gpgv');
    server.signal('SIGHUP');
    const before = (await readStatus(server)).lastRefresh;
    await eventually(async () =>
      assert.notDeepEqual((await readStatus(server)).lastRefresh, before),
    );
    await assertAll(server);
    assert.equal(await server.stop(), 0);
    const again = await servers.start(remote.path, [...args, `--keys=${keyFile}`], {
      env: { PATH: toolbox.path },
    });
    await assertAll(again);
  });

  it('on files that keep gpgv busy come last, so that no good push waits for them', async () => {
    const args = publisher.serveArgs(join(directory(), 'state'));
    const server = await servers.start(remote.path, [...args, `--keys=${keyFile}`]);
    const bomb = await makeBzip2Bomb(256 * 1024 * 1024);
    const good = await publisher.sign({ repository: 'good' });
    const bombs = Array.from({ length: BOMBS }, (_, index) => {
      // Another message each time, as gpgv is asked only once for one.
      const bytes = Buffer.concat([bomb, Buffer.alloc(index + 1)]);
      const digest = `sha256:${String(index).padStart(64, '0')}`;
      return [formatLocation('bomb', digest, 1), bytes] as const;
    });
    const commit = await remote.publish({
      ...Object.fromEntries(bombs),
      [good.location]: good.bytes,
    });
    await publisher.announce(server, commit);
    await eventually(async () => assertServed(server, good), PROMPT);
    const later = await publisher.sign({ repository: 'later' });
    await publisher.announce(server, await remote.publish({ [later.location]: later.bytes }));
    await eventually(async () => assertServed(server, later));
    await assertAll(server);
    const [location = ''] = bombs[0] ?? [];
    assert.equal((await lookUp(server, location)).status, 404);
    const paths = [...bombs.map(([path]) => path), good.location, later.location];
    await remote.publish(Object.fromEntries(paths.map((path) => [path, null])));
  });
});
