import assert from 'node:assert/strict';
import supertest from 'supertest';
import { type ExampleServer, startExample } from '../../kit/server/example-server.ts';

const namesOf = (body: { repositories: { name: string }[] }) =>
  body.repositories.map((one) => one.name);

describe('/repositories.json', () => {
  let server: ExampleServer;
  before('start', async () => {
    server = await startExample();
  });
  after('stop', async () => server.stop());

  const ask = async (query: string) =>
    supertest(server.statusUrl).get(`/repositories.json?${query}`);

  it('lists the repositories with signatures, and how many images each has', async () => {
    const { status, body, headers } = await ask('');
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'no-store');
    const digests = new Map<string, Set<string>>();
    for (const location of server.files.keys()) {
      const [repository = '', rest = ''] = location.split('@');
      digests.set(repository, (digests.get(repository) ?? new Set()).add(rest.slice(0, 71)));
    }
    const repositories = [...digests]
      .map(([name, { size }]) => ({ name, images: size }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const total = repositories.length;
    assert.ok(total > 1);
    assert.equal(body.generation.number, 1);
    assert.deepEqual(
      { ...body, generation: null },
      { version: 1, generation: null, total, repositories, next: null },
    );
  });

  it('is read page by page', async () => {
    const all = namesOf((await ask('')).body);
    const found: string[] = [];
    let after = '';
    for (;;) {
      const { body } = await ask(`limit=1&after=${encodeURIComponent(after)}`);
      assert.equal(body.repositories.length, 1);
      found.push(...namesOf(body));
      if (body.next === null) break;
      after = body.next;
    }
    assert.deepEqual(found, all);
  });

  it('lists those with a prefix', async () => {
    const all = namesOf((await ask('')).body);
    const wanted = all.filter((name) => name.startsWith('team/a'));
    assert.ok(wanted.length > 0 && wanted.length < all.length);
    const { body } = await ask('prefix=team/a');
    assert.deepEqual([namesOf(body), body.total], [wanted, wanted.length]);
    assert.deepEqual(namesOf((await ask('prefix=nobody')).body), []);
  });

  it('refuses what it cannot read, and says why', async () => {
    for (const [query, name] of [
      ['limit=0', 'limit'],
      ['limit=1001', 'limit'],
      ['limit=ten', 'limit'],
      ['prefix=a&prefix=b', 'prefix'],
      ['after=a&after=b', 'after'],
      ['limits=1', 'limits'],
    ] as const) {
      const { status, body } = await ask(query);
      assert.equal(status, 400, query);
      assert.match(body.message, new RegExp(`^${name}: (?:expected|unknown parameter)`));
    }
  });
});
