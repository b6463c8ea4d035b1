import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import express from 'express';
import supertest from 'supertest';
import { readKeyring } from '../../generator/openpgp/read-keyring.ts';
import { createSimplePolicy } from '../../generator/policy/policy.ts';
import { createStatusApp, refuseOtherHosts } from '../../server/status-app.ts';
import { eventually } from '../kit/eventually.ts';
import { captureLines } from '../kit/server/captured-lines.ts';
import { EXAMPLE, type ExampleServer, startExample } from '../kit/server/example-server.ts';
import { at } from '../kit/server/fake-judge.ts';
import { createGate } from '../kit/server/gate.ts';
import { createMemorySource } from '../kit/server/memory-source.ts';
import { type StatusServer, makeWorld, servicesOf, startStatus } from './status/page-server.ts';

async function failToRead(): Promise<never> {
  throw new Error('no such module');
}

describe('the status listener', () => {
  describe('once a generation is loaded', () => {
    let server: ExampleServer;
    before('start', async () => {
      const path = join(EXAMPLE, 'keys/release.asc');
      const keyring = await readKeyring([{ path, bytes: await readFile(path) }]);
      server = await startExample({ policy: await createSimplePolicy(keyring) });
    });
    after('stop', async () => server.stop());

    it('is alive and ready', async () => {
      for (const path of ['/livez', '/readyz']) {
        const response = await supertest(server.statusUrl).get(path);
        assert.deepEqual([response.status, response.text], [200, 'ok\n']);
        assert.equal(response.get('Cache-Control'), 'no-store');
        assert.match(response.get('Content-Type') ?? '', /^text\/plain/);
      }
    });

    it('tells the state', async () => {
      const response = await eventually(async () => {
        const answer = await supertest(server.statusUrl).get('/status.json');
        assert.equal(answer.body.runningSince, null);
        return answer;
      });
      const { generation, lastRefresh, reloadedAt, files, keys, rejected, ...rest } = response.body;
      assert.ok(Math.abs(Date.parse(reloadedAt) - Date.now()) < 60_000);
      assert.deepEqual(files, [{ kind: 'policy', isGood: true, readAt: reloadedAt }]);
      assert.equal(generation.number, 1);
      assert.equal(generation.commit, null);
      assert.equal(Object.keys(lastRefresh).join(), 'at,reason,result,durationMs');
      assert.deepEqual(
        keys.map((key: { fingerprint: string }) => key.fingerprint),
        ['15A3EE99C526426F6F83F49D5ED02DE5B25FBD28'],
      );
      assert.deepEqual(keys[0].signed, { signatures: 3, images: 3, soleImages: 3 });
      const paths = rejected.map((file: { path: string }) => file.path);
      assert.deepEqual(paths, paths.toSorted());
      assert.deepEqual(
        new Set(rejected.map((file: { code: string }) => file.code)),
        new Set(['unknown-signer']),
      );
      assert.deepEqual(rest, {
        version: 1,
        program: { version: '1.2.3', nodeVersion: process.version },
        source: { kind: 'directory', location: server.directory, branch: null },
        lastError: null,
        runningSince: null,
        troubles: [],
        lost: null,
        keyFaults: [],
        signatures: 3,
        images: 3,
        releases: 0,
        repositories: 2,
        refused: { images: 0, dropped: 0 },
        summary: { accepted: 3, unverified: 0, rejected: 4, ignored: 4 },
      });
    });

    it('has a page for people, which knows of a refused pull', async () => {
      const directory = `team/app@sha256=${'0'.repeat(64)}`;
      assert.equal((await supertest(server.url).get(`/${directory}/signature-1`)).status, 404);
      const page = await supertest(server.statusUrl).get('/');
      assert.match(page.text, /1 image was looked up without a signature in the last hour/);
      assert.match(page.text, /other-digests/);
      const image = await supertest(server.statusUrl).get('/image').query({ directory });
      assert.equal(image.status, 200);
      assert.match(image.text, /<code>127\.0\.0\.1<\/code>/);
    });

    it('refreshes when asked to', async () => {
      const before = await supertest(server.statusUrl).get('/status.json');
      const response = await supertest(server.statusUrl).post('/refresh');
      assert.deepEqual([response.status, response.body], [202, { message: 'refresh queued' }]);
      await eventually(async () => {
        const { body } = await supertest(server.statusUrl).get('/status.json');
        assert.notEqual(body.lastRefresh.at, before.body.lastRefresh.at);
        assert.deepEqual([body.generation.number, body.lastError], [1, null]);
      });
    });

    it('has no signatures, and nothing else', async () => {
      const [location = ''] = server.files.keys();
      for (const path of [`/${location}`, '/webhook', '/.git', '/%zz']) {
        const response = await supertest(server.statusUrl).get(path);
        assert.deepEqual([response.status, response.text], [404, ''], path);
      }
    });

    it('takes new keys into use', async () => {
      const policy = await createSimplePolicy(undefined);
      server.reload({ policy });
      await eventually(async () => {
        const { body } = await supertest(server.statusUrl).get('/status.json');
        assert.equal(body.signatures, 7);
        assert.deepEqual(body.keys, []);
      });
    });
  });

  describe('before a generation is loaded', () => {
    const gate = createGate();
    let server: ExampleServer;
    before('start', async () => {
      const source = createMemorySource({ commit: 'a', files: { [at(1)]: 'nothing' } });
      source.onRefresh = gate.wait;
      server = await startExample({ source });
    });
    after('stop', async () => {
      gate.open();
      await server.stop();
    });

    it('is alive but not ready', async () => {
      assert.equal((await supertest(server.statusUrl).get('/livez')).status, 200);
      assert.equal((await supertest(server.statusUrl).get('/readyz')).status, 503);
      const { body } = await supertest(server.statusUrl).get('/status.json');
      assert.deepEqual(
        [body.generation, body.lastRefresh, body.signatures, body.summary, body.rejected],
        [null, null, 0, null, []],
      );
    });
    it('becomes ready, and stays so when the source fails', async () => {
      gate.open();
      await eventually(async () => {
        assert.equal((await supertest(server.statusUrl).get('/readyz')).status, 200);
      });
    });
  });

  it('says nothing of a request that failed, and the log says why', async () => {
    const log = captureLines();
    const services = servicesOf(await makeWorld(), log);
    const app = createStatusApp({ ...services, metrics: { read: failToRead } });
    const response = await supertest(app).get('/metrics');
    assert.deepEqual([response.status, response.text], [500, '']);
    const [line = ''] = log.take();
    const { level, error } = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual([level, error], ['error', 'no such module']);
  });
});

