import assert from 'node:assert/strict';
import express from 'express';
import supertest from 'supertest';
import { refuseOtherHosts } from '../../server/refuse-strangers.ts';
import { type StatusServer, makeWorld, startStatus } from './status/page-server.ts';

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
    [200, '127.0.0.1:9090'],
    [200, '[::1]:9090'],
    [200, '10.0.0.1'],
    [200, 'localhost:9090'],
    [200, 'LOCALHOST'],
    [200, ''],
    [403, 'evil.example'],
    [403, 'evil.example:9090'],
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
    assert.deepEqual([wrong.status, wrong.get('Allow')], [405, 'POST']);
    const posted = await supertest(server.url).post('/status.json');
    assert.deepEqual([posted.status, posted.get('Allow')], [405, 'GET, HEAD']);
  });
});
