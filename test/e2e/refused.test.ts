import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { lookUp } from '../kit/program/look-up.ts';
import type { Lookaside } from '../kit/program/lookaside.ts';
import { makeNode } from '../kit/node/node.ts';
import { type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import { makeSignedImages } from '../kit/registry/signed-images.ts';
import { useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';

const commit = z.object({
  id: z.string(),
  author: z.object({ name: z.string(), email: z.string() }),
  date: z.string(),
  subject: z.string(),
});
const image = z.object({ repository: z.string(), digest: z.string(), identity: z.string() });
const pull = z.object({
  repository: z.string(),
  prefix: z.string().nullable(),
  digest: z.string(),
  count: z.number(),
  firstSeen: z.iso.datetime(),
  lastSeen: z.iso.datetime(),
  clients: z.array(z.string()),
  hasMoreClients: z.boolean(),
});
const refusedSchema = z.object({
  version: z.literal(1),
  images: z.number(),
  dropped: z.number(),
  refused: z.array(
    pull.extend({
      reason: z
        .object({
          code: z.string(),
          message: z.string(),
          next: z.string(),
          files: z
            .array(z.object({ path: z.string(), code: z.string(), commit: commit.nullable() }))
            .optional(),
          commit: commit.optional(),
          images: z.array(image).optional(),
        })
        .nullable(),
    }),
  ),
  resolved: z.array(
    pull.extend({ arrivedAt: z.iso.datetime(), waitedSeconds: z.number(), commit: z.string() }),
  ),
});
type Refused = z.output<typeof refusedSchema>;

const logged = z.object({ outcome: z.string(), path: z.string(), reason: z.string().optional() });
const MINUTE = 60_000;

async function readRefused({ statusUrl }: Lookaside): Promise<Refused> {
  const response = await fetch(`${statusUrl}/refused.json`);
  assert.equal(response.headers.get('Cache-Control'), 'no-store');
  return refusedSchema.parse(await response.json());
}

const makeDigest = (): string => `sha256:${randomBytes(32).toString('hex')}`;

describeWith(['gpg', 'git'], 'a refused pull', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let server: Lookaside;

  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    const { location, bytes } = await publisher.sign({ repository: 'team/other' });
    await remote.publish({ [location]: bytes });
  });
  afterEach(() => remote.remove());

  const serve = async (...more: readonly string[]): Promise<void> => {
    server = await servers.startHere(remote.path, [...publisher.serveArgs(directory()), ...more]);
  };
  /** As a process of its own, which has an access log. */
  const serveLogged = async (): Promise<void> => {
    const args = [...publisher.serveArgs(directory()), '--access-log', 'json'];
    server = await servers.start(remote.path, args);
  };
  /** Asks for an image as a node does, and gives what operators are told. */
  const refuse = async (repository: string, digest: string) =>
    eventually(async () => {
      assert.equal((await lookUp(server, formatLocation(repository, digest, 1))).status, 404);
      const { refused } = await readRefused(server);
      const told = refused.find((one) => one.repository === repository && one.digest === digest);
      assert.ok(told?.reason);
      return { ...told, reason: told.reason };
    });
  /** The same, where the log names the reason. Again where it did not wait until all was looked through. */
  const refuseLogged = async (repository: string, digest: string) =>
    eventually(async () => {
      const told = await refuse(repository, digest);
      const line = await eventually(async () => {
        const lines = server.stdout().split('\n').filter(Boolean);
        const found = lines.map((one) => logged.parse(JSON.parse(one)));
        const path = `/${formatLocation(repository, digest, 1)}`;
        const own = found.findLast((one) => one.path === path);
        assert.ok(own);
        return own;
      });
      assert.deepEqual([line.outcome, line.reason], ['unsigned', told.reason.code]);
      return told;
    });

  it('is told with its client and its time, and closes when the signature comes', async () => {
    await serveLogged();
    const digest = makeDigest();
    const startedAt = Date.now();
    await refuseLogged('team/app', digest);
    const told = await refuseLogged('team/app', digest);
    assert.deepEqual([told.count, told.clients, told.prefix], [2, ['127.0.0.1'], null]);
    assert.ok(Math.abs(Date.parse(told.firstSeen) - startedAt) < MINUTE);
    assert.ok(told.firstSeen <= told.lastSeen);

    const { location, bytes } = await publisher.sign({ digest });
    const id = await remote.publish({ [location]: bytes });
    await publisher.announce(server, id);
    const { resolved, refused } = await eventually(async () => {
      const now = await readRefused(server);
      assert.equal(now.images, 0);
      return now;
    });
    assert.deepEqual(refused, []);
    const [arrived] = resolved;
    assert.deepEqual([arrived?.digest, arrived?.commit, arrived?.count], [digest, id, 2]);
    assert.ok(arrived && arrived.waitedSeconds < MINUTE / 1000);
    await server.waitForLine(/"msg":"a refused image is signed now"/);
  });

  it('of a quarantined signature names file, fault and commit', async () => {
    const digest = makeDigest();
    const path = formatLocation('team/app', digest, 1);
    const id = await remote.publish({ [path]: '<!doctype html>' });
    await remote.publish({ 'README.md': 'later' });
    await serveLogged();
    const { reason } = await refuseLogged('team/app', digest);
    assert.equal(reason.code, 'quarantined');
    const [file] = reason.files ?? [];
    assert.deepEqual([file?.path, file?.code, file?.commit?.id], [path, 'html', id]);
    assert.deepEqual(file?.commit?.author, { name: 'Author', email: 'author@example.test' });
    assert.equal(file?.commit?.subject, 'Change signatures');
  });

  it('of a signature that lies in a misnamed directory names that file', async () => {
    const { location, bytes } = await publisher.sign();
    const [repository = '', hex = ''] = location.split(/@sha256=|\/signature-1/);
    const misnamed = `${repository}@sha256:${hex}/signature-1`;
    const id = await remote.publish({ [misnamed]: bytes });
    await serve();
    const { reason } = await refuse(repository, `sha256:${hex}`);
    const [file] = reason.files ?? [];
    assert.deepEqual(
      [reason.code, file?.path, file?.code, file?.commit?.id],
      ['quarantined', misnamed, 'colon-directory', id],
    );
  });

  it('of a signature under the digest of another image names that file', async () => {
    const signed = await publisher.sign();
    const wrong = formatLocation('team/app', makeDigest(), 1);
    await remote.publish({ [wrong]: signed.bytes });
    await serve();
    const [, hex = ''] = signed.location.split(/@sha256=|\/signature-1/);
    const { reason } = await refuse('team/app', `sha256:${hex}`);
    const [file] = reason.files ?? [];
    assert.deepEqual([file?.path, file?.code], [wrong, 'digest-mismatch']);
  });

  it('of a removed signature names the commit that removed it', async () => {
    const digest = makeDigest();
    const { location, bytes } = await publisher.sign({ digest });
    await remote.publish({ [location]: bytes });
    const id = await remote.publish({ [location]: null });
    await remote.publish({ 'README.md': 'later' });
    await serveLogged();
    const { reason } = await refuseLogged('team/app', digest);
    assert.deepEqual([reason.code, reason.commit?.id], ['removed', id]);
    assert.equal(reason.commit?.author.name, 'Author');
    assert.match(reason.next, /git checkout [0-9a-f]{12}\^ -- /);
  });

  it('of a signature that was removed on a branch, and merged, names the commit of the branch', async () => {
    const digest = makeDigest();
    const { location, bytes } = await publisher.sign({ digest });
    await remote.publish({ [location]: bytes });
    await remote.git('checkout', '--quiet', '-b', 'cleaning');
    const id = await remote.commit({ [location]: null });
    await remote.git('checkout', '--quiet', 'main');
    await remote.commit({ 'README.md': 'meanwhile' });
    await remote.git('merge', '--quiet', '--no-edit', 'cleaning');
    await remote.push();
    await serve();
    const { reason } = await refuse('team/app', digest);
    assert.deepEqual([reason.code, reason.commit?.id], ['removed', id]);
  });

  it('of a digest that is signed elsewhere says where', async () => {
    const digest = makeDigest();
    const { location, bytes } = await publisher.sign({ repository: 'team/other', digest });
    const below = await publisher.sign({ repository: 'team/moved', digest });
    await remote.publish({ [location]: bytes, [`mirror/${below.location}`]: below.bytes });
    await serve();
    const { reason } = await refuse('team/app', digest);
    assert.equal(reason.code, 'elsewhere');
    assert.deepEqual(
      reason.images?.map((one) => [one.repository, one.identity]),
      [
        ['mirror/team/moved', 'registry.example/team/moved:v1'],
        ['team/other', 'registry.example/team/other:v1'],
      ],
    );
  });

  it('below another prefix than that of the signature says so', async () => {
    const { location, bytes } = await publisher.sign();
    await remote.publish({ [`mirror/${location}`]: bytes });
    await serve();
    const [repository = '', hex = ''] = location.split(/@sha256=|\/signature-1/);
    const { reason } = await refuse(repository, `sha256:${hex}`);
    assert.equal(reason.code, 'elsewhere');
    assert.match(reason.next, /below mirror/);
  });

  it('of another digest than those that are signed shows the newest ones', async () => {
    const { location, bytes } = await publisher.sign();
    await remote.publish({ [location]: bytes });
    await serve();
    const { reason } = await refuse('team/app', makeDigest());
    assert.equal(reason.code, 'other-digests');
    assert.deepEqual(
      reason.images?.map((one) => [one.identity, one.digest.slice('sha256:'.length)]),
      [['registry.example/team/app:v1', location.split(/[=/]/).at(-2)]],
    );
  });

  it('of a repository that nobody knows says so', async () => {
    await serve();
    const { reason } = await refuse('nobody/nothing', makeDigest());
    assert.equal(reason.code, 'unknown-repository');
    assert.match(reason.next, /nobody\/nothing@sha256=/);
  });

  it('of a state that is refused as a whole names the file and the commit that broke it', async () => {
    const { location, bytes } = await publisher.sign();
    const good = await publisher.sign();
    await serve('--on-invalid=refuse');
    await remote.publish({ [location]: bytes, 'README.md': 'unrelated' });
    const id = await remote.publish({ [location]: '<!doctype html>', [good.location]: good.bytes });
    await publisher.announce(server, id);
    await server.waitForLine(/is refused: 1 rejected file;/);
    const [, hex = ''] = location.split(/@sha256=|\/signature-1/);
    const { reason } = await refuse('team/app', `sha256:${hex}`);
    const [file] = reason.files ?? [];
    assert.deepEqual([reason.code, file?.path, file?.commit?.id], ['quarantined', location, id]);
    const [, other = ''] = good.location.split(/@sha256=|\/signature-1/);
    const beside = await refuse('team/app', `sha256:${other}`);
    assert.match(beside.reason.message, new RegExp(`newest state.* is not served.*${id}`));
  });

  it('is not forgotten by a restart, and closes at it', async () => {
    await serve();
    const digest = makeDigest();
    const first = await refuse('team/app', digest);
    await refuse('nobody/nothing', digest);
    assert.equal(await server.stop(), 0);
    const { location, bytes } = await publisher.sign({ digest });
    await remote.publish({ [location]: bytes });
    await serve();
    // The state of last time comes first, and then the newest.
    const { resolved } = await eventually(async () => {
      const read = await readRefused(server);
      assert.deepEqual(
        read.refused.map(({ repository, reason }) => [repository, reason?.code]),
        [['nobody/nothing', 'elsewhere']],
      );
      return read;
    });
    assert.deepEqual(
      resolved.map((one) => [one.repository, one.firstSeen]),
      [['team/app', first.firstSeen]],
    );
  });

  it('shows names of strangers as they are', async () => {
    const digest = makeDigest();
    const { location, bytes } = await publisher.sign({ digest });
    await remote.publish({ [location]: bytes });
    const name = 'A \u202e&lt;" B';
    const subject = '<img src=x>\u202e\u0007"';
    await remote.git('rm', '-r', '--quiet', '.');
    await remote.git('commit', '--quiet', '--author', `${name} <x@example.test>`, '-m', subject);
    await remote.push();
    await serve();
    const { reason } = await refuse('team/app', digest);
    assert.deepEqual([reason.commit?.author.name, reason.commit?.subject], [name, subject]);
  });

  it('refuses a query that it does not know', async () => {
    await serve();
    for (const query of ['limit=0', 'limit=x', 'limit=1&limit=2', 'limit=1000000']) {
      const response = await fetch(`${server.statusUrl}/refused.json?${query}`);
      assert.equal(response.status, 400, query);
      assert.deepEqual(Object.keys((await response.json()) as object), ['message']);
    }
  });
});

describeWith(['skopeo', 'podman', 'docker-registry', 'gpg', 'git'], 'a pull by podman', () => {
  const servers = useLookaside();
  const directory = useTemporary();

  it('is told when it is refused, and leaves nothing when it is not', async () => {
    const images = await makeSignedImages();
    const args = ['--keys', images.keyFile, '--state-dir', directory(), '--access-log', 'json'];
    const server = await servers.start(images.remote.path, args);
    const node = await makeNode({
      scope: images.registry.host,
      lookaside: server.baseUrl,
      keys: [images.keyFile],
    });
    try {
      assert.equal((await node.pullWithPodman(images.signed.reference)).outcome, 'accepted');
      assert.equal((await readRefused(server)).images, 0);
      assert.equal((await node.pullWithPodman(images.unsigned.reference)).outcome, 'refused');
      const { refused } = await readRefused(server);
      assert.deepEqual(
        refused.map((one) => [one.repository, one.digest, one.count, one.clients]),
        [['team/app', images.unsigned.digest, 1, ['127.0.0.1']]],
      );
      assert.equal(refused[0]?.reason?.code, 'other-digests');
    } finally {
      await node.remove();
      await images.stop();
    }
  });
});
