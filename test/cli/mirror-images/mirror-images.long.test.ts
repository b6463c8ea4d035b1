// What `lookaside mirror-images` does between a vendor with a registry and a store, and a registry and a signature
// repository of ours. How it goes on after an interruption is in broken-off.long.test.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makeNode } from '../../kit/node/node.ts';
import { run } from '../../kit/process/run.ts';
import { useLookaside } from '../../kit/program/use-lookaside.ts';
import { VendorWorld } from '../../kit/push/vendor-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

interface Told {
  readonly commits: readonly string[];
  readonly proposal: object | null;
  readonly summary: Readonly<Record<string, number>>;
  readonly images: readonly {
    readonly image: string;
    readonly target: string;
    readonly digest: string;
    readonly before: string | null;
    readonly copy: string | null;
    readonly status: string;
    readonly code?: string;
    readonly message?: string;
    readonly signatures: readonly { readonly part: string; readonly status: string }[];
  }[];
  readonly obstacles: readonly {
    readonly name: string;
    readonly status: string;
    readonly code?: string;
  }[];
}

async function digestOf(name: string): Promise<string | undefined> {
  const args = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${name}`];
  const { code, stdout } = await run('skopeo', args);
  return code === 0 ? stdout.trim() : undefined;
}

function statusesOf({ images }: Told): readonly string[] {
  return images.map(({ status }) => status);
}

function codesOf({ images }: Told): readonly (string | undefined)[] {
  return images.map(({ code }) => code);
}

describeWith(
  ['skopeo', 'podman', 'docker-registry', 'gpg', 'gpgv', 'git'],
  'lookaside mirror-images',
  () => {
    const servers = useLookaside();
    const directory = useTemporary();
    let world: VendorWorld;
    let count = 0;
    let repository = '';
    before(async () => {
      world = await VendorWorld.make();
    });
    beforeEach(() => {
      repository = `vendor/app${(count += 1)}`;
    });
    after(() => world.stop());

    const here = (): string => `${world.here.registry.host}/mirror/${repository}`;
    const tip = async (): Promise<string> => world.here.remote.gitBare('rev-parse', 'main');
    const writeJson = async (name: string, content: object): Promise<string> => {
      const file = join(directory(), name);
      await writeFile(file, JSON.stringify(content));
      return file;
    };

    /** Mirrors, and gives what it says to programs. */
    async function mirror(args: readonly string[], wanted = 0): Promise<Told> {
      const { code, stdout, stderr } = await world.mirror([...args, '--format', 'json']);
      assert.equal(code, wanted, stderr + stdout);
      return JSON.parse(stdout) as Told;
    }

    it('says first what it would do, and changes nothing', async () => {
      const image = await world.publish(repository, 'v1.0');
      const before = await tip();
      const { code, stdout } = await world.mirror([...world.from(repository), '--dry-run']);
      assert.equal(code, 0);
      const line = `would mirror   ${image.reference} as ${here()}:v1.0, ${image.digest}\n`;
      assert.ok(stdout.startsWith(line), stdout);
      assert.match(stdout, /^1 image: 1 would mirror\nnot tried: the policy of upstream, /m);
      assert.equal(await digestOf(`${here()}:v1.0`), undefined);
      assert.equal(await tip(), before);
    });

    it('makes images that nodes accept under the new name, and under no other', async () => {
      const image = await world.publish(repository, 'v1.0');
      const { code, stdout, stderr } = await world.mirror(world.from(repository));
      assert.equal(code, 0, stderr);
      const line = `mirrored       ${image.reference} as ${here()}:v1.0, ${image.digest}: copied, 3 signatures made\n`;
      assert.ok(stdout.startsWith(line), stdout);
      assert.match(stdout, /^1 image: 1 mirrored; 3 signatures by Mirror .* commit [0-9a-f]{12}/m);
      assert.equal(await digestOf(`${here()}:v1.0`), image.digest);

      const keyFile = await world.here.keyFile('mirror');
      const state = ['--state-dir', join(directory(), 'state')];
      const store = await servers.startHere(world.here.remote.path, ['--keys', keyFile, ...state]);
      const scope = world.here.registry.host;
      const node = await makeNode({ scope, lookaside: store.baseUrl, keys: [keyFile] });
      try {
        const { outcome } = await node.pullWithPodman(`${here()}:v1.0`);
        assert.equal(outcome, 'accepted');
        // What the vendor has signed is for another name.
        const unsigned = `${here()}:v9`;
        await world.vendor.registry.copy(image.reference, unsigned);
        const other = await node.pullWithPodman(unsigned);
        assert.equal(other.outcome, 'refused');
      } finally {
        await node.remove();
      }
    });

    it('follows a tag that moves, and says what it takes the place of', async () => {
      const old = await world.publish(repository, 'latest');
      await mirror(world.from(repository));
      const image = await world.publish(repository, 'latest');
      const plan = await world.mirror([...world.from(repository), '--dry-run']);
      assert.ok(plan.stdout.includes(`${image.digest}, in place of ${old.digest}\n`), plan.stdout);
      assert.equal(await digestOf(`${here()}:latest`), old.digest);
      const told = await mirror(world.from(repository));
      assert.deepEqual(statusesOf(told), ['mirrored']);
      assert.equal(told.images[0]?.before, old.digest);
      assert.equal(await digestOf(`${here()}:latest`), image.digest);
    });

    it('takes no image that was signed for another tag', async () => {
      const old = await world.publish(repository, 'v1.0');
      await world.vendor.registry.copy(old.reference, `${old.name}:v2.0`);
      const told = await mirror(world.from(repository), 1);
      assert.deepEqual(statusesOf(told), ['mirrored', 'refused']);
      assert.deepEqual(codesOf(told), [undefined, 'copy-rejected']);
      assert.equal(await digestOf(`${here()}:v2.0`), undefined);
      const signedIdentity = { type: 'matchRepository' };
      const entry = { from: old.name, to: here(), keys: world.keyFile, signedIdentity };
      const config = await writeJson('any-tag.json', {
        'mirrored-images': [{ ...entry, server: world.store.baseUrl }],
      });
      assert.deepEqual(statusesOf(await mirror(['--config', config])), ['there', 'mirrored']);
    });

    it('signs nothing for the reason that it is here', async () => {
      const image = await world.vendor.registry.pushImage({ repository, tag: 'v1.0' });
      await world.vendor.registry.copy(image.reference, `${here()}:v1.0`);
      const before = await tip();
      assert.deepEqual(codesOf(await mirror(world.from(repository), 1)), ['copy-rejected']);
      assert.equal(await tip(), before);
    });

    it('takes attestations along with a list that is signed', async () => {
      const image = await world.publish(repository, 'v1.0', { isAttested: true });
      const told = await mirror(world.from(repository));
      assert.deepEqual(statusesOf(told), ['mirrored']);
      assert.equal(await digestOf(`${here()}:v1.0`), image.digest);
    });

    it('takes what a policy takes, and anything only if that is said', async () => {
      const image = await world.vendor.registry.pushImage({ repository, tag: 'v1.0' });
      const from = ['--images-from', image.name, '--images-to', here()];
      const open = await writeJson('open.json', { default: [{ type: 'insecureAcceptAnything' }] });
      const { code, stderr } = await world.mirror([...from, '--policy', open]);
      assert.equal(code, 2);
      assert.match(stderr, /open\.json takes any image of \S+, signed or not\nhint: ask for a/);
      const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPath: world.keyFile };
      const strict = await writeJson('strict.json', {
        default: [{ type: 'insecureAcceptAnything' }],
        transports: { docker: { [image.name]: [signedBy] } },
      });
      const asked = [...from, '--policy', strict, '--server', world.store.baseUrl];
      assert.deepEqual(codesOf(await mirror(asked, 1)), ['copy-rejected']);
      await world.vendor.sign('vendor', [image.reference]);
      await world.untilServed([image]);
      assert.deepEqual(statusesOf(await mirror(asked)), ['mirrored']);
      const next = await world.vendor.registry.pushImage({ repository, tag: 'v1.1' });
      const all = await mirror([...from, '--policy', open, '--insecure-accept-anything']);
      assert.deepEqual(statusesOf(all), ['there', 'mirrored']);
      assert.equal(await digestOf(`${here()}:v1.1`), next.digest);
    });

    it('mirrors what a file lists, whatever comes of one of them', async () => {
      const image = await world.publish(repository, 'v1.9');
      await world.publish(repository, 'v1.10');
      await world.publish(repository, 'v1.10-rc1');
      const { host } = world.vendor.registry;
      const config = await writeJson('mirror.json', {
        keys: world.keyFile,
        server: world.store.baseUrl,
        'mirrored-images': [
          { from: `${host}/vendor/nothing`, to: `${world.here.registry.host}/nothing` },
          { from: image.name, to: here(), tags: ['v1.*', '!*-rc*'] },
          { from: image.name, to: `${here()}/named`, tags: ['v1.9', 'v7'] },
          { from: image.name, to: `${here()}/none`, tags: ['v8.*'] },
        ],
      });
      const told = await mirror(['--config', config], 1);
      assert.deepEqual(
        told.images.map(({ target, status }) => [target, status]),
        [
          [`${here()}:v1.9`, 'mirrored'],
          [`${here()}:v1.10`, 'mirrored'],
          [`${here()}/named:v1.9`, 'mirrored'],
        ],
      );
      assert.deepEqual(
        told.obstacles.map(({ name, code }) => [name, code]),
        [
          [`${host}/vendor/nothing`, 'not-found'],
          [`${image.name}:v7`, 'not-found'],
          [image.name, 'not-found'],
        ],
      );
    });

    /** In front of the vendor's store: answers with these statuses first. */
    async function withStore(
      statuses: number[],
      use: (url: string, asked: () => number) => Promise<void>,
    ): Promise<void> {
      let asked = 0;
      const server = createServer((question, response) => {
        asked += 1;
        const status = statuses.shift();
        const place = `${world.store.baseUrl}${question.url ?? ''}`;
        response.writeHead(status ?? 302, status === undefined ? { location: place } : {});
        response.end();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => asked);
      } finally {
        server.close();
        server.closeAllConnections();
      }
    }

    it('tries again what may pass, and nothing else', async () => {
      await world.publish(repository, 'v1.0');
      const from = world.from(repository).slice(0, -1);
      await withStore([503, 500], async (url) => {
        assert.deepEqual(statusesOf(await mirror([...from, url])), ['mirrored']);
      });
      await world.publish(repository, 'v1.1');
      await withStore([403, 403], async (url, asked) => {
        const told = await mirror([...from, url], 2);
        assert.deepEqual(statusesOf(told), ['there', 'failed']);
        assert.match(told.images[1]?.message ?? '', /signature store does not answer: .*403/);
        assert.equal(asked(), 1);
      });
      assert.equal(await digestOf(`${here()}:v1.1`), undefined);
    });

    it('proposes, and moves a tag that is in use once that is merged', async () => {
      const old = await world.publish(repository, 'latest');
      await mirror(world.from(repository));
      const image = await world.publish(repository, 'latest');
      const args = [...world.from(repository), '--pull-request'];
      const before = await tip();
      const first = await mirror(args);
      assert.deepEqual(statusesOf(first), ['waiting']);
      assert.notEqual(first.proposal, null);
      assert.deepEqual(statusesOf(await mirror(args)), ['waiting']);
      assert.deepEqual([await tip(), await digestOf(`${here()}:latest`)], [before, old.digest]);
      const branch = await world.here.remote.gitBare(
        'for-each-ref',
        '--format=%(refname)',
        'refs/heads/lookaside/',
      );
      await world.here.remote.gitBare('update-ref', 'refs/heads/main', branch.trim());
      const last = await mirror(args);
      assert.deepEqual(
        last.images.map(({ status, copy }) => [status, copy]),
        [['mirrored', 'there']],
      );
      assert.equal(await digestOf(`${here()}:latest`), image.digest);
    });

    it('proposes the signatures of new images, with tags for those who decide', async () => {
      const image = await world.publish(repository, 'v1.0');
      const told = await mirror([...world.from(repository), '--pull-request']);
      assert.deepEqual(statusesOf(told), ['waiting']);
      assert.equal(told.images[0]?.message, 'nodes accept it once the proposal is merged');
      assert.equal(await digestOf(`${here()}:v1.0`), image.digest);
      const again = await mirror([...world.from(repository), '--pull-request']);
      assert.deepEqual([statusesOf(again), again.commits], [['waiting'], []]);
    });

    it('tells what became of each image where the push fails, and goes on from there', async () => {
      const image = await world.publish(repository, 'v1.0');
      const hooks = join(world.here.remote.path, 'hooks');
      await mkdir(hooks, { recursive: true });
      const hook = join(hooks, 'pre-receive');
      await writeFile(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      const before = await tip();
      try {
        const { code, stdout, stderr } = await world.mirror(world.from(repository));
        assert.notEqual(code, 0);
        assert.match(stdout, /^failed +\S+:v1\.0 .*: copied: /m);
        assert.match(stderr, /^lookaside: .*\nhint: /m);
        assert.equal(await digestOf(`${here()}:v1.0`), undefined);
      } finally {
        await rm(hook);
      }
      assert.equal(await tip(), before);
      const { images } = await mirror(world.from(repository));
      assert.deepEqual(
        images.map(({ status, copy }) => [status, copy]),
        [['mirrored', 'there']],
      );
      assert.equal(await digestOf(`${here()}:v1.0`), image.digest);
    });

    it('copies nothing for a key that is not accepted', async () => {
      await world.publish(repository, 'v1.0');
      const other = ['--sign-by', world.here.keys.approver.fingerprint];
      const told = await mirror([...world.from(repository), ...other], 1);
      assert.deepEqual(codesOf(told), ['unknown-signer']);
      assert.equal(await digestOf(`${here()}:v1.0`), undefined);
    });
  },
);
