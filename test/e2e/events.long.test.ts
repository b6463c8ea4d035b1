// What other programs are told of real pushes and real lookups, by the built program, on real receivers.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { PATIENCE, eventually } from '../kit/eventually.ts';
import { SmallDisk } from '../kit/process/small-disk.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { Served } from '../kit/program/served.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { ListeningReceiver, type ReceivedPost } from '../kit/server/listening-receiver.ts';
import { type Publisher, type SignedFile, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { Authority } from '../kit/web/authority.ts';
import { assertEvent } from '../server/events/event-schemas.ts';
import { readMetrics } from '../server/metrics/read-metrics.ts';
import { describeWith } from '../with-tools.ts';

const SECRET = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
const OTHER = `whsec_${Buffer.from('76543210fedcba9876543210').toString('base64')}`;
const BAD = `team/app@sha256=${'cd'.repeat(32)}/signature-1`;
const UNSIGNED = `team/app@sha256=${'ef'.repeat(32)}/signature-1`;

const ONE_ADDED = { added: 1, removed: 0, rejected: 0 };

type Line = Record<string, unknown>;

describeWith(['gpg', 'git', 'openssl'], 'events', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let receiver: ListeningReceiver;
  let first: SignedFile;
  let second: SignedFile;
  let state: string;
  let audit: string;
  let args: string[];

  before(async () => {
    publisher = await makePublisher();
    [first, second] = [await publisher.sign(), await publisher.sign()];
  });
  after(async () => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    receiver = await ListeningReceiver.listen();
    state = join(directory(), 'state');
    audit = join(directory(), 'audit.log');
    const secrets = join(directory(), 'notify-secrets');
    await writeFile(secrets, `${SECRET}\n${OTHER}\n`);
    args = [
      ...publisher.serveArgs(state),
      `--notify-url=${receiver.url.replace('//', '//user:p%40ss@')}?key=hidden`,
      `--notify-secret-file=${secrets}`,
      `--audit-log=${audit}`,
    ];
  });
  afterEach(async () => Promise.all([remote.remove(), receiver.close()]));

  const received = async (count: number): Promise<readonly ReceivedPost[]> =>
    eventually(() => {
      assert(receiver.posts.length >= count, `expected ${count}, got ${receiver.posts.length}`);
      return receiver.posts;
    });
  const auditLines = async (file = audit): Promise<readonly Record<string, unknown>[]> => {
    const text = await readFile(file, 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('tell of a push, of what it has changed, and of images without a signature', async () => {
    const before = await remote.publish({ [first.location]: first.bytes });
    const server = await servers.start(remote.path, args);
    const [initial] = await received(1);
    assert(initial);
    const commit = await remote.publish({
      [first.location]: null,
      [second.location]: second.bytes,
      [BAD]: 'no signature',
    });
    await publisher.announce(server, commit);
    const [, published] = await received(2);
    assert(published);
    for (const post of receiver.posts) {
      assertEvent(post.body);
      assertVerified(post);
      assert.equal(post.method, 'POST');
      assert.equal(post.path, '/events?key=hidden');
      assert.equal(post.headers.authorization, `Basic ${btoa('user:p@ss')}`);
      assert.match(String(post.headers['content-type']), /^application\/cloudevents\+json\b/);
    }
    const [start, push] = receiver.bodies;
    assert(start && push);
    assert.equal(start['subject'], before);
    assertSays(start['data'], { commit: before, before: null, initial: true });
    assert.equal(push['type'], 'dev.lookaside.generation.published');
    assert.equal(push['subject'], commit);
    assert.match(String(push['source']), /^file:\/\/\/.*\/signatures\.git$/);
    const { fingerprint } = publisher.key;
    const identity = 'registry.example/team/app:v1';
    const added = { path: second.location, signer: fingerprint, identity };
    const changes = {
      added: [{ ...added, servedAs: `/${second.location}` }],
      removed: [{ path: first.location, signer: fingerprint, identity }],
      rejected: [{ path: BAD, code: 'unknown-format' }],
    };
    const said = {
      commit,
      before,
      cause: 'source',
      author: 'Author <author@example.test>',
      committer: 'Author <author@example.test>',
      signatures: 1,
      counts: { added: 1, removed: 1, rejected: 1 },
    };
    assertSays(push['data'], { ...said, ...changes, branch: 'main' });

    await eventually(async () => assert.equal((await auditLines()).length, 2));
    const [, line] = await auditLines();
    assertSays(line, { event: 'publication', ...said, ...changes });

    for (let count = 0; count < 3; count++) await lookUp(server, UNSIGNED);
    const [, , missing] = await received(3);
    assert(missing);
    assertEvent(missing.body);
    const refused = receiver.bodies[2];
    assert.equal(refused?.['type'], 'dev.lookaside.pull.refused');
    assertSays(refused['data'], {
      repository: 'team/app',
      digest: `sha256:${'ef'.repeat(32)}`,
      count: 3,
      clients: ['127.0.0.1'],
      commit,
      omitted: 0,
    });
    assertSays((refused['data'] as { reason: unknown }).reason, { code: 'other-digests' });
    const { text: metrics } = await readMetrics(server);
    assert.match(
      metrics,
      /^lookaside_events_total\{type="dev.lookaside.pull.refused",result="delivered"\} 1$/m,
    );
    assert.match(metrics, /^lookaside_audited_publications_total\{result="written"\} 2$/m);
    assert.doesNotMatch(server.stderr(), /p@ss|p%40ss|hidden/);
    assert.equal(await server.stop(), 0);
  });

  it('tell a start only of what has changed since the last published state, also after a kill', async () => {
    const before = await remote.publish({ [first.location]: first.bytes });
    const server = await servers.start(remote.path, args);
    await received(1);
    await eventually(async () => assert.equal((await auditLines()).length, 1));
    // Until the next start knows what is published.
    await eventually(async () => {
      const kept = await readdir(state, { recursive: true });
      assert(kept.length > 0);
      const { text } = await readMetrics(server);
      assert.match(text, /^lookaside_refresh_total\{result="changed"\} 1$/m);
    });
    await server.stop('SIGKILL');
    const commit = await remote.publish({ [second.location]: second.bytes });
    const again = await servers.start(remote.path, args);
    await received(2);
    const last = receiver.bodies.at(-1);
    assertSays(last?.['data'], { before, commit, initial: false, counts: ONE_ADDED });
    await eventually(async () => {
      const line = (await auditLines()).at(-1);
      assertSays(line, { before, commit, initial: false, counts: ONE_ADDED });
    });
    await again.stop();
    const count = receiver.posts.length;
    const third = await servers.start(remote.path, args);
    await eventually(async () => {
      const { text } = await readMetrics(third);
      assert.match(text, /^lookaside_refresh_total\{result="unchanged"\} 1$/m);
    });
    await third.stop();
    assert.equal(receiver.posts.length, count, 'nothing has changed');
    assert.equal((await auditLines()).length, count);
  });

  it('tell twice with the same id what a kill has kept from being noted', async () => {
    await remote.publish({ [first.location]: first.bytes });
    const server = await servers.start(remote.path, args);
    await received(1);
    await server.stop();
    const kept = join(directory(), 'kept');
    await cp(state, kept, { recursive: true });
    await remote.publish({ [second.location]: second.bytes });
    const next = await servers.start(remote.path, args);
    await received(2);
    await eventually(async () => assert.equal((await auditLines()).length, 2));
    await next.stop('SIGKILL');
    // As if it had not come so far as to note it.
    await rm(state, { recursive: true });
    await rename(kept, state);
    await servers.start(remote.path, args);
    await received(3);
    const [, once, twice] = receiver.bodies;
    assert.equal(twice?.['id'], once?.['id']);
    await eventually(async () => {
      const [, line, other] = await auditLines();
      assert.deepEqual(
        [other?.['before'], other?.['commit']],
        [line?.['before'], line?.['commit']],
      );
    });
  });

  it('are signed with the secrets that the file has now, and reach nobody without them', async () => {
    await remote.publish({ [first.location]: first.bytes });
    const server = await servers.start(remote.path, args);
    await received(1);
    const secrets = join(directory(), 'notify-secrets');
    await writeFile(secrets, 'a plain one\n');
    server.signal('SIGHUP');
    await server.waitForLine(/"files":"notify-secret".*files were read again/);
    await publisher.announce(server, await remote.publish({ [second.location]: second.bytes }));
    await received(2);
    const [, post] = receiver.posts;
    assert(post);
    const plain = new Webhook('a plain one', { format: 'raw' });
    plain.verify(post.body, toHeaders(post));
    assert.throws(() => new Webhook(SECRET).verify(post.body, toHeaders(post)));
    await writeFile(secrets, 'whsec_?\n');
    server.signal('SIGHUP');
    await server.waitForLine(/notify-secrets: expected whsec_ and base64 behind it in secret 1/);
    const { samples } = await readMetrics(server);
    const files = 'lookaside_config_last_reload_successful{files="notify-secret"}';
    assert.equal(samples.get(files), 0);
  });

  it('go to a receiver whose authority is named, and to no other', async () => {
    await remote.publish({ [first.location]: first.bytes });
    const authority = await Authority.make(directory());
    const secure = await ListeningReceiver.listen(await issue(authority));
    const options = [...publisher.serveArgs(state), `--notify-url=${secure.url}`];
    const distrustful = await servers.start(remote.path, options);
    await eventually(async () => {
      const { troubles } = await readStatus(distrustful);
      assert.match(JSON.stringify(troubles), /"kind":"events".*NODE_EXTRA_CA_CERTS/);
    });
    assert.equal(secure.posts.length, 0);
    await distrustful.stop();
    await rm(state, { recursive: true });
    const env = { NODE_EXTRA_CA_CERTS: authority.file };
    await servers.start(remote.path, options, { env });
    await eventually(() => assert.equal(secure.posts.length, 1));
    assert.equal(secure.posts[0]?.headers['webhook-signature'], undefined);
    await secure.close();
  });

  it('go to standard output between the lines of the access log, and of a directory too', async () => {
    const source = join(directory(), 'source');
    await writeFileAt(join(source, first.location), first.bytes);
    const stdout = ['--audit-log=-', '--access-log=json'];
    const server = await servers.start(source, [...publisher.serveArgs(state), ...stdout]);
    await lookUp(server, first.location);
    await writeFileAt(join(source, second.location), second.bytes);
    const lines = await eventually(() => {
      const all = server
        .stdout()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Line);
      const own = all.filter(({ event }) => event === 'publication');
      assert(own.length > 1 && all.length > own.length, 'one that began, one that changed');
      return own;
    });
    assertSays(lines[0], { commit: null, before: null, initial: true, signatures: 1 });
    assertSays(lines[1], { commit: null, before: null, initial: false, counts: ONE_ADDED });
    assert.equal(lines[1]?.['author'], undefined);
    await server.stop();
    await rm(join(source, first.location));
    const again = await servers.start(source, [...publisher.serveArgs(state), ...stdout]);
    await eventually(() => {
      const line = again
        .stdout()
        .split('\n')
        .find((one) => one !== '');
      assert(line !== undefined, 'no line yet');
      const counts = { added: 0, removed: 1, rejected: 0 };
      assertSays(JSON.parse(line), { initial: false, signatures: 1, counts });
    });
  });

  it('wait for a full disk, in the order in which they happened, and hold up nothing', async function onFullDisk() {
    const logs = join(directory(), 'logs');
    await mkdir(logs);
    const disk = await SmallDisk.mount(logs, 1024 * 1024);
    if (disk === undefined) return this.skip();
    const outside = join(disk.outside, 'audit.log');
    try {
      await remote.publish({ [first.location]: first.bytes });
      const options = [...publisher.serveArgs(state), `--audit-log=${join(logs, 'audit.log')}`];
      const { wrapper } = disk;
      const server = await Served.prepare({ source: remote.path, args: options, wrapper });
      await server.start();
      await server.waitUntilReady(PATIENCE);
      await eventually(async () => assert.equal((await auditLines(outside)).length, 1));
      await disk.fill();
      // A line that is longer than what is left of the file's last page.
      const bad = Array.from({ length: 60 }, (_, at) => [BAD.replace(/1$/, `${at + 1}`), 'none']);
      const commits = [
        await remote.publish({ ...Object.fromEntries(bad), [second.location]: second.bytes }),
      ];
      await publisher.announce(server, commits[0] ?? '');
      await eventually(async () => {
        const { troubles } = await readStatus(server);
        assert.match(JSON.stringify(troubles), /"audit-log","since":[^}]*1 publications wait/);
      });
      assert.equal((await lookUp(server, second.location)).status, 200);
      commits.push(await remote.publish({ [first.location]: null }));
      await publisher.announce(server, commits[1] ?? '');
      await eventually(async () =>
        assert.equal((await lookUp(server, first.location)).status, 404),
      );
      assert.doesNotMatch(await readFile(outside, 'utf8'), new RegExp(`"commit":"${commits[1]}"`));
      await disk.empty();
      await eventually(async () => {
        const [, ...told] = (await readFile(outside, 'utf8')).split('\n').flatMap(parseWhole);
        assert.deepEqual(
          told.map(({ commit, counts }) => [commit, counts]),
          [
            [commits[0], { added: 1, removed: 0, rejected: 60 }],
            [commits[1], { added: 0, removed: 1, rejected: 0 }],
          ],
        );
      });
      const { troubles } = await readStatus(server);
      assert.doesNotMatch(JSON.stringify(troubles), /audit-log/);
      await disk.fill();
      const last = await remote.publish({ [second.location]: null, [BAD]: null });
      await publisher.announce(server, last);
      await eventually(async () =>
        assert.equal((await lookUp(server, second.location)).status, 404),
      );
      // It waits for no disk.
      assert.equal(await server.process.stop(), 0);
    } finally {
      await disk.unmount();
    }
  });

  it('go into a new file when the old one was renamed', async () => {
    await remote.publish({ [first.location]: first.bytes });
    const server = await servers.start(remote.path, args);
    await eventually(async () => assert.equal((await auditLines()).length, 1));
    await rename(audit, `${audit}.1`);
    server.signal('SIGHUP');
    await eventually(async () => assert.equal(await readFile(audit, 'utf8'), ''));
    await publisher.announce(server, await remote.publish({ [second.location]: second.bytes }));
    await eventually(async () => assert.equal((await auditLines()).length, 1));
    assert.equal((await auditLines(`${audit}.1`)).length, 1);
  });
});

/** Skips what is no JSON: a line that was cut. */
function parseWhole(line: string): readonly Line[] {
  try {
    return [JSON.parse(line) as Line];
  } catch {
    return [];
  }
}

/** Whether an object has these members, and others maybe. */
function assertSays(told: unknown, expected: object): void {
  assert(typeof told === 'object' && told !== null);
  assert.deepEqual({ ...told, ...expected }, told);
}

/** As a receiver does, with each of the secrets. */
function assertVerified({ headers, body }: ReceivedPost): void {
  const own = toHeaders({ headers });
  for (const secret of [SECRET, OTHER]) new Webhook(secret).verify(body, own);
  assert.equal(own['webhook-id'], (JSON.parse(body) as { id: string }).id);
}

function toHeaders({ headers }: Pick<ReceivedPost, 'headers'>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

async function issue(authority: Authority): Promise<{ cert: Buffer; key: Buffer }> {
  const { cert, key } = await authority.issue('IP:127.0.0.1');
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
}

async function writeFileAt(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}
