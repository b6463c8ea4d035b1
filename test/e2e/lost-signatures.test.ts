// A commit that takes signatures away is told: in the log, on the page, in /status.json and as a metric, until
// they are back or somebody has seen it; also after a restart.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../kit/eventually.ts';
import { assertMissing, assertServed } from '../kit/program/assert-served.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Publisher, type SignedFile, makePublisher } from '../kit/signer/publisher.ts';
import type { SigningKey } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { readMetrics } from '../server/metrics/read-metrics.ts';
import { describeWith } from '../with-tools.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
/** As hostile as names can be. */
const EVE = ['-c', 'user.name=Eve \u202e"&lt; Co', '-c', 'user.email=eve@example.test'];

describeWith(['gpg', 'git'], 'signatures that are taken away', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let other: SigningKey;
  let remote: GitRemote;
  let own: SignedFile;
  let others: SignedFile;
  let image: SignedFile;
  type Server = Awaited<ReturnType<typeof serve>>;

  before(async () => {
    publisher = await makePublisher();
    other = await publisher.signer.makeKey({ algorithm: 'ed25519', name: 'Other' });
    own = await publisher.sign({ digest: DIGEST });
    others = await publisher.sign({ digest: DIGEST, number: 2, key: other });
    image = await publisher.sign();
  });
  after(async () => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    const files = [own, others, image].map(({ location, bytes }) => [location, bytes] as const);
    await remote.publish(Object.fromEntries(files));
  });
  afterEach(async () => remote.remove());

  const serve = async (source = remote.path) => {
    const keys = await publisher.signer.exportKeys(join(directory(), 'other.asc'), other);
    const args = publisher.serveArgs(join(directory(), 'state'));
    return servers.startHere(source, [...args, `--keys=${keys}`]);
  };
  const commitAs = async (author: readonly string[], subject: string): Promise<void> => {
    await remote.git('add', '--all');
    await remote.git(...author, 'commit', '--quiet', '--message', subject, ...authorOf(author));
    await remote.push();
  };
  const refresh = async (server: Server): Promise<void> => {
    const head = await remote.git('rev-parse', 'HEAD');
    await fetch(`${server.statusUrl}/refresh`, { method: 'POST' });
    await eventually(async () => {
      const { generation, lastRefresh } = await readStatus(server);
      assert.deepEqual([generation?.commit, lastRefresh?.result], [head, 'changed']);
    });
  };
  const troublesOf = async (server: Server) =>
    (await readStatus(server)).troubles.filter(({ kind }) => kind === 'signatures-lost');
  const sampleOf = async (server: Server, name: string) =>
    (await readMetrics(server)).samples.get(name);
  const assertQuiet = async (server: Server): Promise<void> => {
    assert.deepEqual(await troublesOf(server), []);
    assert.equal((await readStatus(server)).lost, null);
    assert.equal(await sampleOf(server, 'lookaside_lost_signatures'), 0);
  };

  it('are named with who signed, who did it and what is left, until they are back', async () => {
    const server = await serve();
    await assertServed(server, own);
    // In place of signature-1: one of the other key, who has signed the image already.
    await writeFile(
      join(remote.work, own.location),
      (await publisher.sign({ digest: DIGEST, key: other })).bytes,
    );
    await commitAs(EVE, 'Sign again\u001b[2J');
    const culprit = await remote.git('rev-parse', 'HEAD');
    await remote.publish({ 'README.md': 'another commit on top\n' });
    await refresh(server);

    const fingerprint = publisher.key.fingerprint;
    const [trouble] = await troublesOf(server);
    assert.match(
      trouble?.message ?? '',
      new RegExp(
        `^the change to commit [0-9a-f]{12} took away 1 signature \\(25 %\\), of 1 image that is still there: 1 replaced; ${own.location}: ` +
          `expected the signature of "registry\\.example/team/app:v1" by ${fingerprint}, got other bytes: ` +
          `no signature by ${fingerprint} is left in its directory$`,
      ),
    );
    await eventually(async () => {
      const [{ commit, author } = {}] = await troublesOf(server);
      assert.equal(commit, culprit);
      assert.equal(author, 'Eve \\u{202e}"&lt; Co <eve@example.test>');
    });
    const { lost } = await readStatus(server);
    assert.deepEqual(
      [
        lost?.signatures,
        lost?.share,
        lost?.files.map(({ path, code, lacks }) => [path, code, lacks]),
      ],
      [1, 0.25, [[own.location, 'signature-replaced', ['signer']]]],
    );
    assert.equal(await sampleOf(server, 'lookaside_lost_signatures'), 1);
    assert.equal(await sampleOf(server, 'lookaside_lost_signatures_ratio'), 0.25);
    assert.equal(await sampleOf(server, 'lookaside_trouble{kind="signatures-lost"}'), 1);
    const page = await (await fetch(`${server.statusUrl}/`)).text();
    assert.match(page, /Signatures were taken away\./);
    for (const raw of ['\u202e', '\u001b', '"&lt; Co']) assert.ok(!page.includes(raw), raw);
    await server.waitForLine(/"level":"warn".*"signatures":1,"share":0\.25.*took away 1 signature/);
    assert.match(server.stderr(), new RegExp(`"commit":"${culprit}","author":"Eve.*Sign again`));

    await remote.publish({ [own.location.replace(/1$/, '7')]: own.bytes });
    await refresh(server);
    await assertQuiet(server);
    assert.equal(await sampleOf(server, 'lookaside_lost_signatures_total'), 1);
  });

  it('are not lost by another number, a duplicate that goes, or an image that goes as a whole', async () => {
    const server = await serve();
    await remote.publish({ [own.location.replace(/1$/, '9')]: own.bytes });
    await remote.publish({
      [own.location]: null,
      [others.location.replace(/2$/, '5')]: others.bytes,
    });
    await remote.publish({ [image.location]: null });
    await refresh(server);
    await assertMissing(server, image);
    await assertQuiet(server);
  });

  it('are told again by a server that was restarted, and after a restart that found the commit', async () => {
    const first = await serve();
    await remote.publish({ [own.location]: null });
    await refresh(first);
    await first.stop();
    const second = await serve();
    const [trouble] = await troublesOf(second);
    assert.match(
      trouble?.message ?? '',
      /took away 1 signature \(33 %\).*1 removed; .*\/signature-1: /,
    );
    assert.equal((await readStatus(second)).lost?.signatures, 1);

    const { status } = await fetch(`${second.statusUrl}/acknowledge`, { method: 'POST' });
    assert.equal(status, 200);
    await assertQuiet(second);
    await second.stop();
    const third = await serve();
    await assertQuiet(third);
    await third.stop();

    await remote.publish({ [others.location]: null, [own.location]: own.bytes });
    const fourth = await serve();
    await eventually(async () => {
      const [later] = await troublesOf(fourth);
      assert.match(later?.message ?? '', /1 removed; .*\/signature-2: /);
      assert.equal(later?.author, 'Author <author@example.test>');
    });
  });

  it('are acknowledged on the page as they were when it was read, and by no page of another site', async () => {
    const server = await serve();
    await remote.publish({ [own.location]: null });
    await refresh(server);
    const page = await (await fetch(`${server.statusUrl}/`)).text();
    const [, action = ''] = /action="(acknowledge\?until=[^"]+)"\s+method="post"/.exec(page) ?? [];
    const send = async (headers: Readonly<Record<string, string>>) =>
      fetch(new URL(action, `${server.statusUrl}/`), {
        method: 'POST',
        headers: { Accept: 'text/html', ...headers },
        redirect: 'manual',
      });
    assert.equal((await send({ 'Sec-Fetch-Site': 'cross-site' })).status, 403);
    assert.equal((await send({ Origin: 'https://evil.example' })).status, 403);
    assert.equal((await readStatus(server)).lost?.signatures, 1);

    await remote.publish({ [own.location]: own.bytes });
    await remote.publish({ [others.location]: null });
    await refresh(server);
    const late = await send({ Origin: server.statusUrl });
    assert.deepEqual([late.status, late.headers.get('location')], [303, './']);
    assert.match((await troublesOf(server))[0]?.message ?? '', /\/signature-2: /);

    const { lost } = await readStatus(server);
    const seen = new URL(`acknowledge?until=${lost?.until}`, `${server.statusUrl}/`);
    const answer = await fetch(seen, { method: 'POST' });
    assert.deepEqual([answer.status, await answer.json()], [200, { signatures: 1 }]);
    await assertQuiet(server);
  });

  it('are told by share where nothing is left', async () => {
    const server = await serve();
    await remote.publish({ [own.location]: null, [others.location]: null, [image.location]: null });
    await refresh(server);
    const [trouble] = await troublesOf(server);
    assert.match(
      trouble?.message ?? '',
      /took away 3 signatures \(100 %\), 2 whole images with 3 signatures$/,
    );
    assert.equal(await sampleOf(server, 'lookaside_lost_signatures_ratio'), 1);
    // Others sign as before, so the same is there again.
    await remote.publish({
      [own.location]: (await publisher.sign({ digest: DIGEST })).bytes,
      [others.location]: others.bytes,
      [image.location]: image.bytes,
    });
    await refresh(server);
    await assertQuiet(server);
  });

  it('are told of a directory, which has no commit, also if it changed while nobody served it', async () => {
    const server = await serve(remote.work);
    await rm(join(remote.work, others.location));
    await eventually(async () => assertMissing(server, others));
    await eventually(async () => {
      const [trouble] = await troublesOf(server);
      assert.match(
        trouble?.message ?? '',
        /^a change of the source took away 1 signature \(33 %\)/,
      );
      assert.deepEqual([trouble?.commit, trouble?.author], [undefined, undefined]);
    });
    await fetch(`${server.statusUrl}/acknowledge`, { method: 'POST' });
    await server.stop();
    await writeFile(join(remote.work, own.location), others.bytes);
    const next = await serve(remote.work);
    await eventually(async () => {
      const [trouble] = await troublesOf(next);
      assert.match(trouble?.message ?? '', /1 replaced; .*no signature by \w+ is left/);
    });
  });
});

function authorOf(settings: readonly string[]): readonly string[] {
  const [name = '', email = ''] = settings
    .filter((one) => one !== '-c')
    .map((one) => one.split('=')[1]);
  return [`--author=${name} <${email}>`];
}
