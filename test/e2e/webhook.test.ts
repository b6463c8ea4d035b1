import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import type { GitHttp } from '../kit/remote/git-http.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { makePublisher, type Publisher, type SignedFile } from '../kit/signer/publisher.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { type SendPushOptions, sendPush } from '../kit/program/send-push.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';
import { FORGE_DELIVERIES, sendDelivery } from '../kit/web/forge-deliveries.ts';

const FORM = 'application/x-www-form-urlencoded';
const TOO_LARGE = 26 * 1024 * 1024;

describeWith(['gpg', 'git', 'git-http-backend', 'openssl'], 'webhook', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let http: GitHttp;
  let signed: SignedFile;

  before(async () => {
    publisher = await makePublisher();
    signed = await publisher.sign();
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    await remote.publish({ 'README.md': 'signatures' });
    http = await remote.serveHttp();
  });
  afterEach(() => remote.remove());

  const serve = (secretFile = publisher.secretFile, ...more: readonly string[]) =>
    servers.startHere(http.url, [
      ...publisher.serveArgs(directory()),
      '--webhook-secret-file',
      secretFile,
      ...more,
    ]);
  const push = () => remote.publish({ [signed.location]: signed.bytes });

  type Refused = Partial<SendPushOptions> & { readonly status: number };
  const noRefresh: Readonly<Record<string, () => Refused>> = {
    'a wrong HMAC': () => ({ status: 401, secret: 'another secret' }),
    'no HMAC': () => ({ status: 401, headers: { 'X-Hub-Signature-256': '' } }),
    'an HMAC of SHA-1': () => ({ status: 401, headers: { 'X-Hub-Signature-256': 'sha1=00' } }),
    'a body of 26 MiB': () => ({ status: 413, body: ' '.repeat(TOO_LARGE) }),
    'a signed body that is no push': () => ({ status: 400, body: '{"ref":1}' }),
    'a push to another branch': () => ({ status: 202, ref: 'refs/heads/main2' }),
    'a push of a tag': () => ({ status: 202, ref: 'refs/tags/main' }),
    'another event': () => ({ status: 202, event: 'issues' }),
    'a ping': () => ({ status: 200, event: 'ping' }),
  };
  it('refreshes for a signed push to the branch only', async () => {
    const server = await serve();
    const commit = await push();
    await server.waitForLine(/"msg":"refreshed"/);
    const [before, asked] = [await readStatus(server), http.requests().length];
    for (const [what, refuse] of Object.entries(noRefresh)) {
      const { status, ...options } = refuse();
      assert.equal((await publisher.announce(server, commit, options)).status, status, what);
    }
    const get = await fetch(`${server.baseUrl}/webhook`);
    assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST, OPTIONS']);

    assert.deepEqual(await readStatus(server), before);
    assert.equal(http.requests().length, asked);
    await publisher.announce(server, commit);
    await eventually(() => assertServed(server, signed));
    assert.equal((await readStatus(server)).generation?.number, 2);
  });

  it('takes a form-encoded payload', async () => {
    const server = await serve();
    const payload = JSON.stringify({ ref: 'refs/heads/main', after: await push() });
    const body = new URLSearchParams({ payload }).toString();
    const { status } = await sendPush({
      baseUrl: server.baseUrl,
      secret: publisher.secret,
      body,
      headers: { 'Content-Type': FORM },
    });
    assert.equal(status, 202);
    await eventually(() => assertServed(server, signed));
  });

  it('takes either of two secrets, and another after SIGHUP', async () => {
    const file = join(directory(), 'secrets');
    const statuses = async (...secrets: readonly string[]) => {
      const answers = secrets.map((secret) => sendPush({ baseUrl: server.baseUrl, secret }));
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    await writeFile(file, 'first\nsecond\n');
    const server = await serve(file);
    assert.deepEqual(await statuses('first', 'second', 'third', ''), [202, 202, 401, 401]);
    await writeFile(file, 'second\nthird\n');
    assert.deepEqual(await statuses('first', 'second', 'third'), [202, 202, 401]);
    server.signal('SIGHUP');
    await eventually(async () =>
      assert.deepEqual(await statuses('first', 'second', 'third'), [401, 202, 202]),
    );
    await writeFile(file, '\n');
    server.signal('SIGHUP');
    await server.waitForLine(/secrets: expected a webhook secret, got an empty file/);
    assert.deepEqual(await statuses('first', 'second', 'third'), [401, 202, 202]);
  });

  it('takes the deliveries of those git hosts that --webhook-forges names', async () => {
    const signing = `whsec_${randomBytes(32).toString('base64')}`;
    const file = join(directory(), 'secrets');
    await writeFile(file, `of github\n${signing}\nof bitbucket\n`);
    const server = await serve(file, '--webhook-forges', 'gitlab,bitbucket,azure');
    const deliver = async (name: string, secret: string, commit: string): Promise<number> => {
      const [, make] = FORGE_DELIVERIES[name] ?? [];
      if (!make) throw new Error(`${name} delivers nothing`);
      const delivery = await make({ secret, branch: 'main', commit });
      return (await sendDelivery(server.baseUrl, delivery)).status;
    };
    const commit = await push();
    assert.equal(await deliver('GitHub', 'of github', commit), 401);
    assert.equal(await deliver('GitLab, signing token', 'another', commit), 401);
    assert.equal(await deliver('GitLab, signing token', signing, commit), 202);
    await eventually(() => assertServed(server, signed));

    const more = await publisher.sign();
    const next = await remote.publish({ [more.location]: more.bytes });
    assert.equal(await deliver('Bitbucket Data Center', 'of bitbucket', next), 202);
    await eventually(() => assertServed(server, more));
    assert.equal(await deliver('Azure DevOps', signing, next), 202);
    await server.waitForLine(/"forge":"azure".*Authorization shows the secret to the network/);

    await writeFile(file, `of github\n${signing.slice(0, -3)}\n`);
    server.signal('SIGHUP');
    await server.waitForLine(/secrets: expected whsec_ and base64 behind it in secret 2/);
    assert.equal(await deliver('GitLab, token', 'of bitbucket', next), 202);
  });

  it('takes what a pipeline signs as the page says: docs/git-hosts.md', async () => {
    const page = await readFile('docs/git-hosts.md', 'utf8');
    const [, commands = ''] = /^```sh\n(body=[^`]+\n)curl .*\n```$/m.exec(page) ?? [];
    await writeFile(join(directory(), 'webhook-secret'), publisher.secret);
    const script = `${commands}printf '%s %s' "$body" "$signature"`;
    const { stdout } = await runOrThrow('sh', ['-euc', script], { cwd: directory() });
    const [body = '', signature = ''] = stdout.split(' ');
    const server = await serve();
    await push();
    const answer = await fetch(`${server.baseUrl}/webhook`, {
      method: 'POST',
      headers: { 'X-Signature': `sha256=${signature}` },
      body,
    });
    assert.equal(answer.status, 202);
    await eventually(() => assertServed(server, signed));
  });

  it('is not there without a secret', async () => {
    const args = ['--keys', publisher.keyFile, '--state-dir', directory(), '--poll', '0s'];
    const server = await servers.startHere(http.url, args);
    const asked = http.requests().length;
    assert.equal((await publisher.announce(server, await push())).status, 404);
    assert.equal(http.requests().length, asked);
  });
});
