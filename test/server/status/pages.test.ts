import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { formatLocation } from '../../../generator/terms/location.ts';
import {
  directoryOf,
  faulty,
  fullWorld,
  hexOf,
  signed,
  troubleWorld,
  wellWorld,
} from './sample-worlds.ts';
import { linksOf, readPage } from './read-page.ts';
import { RED, fingerprintOf, policyOf, signedBy } from '../landing/policies.ts';
import { type StatusServer, makeWorld, refusedPull, startStatus } from './page-server.ts';

const imageOf = (directory: string): string => `/image?directory=${encodeURIComponent(directory)}`;
const PLACES = [
  '/',
  '/refused',
  '/refused?by=reason',
  '/rejected',
  '/search?q=app',
  '/repository?name=team/app',
  '/explain',
  '/explain?image=registry.example.com/team/app:1.1',
  '/keys',
  '/keys?at=90d',
];

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
    '/refused?reason=x',
    '/refused?names=some',
    '/refused?by=day',
    '/refused?client=a&client=b',
    '/explain?image=a&image=b',
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

  it('show known repositories first, and fold names that the store has never had', async () => {
    const world = await wellWorld();
    const made = Array.from({ length: 150 }, (_, index) =>
      refusedPull(directoryOf(`made/up-${index}`, 500 + index)),
    );
    const wanted = directoryOf('team/app', 77);
    const removed = directoryOf('gone/app', 78);
    world.refused = [...made, refusedPull(wanted), refusedPull(removed, { count: 7 })];
    const change = {
      id: 'feed5eed'.repeat(5),
      author: { name: 'Ada', email: 'ada@example.com' },
      date: new Date().toISOString(),
      subject: 'Clean up',
    };
    world.lastChange = async (path) => (path === removed ? change : undefined);
    server = await startStatus(world);
    const { body, text } = await readPage(server, '/');
    assert.match(text, /2 images were looked up without a signature in the last hour/);
    assert.match(text, /150 images of repositories that this store has never had were looked up/);
    const [before = '', folded = ''] = body.split('<details id="unknown-names"');
    for (const directory of [wanted, removed]) {
      assert.ok(before.includes(`<li data-key="${directory}"`), directory);
    }
    assert.ok(!before.includes('made/up'));
    assert.match(folded, /150 images of repositories/);
    assert.ok((folded.match(/<li data-key="made/g)?.length ?? 0) <= 20);
    const known = await readPage(server, '/refused?names=known');
    assert.match(known.text, /1 to 2 of 2 images/);
    const unknown = await readPage(server, '/refused?names=unknown&page=3');
    assert.match(unknown.text, /101 to 150 of 150 images/);
  });

  it('narrow down and count what is missing, by reason, repository and client', async () => {
    const world = await wellWorld();
    world.refused = [
      ...[1, 2, 3].map((index) =>
        refusedPull(directoryOf('team/app', 70 + index), { count: 5, clients: ['10.0.0.7'] }),
      ),
      refusedPull(directoryOf('other/app', 80), { clients: ['10.0.0.8', '10.0.0.7'] }),
    ];
    server = await startStatus(world);
    for (const [query, said] of [
      ['reason=other-digests', /1 to 3 of 3 images/],
      ['reason=removed', /There are none/],
      ['repository=team/app', /1 to 3 of 3 images/],
      ['repository=APP', /1 to 4 of 4 images/],
      ['client=10.0.0.8', /1 to 1 of 1 image/],
      ['by=reason', /2 reasons .*other-digests 3 15 .*unknown-repository 1 1 /],
      ['by=repository', /2 repositories .*team\/app 3 15 .*other\/app 1 1 /],
      ['by=client', /2 clients .*10\.0\.0\.7 4 16 .*10\.0\.0\.8 1 1 /],
    ] as const) {
      const page = await readPage(server, `/refused?${query}`);
      assert.match(page.text, said, query);
    }
    const groups = await readPage(server, '/refused?by=client&repository=team/app');
    assert.ok(linksOf(groups).includes('refused?repository=team%2Fapp&client=10.0.0.7'));
    const { body } = await readPage(server, '/refused?reason=other-digests&client=10.0.0.7');
    assert.match(body, /<option value="other-digests" selected="">/);
    assert.match(body, /name="client"\s+value="10\.0\.0\.7"/);
  });

  it('say whether nodes would accept an image, by what is served', async () => {
    server = await startStatus(await troubleWorld());
    const name = 'registry.example.com/team/app';
    for (const [query, status, ...said] of [
      [{ image: `${name}@sha256:${hexOf(1)}` }, 200, /Nodes would accept it/],
      [{ image: `docker://${name}:1.1`, digest: hexOf(1) }, 200, /Nodes would accept it/],
      [
        { image: `${name}:2.0`, digest: `sha256:${hexOf(1)}` },
        200,
        /Nodes would refuse it\. other-name/,
        /made for another name/,
      ],
      [
        { image: `${name}:1.1` },
        200,
        /These images were signed as .*only the registry knows.*lookaside explain 'registry\.example\.com\/team\/app:1\.1'/,
        /Nodes would accept it/,
        /A node goes by its own policy\.json/,
      ],
      [{ image: `${name}:9` }, 200, /No image here was signed as/],
      [
        { image: `${name}@sha256:${hexOf(10)}` },
        200,
        /refuse it\. quarantined/,
        /ada@example\.com/,
      ],
      [{ image: 'made/up', digest: hexOf(99) }, 200, /refuse it\. unknown-repository/],
      [{ image: hexOf(1) }, 400, /Write the name before it/],
      [{ image: 'Team/App' }, 400, /not the name of an image/],
      [{ image: name, digest: 'sha512:12' }, 400, /64 hexadecimal digits/],
    ] as const) {
      const page = await readPage(server, `/explain?${new URLSearchParams(query)}`);
      assert.equal(page.status, status, JSON.stringify(query));
      for (const words of said) assert.match(page.text, words);
    }
  });

  it('find what was signed under a tag, however many images were signed since', async () => {
    const red = await fingerprintOf(RED);
    const old = signed(directoryOf('team/app', 1), 1, red, { signedAt: 1_700_000_000_000 });
    const others = Array.from({ length: 60 }, (_, index) =>
      signed(directoryOf('team/app', 100 + index), 2, red),
    );
    const world = await makeWorld(old, ...others);
    server = await startStatus({ ...world, policy: (await wellWorld()).policy });
    const name = 'registry.example.com/team/app';
    const first = await readPage(server, `/explain?image=${name}:1.1`);
    assert.match(first.text, /These images were signed as/);
    assert.ok(linksOf(first).includes(imageOf(directoryOf('team/app', 1)).slice(1)));
    const { text } = await readPage(server, `/explain?image=${name}:1.2`);
    assert.match(text, /These images, the newest 5 of all, were signed as/);
    assert.equal([...text.matchAll(/Nodes would accept it/g)].length, 5);
  });

  it('find what was signed under the name that the policy asks for instead', async () => {
    const red = await fingerprintOf(RED);
    const rule = {
      type: 'remapIdentity',
      prefix: 'mirror.example',
      signedPrefix: 'registry.example.com',
    } as const;
    const policy = await policyOf({ '': [await signedBy([RED], rule)] });
    const world = await makeWorld(signed(directoryOf('team/app', 1), 1, red));
    server = await startStatus({ ...world, policy });
    const { text } = await readPage(server, '/explain?image=mirror.example/team/app:1.1');
    assert.match(
      text,
      /signed as mirror\.example\/team\/app:1\.1 or registry\.example\.com\/team\/app:1\.1/,
    );
    assert.match(text, /Nodes would accept it/);
    assert.match(
      (await readPage(server, '/explain?image=mirror.example/team/app:9')).text,
      /No image here was signed as mirror\.example\/team\/app:9 or registry\.example\.com\/team\/app:9 ?\./,
    );
  });

  it('link commits to where they are shown, whatever they are called', async () => {
    const world = await troubleWorld();
    world.commitUrl = 'https://git.example.com/team/signatures/-/commit/{commit}';
    server = await startStatus(world);
    const link = `https://git.example.com/team/signatures/-/commit/${'feed5eed'.repeat(5)}`;
    assert.ok(linksOf(await readPage(server, '/')).includes(link));
    assert.ok(
      linksOf(await readPage(server, imageOf(directoryOf('team/worker', 11)))).includes(link),
    );
    for (const commitUrl of [undefined, 'javascript:alert("{commit}")']) {
      world.commitUrl = commitUrl;
      assert.doesNotMatch((await readPage(server, '/')).body, /javascript:|href="https/);
    }
  });

  it('show the signatures of an image as a table', async () => {
    server = await startStatus(await troubleWorld());
    const { text } = await readPage(server, imageOf(directoryOf('team/app', 0)));
    assert.match(
      text,
      new RegExp(
        `Number Signer Signed as Signed Size Key 1 \\w+ Release 1 <[^>]*> ${shownAs('1.1')} does not expire 2 \\w+ Release 2 <[^>]*> ${shownAs('1.3')} expires in 1[12] days`,
      ),
    );
  });

  it('tell the version of the program', async () => {
    server = await startStatus(await wellWorld());
    assert.match((await readPage(server, '/')).body, /Lookaside 1\.2\.3, Node v24\.0\.0/);
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

  it('find what was looked up in vain, by whatever people have in hand', async () => {
    const world = await wellWorld();
    const directory = directoryOf('Team.x/lost', 77);
    world.refused = [refusedPull(directory)];
    server = await startStatus(world);
    const link = `image?directory=${encodeURIComponent(directory)}`;
    for (const q of [
      'lost',
      'quay.example/team.x/lost:v1',
      'docker://quay.example/team.x/lost:v1',
      `docker://quay.example/team.x/lost@sha256:${hexOf(77)}`,
      `containers-storage:[overlay@/x]quay.example/team.x/lost`,
      hexOf(77),
      `sha256:${hexOf(77)}`,
      `@sha256:${hexOf(77).slice(0, 12)}`,
    ]) {
      const page = await readPage(server, `/search?q=${encodeURIComponent(q)}`);
      assert.equal(page.status, 200, q);
      assert.ok(linksOf(page).includes(link), q);
    }
  });

  it('find rejected files by their repository', async () => {
    const world = await makeWorld(faulty(`team/bad@sha256:${hexOf(1)}/signature-1`));
    server = await startStatus(world);
    const { status, text } = await readPage(server, '/search?q=team/bad');
    assert.equal(status, 200);
    assert.match(text, /Rejected files 1 of 1 file .*armored/);
  });

  it('find keys by fingerprint, ID and user ID, with what they have signed', async () => {
    server = await startStatus(await troubleWorld());
    const red = await fingerprintOf(RED);
    const spaced = red.replaceAll(/(.{4})/g, '$1 ');
    for (const q of [
      red,
      red.toLowerCase(),
      spaced,
      red.slice(-16),
      `0x${red.slice(-8)}`,
      'release 1 <',
    ]) {
      const { status, text, body } = await readPage(server, `/search?q=${encodeURIComponent(q)}`);
      assert.equal(status, 200, q);
      assert.ok(body.includes(red), q);
      assert.match(text, /Keys .*Release 1 <release-1@example\.com>/, q);
      assert.match(text, /Signed by this key .*base\/alpine/, q);
    }
    const all = await readPage(server, '/search?q=@example.com');
    assert.match(all.text, /Release 1 .*Release 2|Release 3/);
    assert.doesNotMatch(all.text, /Signed by this key/);
  });
});

/** A signature of team/app as a row has it; a pattern. */
function shownAs(tag: string): string {
  return `registry\\.example\\.com/team/app:${tag} 3 days ago \\([^)]*\\) \\d+ bytes`;
}
