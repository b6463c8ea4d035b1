import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import supertest from 'supertest';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { createSimplePolicy } from '../../../generator/policy/policy.ts';
import { SourceError } from '../../../generator/sources/source.ts';
import { eventually } from '../../kit/eventually.ts';
import {
  EXAMPLE,
  type ExampleServer,
  TWICE,
  startExample,
} from '../../kit/server/example-server.ts';
import { HEX, at } from '../../kit/server/fake-judge.ts';
import { createGate } from '../../kit/server/gate.ts';
import { changeOf } from '../../generator/explain/change-of.ts';
import { createMemorySource } from '../../kit/server/memory-source.ts';

const DIGEST = `sha256:${TWICE.split('=')[1]}`;
const OTHER = `sha256:${HEX}`;
const UNSEEN = `sha256:${'ef'.repeat(32)}`;
const IMAGE = 'registry.example.com/team/app:1.1';

async function policyOfExample() {
  const path = join(EXAMPLE, 'keys/release.asc');
  return createSimplePolicy(await readKeyring([{ path, bytes: await readFile(path) }]));
}

describe('/explain.json', () => {
  let server: ExampleServer;
  afterEach('stop', async () => server.stop());

  const ask = async (query: Readonly<Record<string, string | readonly string[]>>) =>
    supertest(server.statusUrl).get('/explain.json').query(query);

  it('tells of images, in the order of the digests', async () => {
    server = await startExample({ policy: await policyOfExample() });
    const { status, body } = await ask({ image: IMAGE, digest: [OTHER, DIGEST] });
    assert.equal(status, 200);
    assert.deepEqual([body.version, body.generation.number], [1, 1]);
    const told = body.images.map(({ image, digest, verdict, reason }: Record<string, unknown>) => [
      image,
      digest,
      verdict,
      reason === null,
    ]);
    assert.deepEqual(told, [
      [IMAGE, OTHER, 'refused', false],
      [IMAGE, DIGEST, 'accepted', true],
    ]);
    assert.equal(body.images[0].reason.code, 'other-digests');
    const one = await ask({ image: IMAGE, digest: DIGEST });
    assert.deepEqual(one.body.images, [body.images[1]]);
    assert.equal(one.get('Cache-Control'), 'no-store');
  });

  it('refuses what it cannot read', async () => {
    server = await startExample();
    const many = Array.from({ length: 101 }, () => DIGEST);
    for (const [query, message] of [
      [{ digest: DIGEST }, 'image: expected one name, got nothing'],
      [{ image: '', digest: DIGEST }, 'image: expected the name of an image, got ""'],
      [{ image: 'A/B', digest: DIGEST }, 'image: expected the name of an image, got "A/B"'],
      [{ image: ['a', 'b'], digest: DIGEST }, 'image: expected one name, got ["a","b"]'],
      [{ image: IMAGE }, 'digest: expected one digest or several, got nothing'],
      [
        { image: IMAGE, digest: 'x' },
        'digest.0: expected sha256: and 64 hexadecimal digits, got "x"',
      ],
      [{ image: IMAGE, digest: DIGEST, digests: 'x' }, 'digests: unknown parameter'],
      [{ image: IMAGE, digest: many }, 'digest: expected at most 100 digests'],
    ] as const) {
      const { status, body } = await ask(query);
      assert.deepEqual([status, body], [400, { message }]);
    }
    assert.equal((await ask({ image: IMAGE, digest: many.slice(1) })).status, 200);
    const post = await supertest(server.statusUrl).post('/explain.json');
    assert.deepEqual([post.status, post.text], [405, '']);
    const main = await supertest(server.url).get('/explain.json');
    assert.deepEqual([main.status, main.text], [404, '']);
  });

  it('says nothing before a generation is loaded', async () => {
    const gate = createGate();
    const source = createMemorySource({ commit: 'a', files: { [at(1)]: 'nothing' } });
    source.onRefresh = gate.wait;
    server = await startExample({ source });
    const { status, body } = await ask({ image: IMAGE, digest: DIGEST });
    assert.deepEqual([status, body], [503, { message: 'no generation is loaded yet' }]);
    gate.open();
  });

  it('goes by the history up to what is served', async () => {
    const commit = {
      id: 'c'.repeat(40),
      author: { name: 'Ann', email: 'ann@example.test' },
      date: '2026-01-02T03:04:05Z',
      subject: 'Remove',
    };
    const asked: string[] = [];
    let isGone = false;
    const memory = createMemorySource({ commit: 'a', files: {} });
    const source = {
      ...memory,
      lastChange: async (upTo: string, path: string) => {
        if (isGone) throw new SourceError('git log failed: gone');
        asked.push(`${upTo} ${path}`);
        return changeOf(commit, path);
      },
    };
    server = await startExample({ source, policy: await policyOfExample() });
    await eventually(async () => {
      const { body } = await ask({ image: IMAGE, digest: OTHER });
      assert.deepEqual(body.images?.[0].reason.commit, commit);
    });
    assert.deepEqual(asked, [`a team/app@sha256=${HEX}`]);
    // The store alone is asked where git does not tell.
    isGone = true;
    const { status, body } = await ask({ image: IMAGE, digest: UNSEEN });
    assert.equal(status, 200);
    assert.equal(body.images[0].reason.code, 'unknown-repository');
    assert.deepEqual(asked, [`a team/app@sha256=${HEX}`]);
  });
});
