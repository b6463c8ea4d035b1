// A mirror of thirty images that is broken off twice, once without a word and once by a signal: what has arrived is
// not copied again, and at no time a signature says anything of what did not arrive.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pMap from 'p-map';
import { eventually } from '../../kit/eventually.ts';
import { startBackground } from '../../kit/process/background.ts';
import { run } from '../../kit/process/run.ts';
import { BUILT_MAIN } from '../../kit/program/lookaside.ts';
import { VendorWorld } from '../../kit/push/vendor-world.ts';
import { HoldingProxy } from '../../kit/registry/holding-proxy.ts';
import type { PushedImage } from '../../kit/registry/registry.ts';
import { describeWith } from '../../with-tools.ts';

const IMAGES = 30;
/** Manifests of an image: its list, and two platforms. */
const PARTS = 3;
interface Told {
  readonly summary: Readonly<Record<string, number>>;
  readonly images: readonly {
    readonly image: string;
    readonly digest: string;
    readonly status: string;
    readonly copy: string | null;
    readonly code?: string;
    readonly message?: string;
  }[];
}

/** The command lines of all processes. */
async function listCommands(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  return Promise.all(
    pids.map(async (pid) => readFile(join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')),
  );
}

describeWith(
  ['skopeo', 'docker-registry', 'gpg', 'gpgv', 'git'],
  'lookaside mirror-images, broken off',
  () => {
    let world: VendorWorld;
    let proxy: HoldingProxy;
    let images: readonly PushedImage[];
    let unsigned: PushedImage;

    before(async () => {
      world = await VendorWorld.make();
      proxy = await HoldingProxy.start(world.here.registry.host);
      await world.here.accept(['mirror'], {}, proxy.host);
      const { vendor } = world;
      const tags = Array.from({ length: IMAGES }, (_, at) => `v1.${at}`);
      const push = async (tag: string) => vendor.pushImage('vendor/app', tag, ['amd64', 's390x']);
      images = await pMap(tags, push, { concurrency: 4 });
      unsigned = await push('v1.99');
      const { code, stderr } = await vendor.sign(
        'vendor',
        images.map(({ reference }) => reference),
      );
      assert.equal(code, 0, stderr);
      await vendor.sign('stranger', [unsigned.reference]);
      await world.untilServed([...images, unsigned]);
    });
    after(async () => {
      await proxy.stop();
      await world.stop();
    });

    const args = (): readonly string[] => [
      ...world.from('vendor/app', `${proxy.host}/mirror/app`),
      '--tags',
      'v1.*',
      '--format',
      'json',
    ];

    /**
     * Starts it, ends it once so many manifests have arrived, and waits for all that it has started; gives what it
     * has said.
     */
    async function breakOff(manifests: number, signal: 'SIGINT' | 'SIGKILL'): Promise<string> {
      const held = proxy.holdAfter(manifests);
      const all = [BUILT_MAIN, ...world.argsOf(args())];
      const mirror = await startBackground(process.execPath, all, { env: world.env });
      await held;
      mirror.signal(signal);
      const code = await mirror.ended();
      assert.notEqual(code, 0, mirror.stderr());
      proxy.release();
      await eventually(async () => {
        const left = (await listCommands()).filter((one) => one.includes(proxy.host));
        assert.deepEqual(left, []);
      });
      return mirror.stdout();
    }

    /** What the registry has taken: the last parts of the addresses, in their order. */
    function taken(what: 'manifests' | 'uploads'): readonly string[] {
      const form = new RegExp(
        `method=PUT .*uri="?/v2/mirror/app/[a-z/]*${what}/([^" ]+)"? .*status=201\\b`,
        'g',
      );
      const log = world.here.registry.log();
      return [...log.matchAll(form)].map(([, name = '']) => {
        const [, hex] = /digest=sha256%3A([0-9a-f]{64})/.exec(name) ?? [];
        return hex ?? name;
      });
    }

    function arrivedLists(): readonly string[] {
      const lists = new Set([...images, unsigned].map(({ digest }) => digest));
      return taken('manifests').filter((name) => lists.has(name));
    }

    /** The digests that are signed. */
    async function signedDigests(): Promise<readonly string[]> {
      const paths = await world.here.signatures();
      return paths.map((path) => path.replace(/^.*@sha256=([0-9a-f]{64})\/.*$/, 'sha256:$1'));
    }

    async function assertSignedIsThere(): Promise<void> {
      for (const digest of await signedDigests()) {
        assert.ok(taken('manifests').includes(digest), `${digest} is signed, and not there`);
      }
    }

    it('goes on where it was', async () => {
      assert.equal(await breakOff(5 * PARTS + 1, 'SIGKILL'), '');
      const first = arrivedLists();
      assert.ok(first.length >= 4, `${first.length} have arrived`);
      assert.deepEqual(await signedDigests(), []);

      // The first twenty are signed, and others on their way.
      const interrupted = JSON.parse(await breakOff(23 * PARTS, 'SIGINT')) as Told;
      assert.deepEqual(
        [interrupted.summary['mirrored'], interrupted.summary['failed']],
        [20, IMAGES + 1 - 20],
      );
      const [, ...reasons] = new Set(interrupted.images.map(({ message }) => message));
      assert.deepEqual(reasons, ['interrupted']);
      const second = arrivedLists();
      const signed = await signedDigests();
      assert.equal(signed.length, 20 * PARTS);
      await assertSignedIsThere();

      const before = taken('manifests').length;
      const { code, stdout, stderr } = await world.mirror(args());
      assert.equal(code, 1, stderr);
      const told = JSON.parse(stdout) as Told;
      assert.deepEqual(told.summary, {
        mirrored: IMAGES - 20,
        there: 20,
        waiting: 0,
        planned: 0,
        refused: 1,
        failed: 0,
      });
      const byDigest = new Map(told.images.map((image) => [image.digest, image]));
      for (const { digest } of images) {
        const wasThere = second.includes(digest);
        const image = byDigest.get(digest);
        const copy = image?.status === 'there' ? null : wasThere ? 'there' : 'copied';
        assert.equal(image?.copy, copy, digest);
      }
      await assertSignedIsThere();
      assert.equal(new Set(await signedDigests()).size, IMAGES * PARTS);
      assert.equal((await signedDigests()).length, IMAGES * PARTS);

      assert.equal(new Set(arrivedLists()).size, IMAGES);
      // What was signed is not even looked at again.
      const last = taken('manifests').slice(before);
      assert.deepEqual(
        last.filter((digest) => signed.includes(digest)),
        [],
      );
    });

    it('has copied no layer and no configuration twice', () => {
      const count = new Map<string, number>();
      for (const hex of taken('uploads')) count.set(hex, (count.get(hex) ?? 0) + 1);
      assert.ok(count.size > IMAGES, `${count.size} uploads`);
      // The layer that all images share may be on its way for two of them at once.
      const twice = [...count].filter(([, times]) => times > 1);
      assert.ok(twice.length <= 1, JSON.stringify(twice));
    });

    it('leaves out what the vendor has not signed', async () => {
      for (const digest of [unsigned.digest, ...unsigned.instances.values()]) {
        const name = `docker://${world.here.registry.host}/mirror/app@${digest}`;
        const { code } = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', name]);
        assert.notEqual(code, 0);
        assert.ok(!(await signedDigests()).includes(digest));
      }
    });

    it('has nothing to do then', async () => {
      const before = taken('manifests').length;
      const tip = await world.here.remote.gitBare('rev-parse', 'main');
      const { code, stdout } = await world.mirror(args());
      assert.equal(code, 1);
      const { summary, images: all } = JSON.parse(stdout) as Told;
      assert.deepEqual([summary['there'], summary['refused']], [IMAGES, 1]);
      assert.equal(all.find(({ status }) => status === 'refused')?.code, 'copy-rejected');
      assert.equal(taken('manifests').length, before);
      assert.equal(await world.here.remote.gitBare('rev-parse', 'main'), tip);
    });
  },
);
