// Real caches with the configuration that we give, between real servers and clients. The times are those
// that the caches keep: they have no clock that could be given to them.
import assert from 'node:assert/strict';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { makeNode, type Node } from '../kit/node/node.ts';
import { Served } from '../kit/program/served.ts';
import { makeSignedImages, type SignedImages } from '../kit/registry/signed-images.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import { useTemporary } from '../kit/temporary.ts';
import { type Cache, startNginxCache, startVarnish } from '../kit/web/caches.ts';

/** Seconds; as the documentation has it. */
const CACHE_MISSING = 5;
const NODES = 20;
const READY = 60_000;

const caches = {
  nginx: { tool: 'nginx', start: startNginxCache },
  Varnish: { tool: 'varnishd', start: startVarnish },
} as const;

const at = (digest: string, number: number): string =>
  `/${formatLocation('team/app', digest, number)}`;

async function statusOf(baseUrl: string, path: string): Promise<number> {
  const response = await fetch(baseUrl + path);
  await response.arrayBuffer();
  return response.status;
}

/** What is there, a byte a character. */
async function read(baseUrl: string, path: string): Promise<string> {
  const response = await fetch(baseUrl + path);
  const body = Buffer.from(await response.arrayBuffer()).toString('latin1');
  return `${response.status} ${body}`;
}

