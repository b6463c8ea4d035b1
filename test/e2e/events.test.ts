// What other programs are told of real pushes and real lookups, by the built program, on real receivers.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { eventually } from '../kit/eventually.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { ListeningReceiver, type ReceivedPost } from '../kit/server/listening-receiver.ts';
import { type Publisher, type SignedFile, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { assertEvent } from '../server/events/event-schemas.ts';
import { readMetrics } from '../server/metrics/read-metrics.ts';
import { describeWith } from '../with-tools.ts';

const SECRET = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
const OTHER = `whsec_${Buffer.from('76543210fedcba9876543210').toString('base64')}`;
const BAD = `team/app@sha256=${'cd'.repeat(32)}/signature-1`;
const UNSIGNED = `team/app@sha256=${'ef'.repeat(32)}/signature-1`;

describeWith(['gpg', 'git'], 'events', () => {
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
});

/** Whether an object has these members, and others maybe. */
function assertSays(told: unknown, expected: object): void {
  assert(typeof told === 'object' && told !== null);
  assert.deepEqual({ ...told, ...expected }, told);
}

/** As a receiver does, with each of the secrets. */
function assertVerified({ headers, body }: ReceivedPost): void {
  const own = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value)]),
  );
  for (const secret of [SECRET, OTHER]) new Webhook(secret).verify(body, own);
  assert.equal(own['webhook-id'], (JSON.parse(body) as { id: string }).id);
}
