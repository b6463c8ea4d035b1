import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { formatLocation } from '../../../generator/terms/location.ts';
import { directoryOf, fullWorld, hexOf, signed, troubleWorld, wellWorld } from './sample-worlds.ts';
import { linksOf, readPage } from './read-page.ts';
import { type StatusServer, makeWorld, startStatus } from './page-server.ts';

const imageOf = (directory: string): string => `/image?directory=${encodeURIComponent(directory)}`;
const PLACES = ['/', '/refused', '/rejected', '/search?q=app', '/repository?name=team/app'];

describe('the status pages', () => {
  let server: StatusServer | undefined;
  afterEach('stop', async () => {
    await server?.stop();
    server = undefined;
  });

  it('allow their own style and script, and requests to themselves', async () => {
    server = await startStatus(await wellWorld());
    for (const path of PLACES) {
      const { body, headers } = await readPage(server, path);
      const hashOf = (name: string): string => {
        const [, content = ''] = new RegExp(`<${name}>([^]*)</${name}>`).exec(body) ?? [];
        return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
      };
      const allowed = [
        "default-src 'none'",
        `style-src ${hashOf('style')}`,
        `script-src ${hashOf('script')}`,
        'img-src data:',
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ];
      const policy = headers.get('Content-Security-Policy')?.split(';') ?? [];
      assert.deepEqual(policy.toSorted(), allowed.toSorted());
      const markup = body.replace(/<(style|script)>[^]*?<\/\1>/g, '');
      assert.doesNotMatch(markup, /\s(?:src|style|on\w+)\s*=|href="(?:\w+:)?\/\//i);
      assert.doesNotMatch(body, /url\(|@import/);
    }
  });

  it('answer HEAD without a body, and no other method', async () => {
    server = await startStatus(await wellWorld());
    for (const path of PLACES) {
      const head: Response = await fetch(server.url + path, { method: 'HEAD' });
      assert.deepEqual([head.status, await head.text()], [200, '']);
      const post: Response = await fetch(server.url + path, { method: 'POST' });
      assert.deepEqual([post.status, post.headers.get('Allow')], [405, 'GET, HEAD, OPTIONS']);
    }
  });

  it('know nothing of other addresses', async () => {
    server = await startStatus(await wellWorld());
    for (const path of ['/zz', '/search/', '/Search', '/image/x', '/%zz', '//']) {
      const answer: Response = await fetch(server.url + path);
      assert.deepEqual([answer.status, await answer.text()], [404, ''], path);
      const headers = { Accept: 'text/html,*/*;q=0.8' };
      const page: Response = await fetch(server.url + path, { headers });
      assert.equal(page.status, 404);
      assert.match(await page.text(), /<h1>There is no such page<\/h1>/);
    }
  });

  const bad = [
    '/refused?page=0',
    '/refused?page=x',
    '/refused?page=1&page=2',
    '/rejected?after=a&after=b',
    '/search?q=a&q=b',
    '/repository',
    '/repository?name=',
    '/repository?name=a&name=b',
    '/repository?name=team/app&after=1',
    `/repository?name=team/app&after=sha256:${'A'.repeat(64)}`,
    '/image',
    '/image?directory=team/app',
    '/image?directory=team/app@sha256=12',
    '/image?repository=team/app',
    '/image?directory=..%2Fapp@sha256=' + 'a'.repeat(64),
  ];
  it('say of a bad address what it takes', async () => {
    server = await startStatus(await wellWorld());
    for (const path of bad) {
      const { status, text } = await readPage(server, path);
      assert.equal(status, 400, path);
      assert.match(text, /This address is not complete .*takes one|Pages are numbered/, path);
    }
  });

  it('say what is not known', async () => {
    server = await startStatus(await wellWorld());
    const other = `&after=sha256:${hexOf(99)}`;
    assert.equal((await readPage(server, `/repository?name=team/app${other}`)).status, 200);
    for (const [path, said] of [
      ['/repository?name=nobody/knows', /This repository is not known here/],
      [
        imageOf(directoryOf('nobody/knows', 9)),
        /not known here .*nobody\/knows has no signatures here/,
      ],
      ['/search?q=nobody', /Nothing found/],
      [`/search?q=${hexOf(77)}`, /Nothing found/],
      ['/refused?page=7', /There are none\./],
    ] as const) {
      const { status, text } = await readPage(server, path);
      assert.equal(status, 404, path);
      assert.match(text, said);
    }
  });

  it('lead to each other only, and every link leads somewhere', async () => {
    server = await startStatus(await troubleWorld());
    const seen = new Set(['./']);
    for (const link of seen) {
      const page = await readPage(server, `/${link.replace('./', '')}`);
      assert.equal(page.status, 200, link);
      for (const found of linksOf(page)) seen.add(found);
    }
    assert.ok(seen.size > 10, [...seen].join(' '));
  });

  it('go through all refused pulls, rejected files and images, a page at a time', async () => {
    server = await startStatus(await fullWorld());
    for (const [start, pattern, count] of [
      ['refused', /data-key="(wanted\/[^"]*)"/g, 130],
      ['rejected', /data-key="(team\/app-[^"]*)"/g, 130],
      ['repository?name=team%2Fapp', /data-key="(team\/app@[^"]*)"/g, 131],
    ] as const) {
      const found: string[] = [];
      const sizes: number[] = [];
      for (let next: string | undefined = start; next !== undefined;) {
        const page = await readPage(server, `/${next}`);
        const [, on] = /<a href="([^"]*)"\s*>(?:Older ones|The next)<\/a/.exec(page.body) ?? [];
        const here = [...page.body.matchAll(pattern)].map(([, key = '']) => key);
        sizes.push(here.length);
        found.push(...here);
        next = on?.replaceAll('&#38;', '&');
      }
      assert.deepEqual([found.length, new Set(found).size], [count, count], start);
      assert.deepEqual(sizes, [50, 50, count - 100]);
    }
  });

  it('take a repository and a digest for an image', async () => {
    server = await startStatus(await wellWorld());
    for (const query of [
      `repository=team/app&digest=sha256:${hexOf(1)}`,
      `repository=team/app&digest=${hexOf(1)}`,
      `directory=team/app@sha256:${hexOf(1)}`,
    ]) {
      const { status, text } = await readPage(server, `/image?${query}`);
      assert.equal(status, 200);
      assert.match(text, /Signature 1 Signed as registry\.example\.com\/team\/app:1\.1/);
    }
  });

  it('say that they cannot be shown, and log why', async () => {
    const world = await makeWorld();
    server = await startStatus(world);
    Object.defineProperty(world, 'minutes', {
      get: () => {
        throw new Error('no minutes');
      },
    });
    const { status, text } = await readPage(server, '/');
    assert.equal(status, 500);
    assert.match(text, /This page cannot be shown/);
    assert.match(server.programLog.text(), /no minutes/);
  });

  it('do not wait for git for ever', async () => {
    const world = await troubleWorld();
    world.lastChange = async () => new Promise(() => undefined);
    server = await startStatus(world);
    const removed = directoryOf('team/worker', 11);
    for (const path of ['/', '/refused', imageOf(removed), imageOf(directoryOf('team/app', 0))]) {
      const { status, text } = await readPage(server, path);
      assert.equal(status, 200);
      if (!path.includes('app')) assert.match(text, /The reason is being looked up/);
    }
  });

  it('say one of what there is one of, and the digest of an image', async () => {
    const world = await makeWorld(signed(directoryOf('team/app', 1), 1, 'A'.repeat(40)));
    server = await startStatus(world);
    const { text } = await readPage(server, '/');
    assert.match(text, /1 signature 1 image 1 repository 1 signer /);
    const { body } = await readPage(server, imageOf(directoryOf('team/app', 1)));
    assert.ok(body.includes(`<h1>team/app sha256:${hexOf(1).slice(0, 12)}</h1>`));
  });

  it('go through the store once for each generation', async () => {
    const world = await wellWorld();
    server = await startStatus(world);
    const { store } = world;
    assert.ok(store);
    let passes = 0;
    const count = <Yielded>(search: () => Iterable<Yielded>) =>
      function* () {
        passes++;
        yield* search();
      };
    store.signedDirectories = count(store.signedDirectories.bind(store));
    store.rejectedFiles = count(store.rejectedFiles.bind(store));
    const readAll = async (): Promise<void> => {
      for (const path of ['/', '/repository?name=team/app', '/rejected', '/search?q=99999999']) {
        await readPage(server as StatusServer, path);
      }
    };
    await Promise.all([readAll(), readAll()]);
    const once = passes;
    assert.ok(once > 0 && once <= 5, `${once} passes`);
    await readAll();
    assert.equal(passes, once);
    const { status } = world;
    assert.ok(status.generation);
    world.status = { ...status, generation: { ...status.generation, number: 2 } };
    await readAll();
    assert.equal(passes, 2 * once);
  });

  it('forget what they searched for, some time', async () => {
    const world = await wellWorld();
    server = await startStatus(world);
    for (let index = 0; index < 50; index++) {
      assert.equal((await readPage(server, `/search?q=app${index}`)).status, 404);
    }
    assert.equal((await readPage(server, '/search?q=APP')).status, 200);
  });

  it('find an image by whatever people have in hand', async () => {
    server = await startStatus(await wellWorld());
    const hex = hexOf(1);
    const directory = directoryOf('team/app', 1);
    for (const [q, finds] of [
      ['am/ap', 'repository?name=team%2Fapp'],
      ['registry.example.com/team/app:1.1', 'repository?name=team%2Fapp'],
      [`quay.io/team/app@sha256:${hex}`, `image?directory=${encodeURIComponent(directory)}`],
      [hex.toUpperCase(), `image?directory=${encodeURIComponent(directory)}`],
      [`sha256:${hex.slice(0, 16)}`, `image?directory=${encodeURIComponent(directory)}`],
      [directory, `image?directory=${encodeURIComponent(directory)}`],
      [`/${formatLocation(directory, 2)}`, `image?directory=${encodeURIComponent(directory)}`],
    ] as const) {
      const page = await readPage(server, `/search?q=${encodeURIComponent(q)}`);
      assert.equal(page.status, 200, q);
      assert.ok(linksOf(page).includes(finds), `${q}: ${linksOf(page).join(' ')}`);
    }
    assert.match((await readPage(server, '/search')).text, /Type part of a repository/);
  });
});