for (const [name, { tool, start }] of Object.entries(caches)) {
  const tools = [tool, 'skopeo', 'docker-registry', 'gpg', 'git'] as const;
  describeWith(tools, `${name} in front of the server`, () => {
    afterEach('stop', async () => {
      await Promise.all([cache.stop(), node.remove(), served.process.stop()]);
      await images.stop();
    });
    const directory = useTemporary();
    let images: SignedImages;
    let served: Served;
    let cache: Cache;
    let node: Node;

    async function open(source: string, others: readonly string[] = []): Promise<void> {
      const keys = ['--keys', images.keyFile, '--keys', images.otherKeyFile];
      const more = ['--poll=1s', `--cache-missing=${CACHE_MISSING}s`, '--trusted-proxies=loopback'];
      const args = [...keys, '--state-dir', join(directory(), 'state'), ...more, ...others];
      served = await Served.prepare({ source, args });
      await served.start();
      await eventually(async () => fetch(served.baseUrl), READY);
      cache = await start(served.baseUrl);
      const scope = images.registry.host;
      node = await makeNode({ scope, lookaside: cache.baseUrl, keys: [images.keyFile] });
    }

    beforeEach('open', async () => {
      images = await makeSignedImages();
    });

    const serve = async (others: readonly string[] = []): Promise<void> => {
      await open(images.remote.path, others);
      await served.waitUntilReady(READY);
    };

    /** Reads signatures as a node does; gives how many there are. Throws where a pull would fail. */
    async function pull(digest: string): Promise<number> {
      for (let number = 1; ; number++) {
        const status = await statusOf(cache.baseUrl, at(digest, number));
        if (status === 404) return number - 1;
        assert.equal(status, 200, at(digest, number));
      }
    }
    const assertPulls = async (reference: string): Promise<void> => {
      const { outcome, stderr } = await node.copyWithSkopeo(reference);
      assert.equal(outcome, 'accepted', stderr);
    };
    const known = (): readonly (readonly [digest: string, signatures: number])[] => [
      [images.signed.digest, 1],
      [images.foreign.digest, 1],
      [images.twice.digest, 2],
      [images.tagged.digest, 2],
    ];

    it('answers nine in ten lookups, and all of known images while the server is stopped', async () => {
      await serve();
      let lookups = 0;
      for (let count = 0; count < NODES; count++) {
        for (const [digest, signatures] of known()) {
          assert.equal(await pull(digest), signatures);
          lookups += signatures + 1;
        }
      }
      await served.process.stop();
      const asked = served.process.stdout().split('\n').length - 1;
      assert(asked > 0 && asked <= lookups / 10, `${asked} of ${lookups} reached the server`);

      for (let turn = 0; turn < CACHE_MISSING; turn++) {
        for (const [digest, signatures] of known()) assert.equal(await pull(digest), signatures);
        // What is kept expires meanwhile, and a cache that asks whether the server lives finds out.
        await sleep(1500);
      }
      await assertPulls(images.signed.reference);

      await served.start();
      await served.waitUntilReady(READY);
      await eventually(async () =>
        assert.equal(await statusOf(cache.baseUrl, at(images.list.digest, 1)), 404),
      );
    });

    it('shows a new signature as soon as it may, and never the old 404 after that', async () => {
      await serve();
      const { signed } = images;
      const place = at(signed.digest, 1).slice(1);
      const bytes = await readFile(join(images.remote.work, place));
      await images.remote.publish({ [place]: null });
      const isServed = async (baseUrl: string): Promise<boolean> =>
        (await statusOf(baseUrl, `/${place}`)) === 200;
      await eventually(async () => assert(!(await isServed(served.baseUrl)), 'not removed yet'));
      assert.equal(await isServed(cache.baseUrl), false);
      const expired = sleep(1000 * CACHE_MISSING + 1500);
      await images.remote.publish({ [place]: bytes });
      await eventually(async () => assert(await isServed(served.baseUrl), 'not there yet'));
      // The first answer after that time.
      await expired;
      assert.equal(await isServed(cache.baseUrl), true);
      await assertPulls(signed.reference);
    });

    it('passes paths on as they are, and answers HEAD', async () => {
      await serve();
      const plain = at(images.signed.digest, 1);
      const forms = [
        plain,
        plain.replace('@', '%40'),
        plain.replace('=', '%3D'),
        plain.replace('@', '%40').replace('=', '%3d'),
        `/${plain}`,
        plain.replace('/app', '//app'),
        `${plain}?query=1`,
      ];
      const expected = await read(served.baseUrl, plain);
      assert.match(expected, /^200 /);
      for (const form of [...forms, ...forms]) {
        assert.equal(await read(cache.baseUrl, form), expected, form);
      }
      for (const form of [plain.replace('/app', '%2Fapp'), plain.replace('sha256', 'SHA256')]) {
        assert.equal(await read(cache.baseUrl, form), '404 ', form);
        assert.equal(await read(cache.baseUrl, plain), expected);
      }
      for (const path of [plain, at(images.foreign.digest, 1)]) {
        const head = await fetch(cache.baseUrl + path, { method: 'HEAD' });
        assert.equal(head.status, 200);
        assert(Number(head.headers.get('Content-Length')) > 0);
      }
      assert.equal((await fetch(cache.baseUrl + plain, { method: 'POST' })).status, 405);
    });

    it('does not keep the 503 of a server that has no state yet', async () => {
      const later = join(directory(), 'later.git');
      await open(pathToFileURL(later).href);
      const path = at(images.signed.digest, 1);
      assert.equal(await statusOf(served.baseUrl, path), 503);
      for (let count = 0; count < 3; count++)
        assert.equal(await statusOf(cache.baseUrl, path), 503);
      await rename(images.remote.path, later);
      await served.waitUntilReady(READY);
      // A cache that asks whether the server is ready has to ask twice.
      await eventually(async () => assert.equal(await statusOf(cache.baseUrl, path), 200));
      assert.equal(await pull(images.signed.digest), 1);
    });

    if (name === 'Varnish') {
      it('sends nothing to a server that drains, and goes on with what it has', async () => {
        await serve(['--drain=30s']);
        const { signed, foreign } = images;
        assert.equal(await pull(signed.digest), 1);
        served.process.signal('SIGTERM');
        const other = at(foreign.digest, 1);
        let asked = 0;
        // Each of these is another one to the cache.
        await eventually(async () =>
          assert.equal(await statusOf(cache.baseUrl, `${other}?${asked++}`), 503),
        );
        assert.equal(await statusOf(served.baseUrl, other), 200, 'it still serves');
        assert.equal(await pull(signed.digest), 1);
      });
    }

    it('lets a node that trusts one signer pull when a signature of another is removed', async () => {
      await serve();
      const { digest, reference } = images.twice;
      const second = await read(served.baseUrl, at(digest, 2));
      // Of the first one alone, as another node may have asked, or the other one was dropped.
      assert.equal(await statusOf(cache.baseUrl, at(digest, 1)), 200);
      await images.remote.publish({ [at(digest, 1).slice(1)]: null });
      await eventually(async () => assert.equal(await read(served.baseUrl, at(digest, 1)), second));
      await assertPulls(reference);
      assert.notEqual(
        await read(cache.baseUrl, at(digest, 1)),
        second,
        'the cache has the old one',
      );
    });
  });
}