describe('requests of other sites', () => {
  let server: StatusServer;
  before('start', async () => {
    server = await startStatus(await makeWorld());
  });
  after('stop', async () => server.stop());

  const posts: readonly (readonly [number, Readonly<Record<string, string>>])[] = [
    [202, {}],
    [202, { 'Sec-Fetch-Site': 'none' }],
    [202, { 'Sec-Fetch-Site': 'same-origin', Origin: 'http://HOST' }],
    // Behind a proxy that has a name of its own.
    [202, { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://status.example' }],
    [403, { 'Sec-Fetch-Site': 'cross-site' }],
    [403, { 'Sec-Fetch-Site': 'same-site' }],
    [403, { Origin: 'https://evil.example' }],
    [403, { Origin: 'null' }],
    [403, { 'Sec-Fetch-Site': 'none', Origin: 'http://HOST.evil.example' }],
  ];
  for (const [status, headers] of posts) {
    it(`get ${status} for a refresh with ${JSON.stringify(headers)}`, async () => {
      const { host } = new URL(server.url);
      const sent = Object.entries(headers).map(
        ([name, value]) => [name, value.replace('HOST', host)] as const,
      );
      const answer = await supertest(server.url).post('/refresh').set(Object.fromEntries(sent));
      assert.equal(answer.status, status);
    });
  }

  const hosts: readonly (readonly [number, string])[] = [
    [200, '127.0.0.1'],
    [200, '127.0.0.1:8081'],
    [200, '[::1]:8081'],
    [200, '10.0.0.1'],
    [200, 'localhost:8081'],
    [200, 'LOCALHOST'],
    [200, ''],
    [403, 'evil.example'],
    [403, 'evil.example:8081'],
    [403, 'localhost.evil.example'],
    [403, 'status'],
    [403, '127.0.0.1.evil.example'],
  ];
  for (const [status, host] of hosts) {
    it(`get ${status} on the loopback by the name '${host}'`, async () => {
      for (const path of ['/', '/livez']) {
        const answer = await supertest(server.url).get(path).set('Host', host);
        assert.equal(answer.status, status);
      }
    });
  }

  it('may have any name where they come from elsewhere', async () => {
    const app = express();
    app.use((request, _response, next) => {
      Object.defineProperty(request.socket, 'localAddress', { value: '10.0.0.9' });
      next();
    });
    app.use(refuseOtherHosts);
    app.get('/', (_request, response) => void response.end('ok'));
    const answer = await supertest(app).get('/').set('Host', 'status.example');
    assert.equal(answer.status, 200);
  });

  it('are told which methods there are', async () => {
    const wrong = await supertest(server.url).get('/refresh');
    assert.deepEqual([wrong.status, wrong.get('Allow')], [405, 'POST, OPTIONS']);
    const posted = await supertest(server.url).post('/status.json');
    assert.deepEqual([posted.status, posted.get('Allow')], [405, 'GET, HEAD, OPTIONS']);
  });
});
