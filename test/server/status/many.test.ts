import assert from 'node:assert/strict';
import { formatLocation } from '../../../generator/terms/location.ts';
import { linksOf, readPage } from './read-page.ts';
import { type StatusServer, makeWorld, refusedPull, startStatus } from './page-server.ts';
import { directoryOf, faulty, hexOf, signed } from './sample-worlds.ts';

const imageOf = (directory: string): string => `/image?directory=${encodeURIComponent(directory)}`;

describe('the status pages of very much', () => {
  let server: StatusServer | undefined;
  afterEach('stop', async () => {
    await server?.stop();
    server = undefined;
  });

  /** Follows a link of a page to the end, and counts what has a key. */
  const countFrom = async (path: string, label: string, key: RegExp): Promise<number> => {
    const found = new Set<string>();
    const follow = new RegExp(`<a href="([^"]*)"\\s*>(?:${label})</a`);
    for (let next: string | undefined = path; next !== undefined;) {
      assert.ok(server);
      const page = await readPage(server, next);
      assert.ok(page.body.length < 200_000);
      for (const [, one = ''] of page.body.matchAll(key)) found.add(one);
      const [, link] = follow.exec(page.body) ?? [];
      next = link === undefined ? undefined : `/${link.replaceAll('&#38;', '&')}`;
    }
    return found.size;
  };

  it('show the rejected files of an image in parts', async () => {
    const directory = directoryOf('team/app', 1);
    const files = Array.from({ length: 500 }, (_, index) =>
      faulty(formatLocation(directory, index + 1)),
    );
    server = await startStatus(await makeWorld(...files));
    for (const path of [imageOf(directory), `/search?q=${hexOf(1)}`]) {
      const { text } = await readPage(server, path);
      assert.match(text, /50 of 500 files/);
      assert.equal(await countFrom(path, 'The next', /data-key="(team[^"]*signature[^"]*)"/g), 500);
    }
    const { status } = await readPage(server, `/rejected?digest=${hexOf(1)}`);
    assert.equal(status, 400);
  });

  it('stay short with 10,000 missing signatures, and say how many there are', async () => {
    const world = await makeWorld(signed(directoryOf('team/app', 1), 1, 'A'.repeat(40)));
    world.refused = Array.from({ length: 10_000 }, (_, index) =>
      refusedPull(directoryOf(index % 2 ? 'team/app' : `made/up-${index}`, 10 + index), {
        clients: [`10.0.${index >> 8}.${index % 256}`],
      }),
    );
    server = await startStatus(world);
    for (const [path, ...said] of [
      ['/', /5,000 images were looked up/, /All 5,000 images/, /5,000 images of repositories/],
      ['/refused', /1 to 50 of 10,000 images/],
      ['/refused?by=repository', /5,001 repositories/, /first 100 of 5,001/],
      ['/refused?by=client', /10,000 clients/, /first 100 of 10,000/],
      ['/search?q=made', /50 of 5,000 are shown/],
      ['/repository?name=team/app', /50 of 5,000 are shown/],
    ] as const) {
      const { body, text } = await readPage(server, path);
      assert.ok(body.length < 250_000, `${path}: ${body.length}`);
      for (const words of said) assert.match(text, words, path);
    }
  });

  it('lead from the first refused pulls of a repository to all of them', async () => {
    const world = await makeWorld();
    world.refused = Array.from({ length: 120 }, (_, index) =>
      refusedPull(directoryOf(index % 10 === 0 ? 'team/other' : 'team/app', index)),
    );
    server = await startStatus(world);
    const page = await readPage(server, '/repository?name=team/app');
    assert.match(page.text, /50 of 108 are shown/);
    const all = linksOf(page).find((link) => link.startsWith('refused'));
    assert.equal(await countFrom(`/${all}`, 'Older ones', /data-key="(team\/app@[^"]*)"/g), 108);
    const { text } = await readPage(server, `/refused?digest=sha256:${hexOf(3)}`);
    assert.match(text, /Missing signatures of sha256:\w+ .* 1 to 1 of 1 image/);
    assert.equal((await readPage(server, '/refused?digest=sha256:1')).status, 400);
  });

  it('say how many images have a digest that begins alike', async () => {
    const files = Array.from({ length: 120 }, (_, index) =>
      signed(directoryOf(`team/app-${index}`, 7), 1, 'A'.repeat(40)),
    );
    server = await startStatus(await makeWorld(...files));
    for (const q of [hexOf(7), hexOf(7).slice(0, 10)]) {
      const { text } = await readPage(server, `/search?q=${q}`);
      assert.match(text, /Only the first of 120 are shown/);
    }
  });

  it('ask git of no image that somebody has made up', async () => {
    const world = await makeWorld(
      signed(directoryOf('team/app', 1), 1, 'A'.repeat(40)),
      faulty(formatLocation(directoryOf('team/bad', 2), 1)),
    );
    const asked: string[] = [];
    world.refused = [refusedPull(directoryOf('team/pulled', 3))];
    world.lastChange = async (path) => {
      asked.push(path);
      return undefined;
    };
    server = await startStatus(world);
    for (const [name, index, said] of [
      ['made/up', 9, /made\/up has no signatures here/],
      ['team/app', 9, /team\/app has signatures, but none for this digest/],
      ['made/up', 1, /the digest is signed in team\/app/],
    ] as const) {
      const { status, text } = await readPage(server, imageOf(directoryOf(name, index)));
      assert.equal(status, 404);
      assert.match(text, said);
    }
    for (const image of [`made/up@sha256:${hexOf(9)}`, '127.0.0.1:1/made/up:1', 'team/app:7']) {
      const { status } = await readPage(server, `/explain?${new URLSearchParams({ image })}`);
      assert.equal(status, 200, image);
    }
    assert.deepEqual(asked, []);
    for (const [name, index] of [
      ['team/app', 1],
      ['team/bad', 2],
      ['team/pulled', 3],
    ] as const) {
      await readPage(server, imageOf(directoryOf(name, index)));
    }
    assert.equal(asked.length, 3);
  });
});
