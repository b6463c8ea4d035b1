// What `lookaside explain` learns from a server, good and bad.
import assert from 'node:assert/strict';
import { type Server, createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { explainAtServer } from '../../../cli/explain/explain-at-server.ts';
import { parsePulledImage } from '../../../generator/terms/image-name.ts';
import { freePort } from '../../kit/process/free-port.ts';
import { startLookaside } from '../../kit/program/lookaside.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { type Expected, assertUsageError } from './assert-usage-error.ts';
import { makeCertificate } from '../../kit/web/certificate.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';

const HEX = 'ab'.repeat(32);
/** At a registry that nobody reaches. */
const BY_DIGEST = `127.0.0.1:1/team/app@sha256:${HEX}`;

describe('lookaside explain asks a server', () => {
  const directory = useTemporary();
  let server: Server;
  let respond: Parameters<typeof createServer>[1];
  let address: string;
  before(async () => {
    server = createServer((request, response) => respond?.(request, response));
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const ask = async (...args: readonly string[]) =>
    runInProcess(['explain', BY_DIGEST, '--server', address, ...args]);
  const answerWith = (status: number, text: string | object) => {
    const body = typeof text === 'string' ? text : JSON.stringify(text);
    respond = (_request, response) => response.writeHead(status).end(body);
  };
  const image = {
    image: BY_DIGEST,
    digest: `sha256:${HEX}`,
    verdict: 'accepted',
    scope: '',
    directory: 'x',
    signatures: [],
    reason: null,
    note: null,
  };
  const generation = { number: 1, commit: null, loadedAt: '2026-01-01T00:00:00Z' };
  const answer = { version: 1, generation, images: [image] };

  it('that answers', async () => {
    let asked: string | undefined;
    respond = (request, response) => {
      asked = request.url;
      response.end(JSON.stringify(answer));
    };
    const { code, stdout } = await ask('--format', 'json');
    assert.equal(code, 0);
    const named = encodeURIComponent(BY_DIGEST);
    assert.equal(asked, `/explain.json?image=${named}&digest=sha256%3A${HEX}`);
    assert.deepEqual(JSON.parse(stdout.toString()), {
      version: 1,
      image: BY_DIGEST,
      server: `${address}/`,
      generation,
      registry: 'not-asked',
      list: null,
      platforms: [{ platform: null, ...image }],
      accepted: true,
    });
  });

  it("whose words are a stranger's", async () => {
    const evil = 'a\u001b[2J\u202eb\nverdict:    accepted';
    const reason = {
      code: 'quarantined',
      message: evil,
      next: evil,
      files: [
        {
          path: evil,
          code: 'html',
          message: evil,
          hint: evil,
          commit: { id: evil, author: { name: evil, email: evil }, date: evil, subject: evil },
        },
      ],
    };
    const signature = {
      servedAs: evil,
      identity: evil,
      signer: evil,
      signingKey: evil,
      userIds: [evil],
      signedAt: evil,
      fault: evil,
      warnings: [{ code: evil, message: evil }],
    };
    const hostile = {
      ...image,
      note: evil,
      verdict: 'refused',
      scope: evil,
      directory: evil,
      reason,
    };
    answerWith(200, { ...answer, images: [{ ...hostile, signatures: [signature] }] });
    const { code, stdout } = await ask();
    assert.equal(code, 1);
    const text = stdout.toString();
    // oxlint-disable-next-line no-control-regex -- what is looked for
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.deepEqual(text.match(/^verdict: .*$/gm), ['verdict:    refused: quarantined']);
  });

  const wrong: Readonly<Record<string, readonly [number, string | object, Expected]>> = {
    'that is the store': [
      404,
      '',
      { message: /^expected the status listener .*, got status 404$/, hint: /--status-listen/ },
    ],
    'that has pages': [
      200,
      '<html>',
      { message: /^expected the status listener .*, got something else$/ },
    ],
    'of another version': [
      200,
      { ...answer, version: 2 },
      { message: /got something else$/, hint: /the same version/ },
    ],
    'that has no reason of ours': [
      200,
      { ...answer, images: [{ ...image, reason: { code: 'x', message: '', next: '' } }] },
      { message: /got something else$/ },
    ],
    'that speaks of others': [
      200,
      { ...answer, images: [] },
      { message: /answered for other images$/ },
    ],
    'that is not ready': [
      503,
      { message: 'no generation is loaded yet' },
      { message: /says: no generation is loaded yet$/, hint: /try again/ },
    ],
    'that cannot read us': [
      400,
      { message: 'expected \u001b, got x' },
      { message: /says: expected \\u\{1b\}, got x$/ },
    ],
    'that does not end': [
      200,
      'x'.repeat(17 * 1024 * 1024),
      { message: /^cannot ask the server at \S+: the answer is too large$/ },
    ],
  };
  for (const [title, [status, body, expected]] of Object.entries(wrong)) {
    it(title, async () => {
      answerWith(status, body);
      assertUsageError(await ask(), expected);
    });
  }

  it('that sends us elsewhere', async () => {
    respond = (_request, response) => response.writeHead(302, { Location: '/x' }).end();
    assertUsageError(await ask(), { message: /^cannot ask the server at \S+: .*redirect/ });
  });

  it('that hangs, and gives up or is interrupted', async () => {
    respond = (_request, response) => response.writeHead(200).flushHeaders();
    const pulled = parsePulledImage(BY_DIGEST) ?? assert.fail();
    const never = new AbortController().signal;
    const late = explainAtServer(new URL(address), pulled, [HEX], never, 200);
    await assert.rejects(late, {
      name: 'UsageError',
      message: /^cannot ask the server .*: no answer in time$/,
    });
    const ending = new AbortController();
    const stopped = explainAtServer(new URL(address), pulled, [HEX], ending.signal);
    setTimeout(() => ending.abort(), 200);
    await assert.rejects(stopped, { message: /^cannot ask the server .*: interrupted$/ });
  });

  it('that it does not trust', async () => {
    const { cert, key } = await makeCertificate(directory(), 'localhost');
    const secure = createSecureServer({ cert: Buffer.from(cert), key: Buffer.from(key) });
    const port = await freePort();
    await new Promise<void>((resolve) => secure.listen(port, '127.0.0.1', resolve));
    const args = ['explain', BY_DIGEST, '--server', `https://127.0.0.1:${port}`];
    assertUsageError(await runInProcess(args), {
      message: /^cannot ask the server at \S+: .*self-signed certificate/,
      hint: /NODE_EXTRA_CA_CERTS/,
    });
    secure.close();
  });

  it('that is down', async () => {
    const port = await freePort();
    const args = ['explain', BY_DIGEST, '--server', `http://127.0.0.1:${port}`];
    assertUsageError(await runInProcess(args), {
      message: /^cannot ask the server at \S+: connect ECONNREFUSED/,
      hint: /--status-listen/,
    });
  });

  it('tells the store of a server from its status', async () => {
    const real = await startLookaside(directory());
    try {
      const askAt = async (url: string) => runInProcess(['explain', BY_DIGEST, '--server', url]);
      assertUsageError(await askAt(real.baseUrl), { message: /got status 404$/ });
      assert.equal((await askAt(real.statusUrl)).code, 1);
      assertUsageError(await runInProcess(['explain', BY_DIGEST, real.statusUrl], process.env), {
        message: /git/,
        hint: new RegExp(`^hint: for a running server, write --server ${real.statusUrl}$`),
      });
    } finally {
      await real.stop();
    }
  });
});
