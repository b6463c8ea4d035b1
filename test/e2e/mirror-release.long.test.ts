// A store of releases behind an nginx that answers oddly is mirrored, broken off on the way, into a release area that
// is served; and the cluster-version operator's own engine accepts what it finds there.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { type Server, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { eventually } from '../kit/eventually.ts';
import { GO_OPENPGP, ReleaseVerifier } from '../kit/go/release-verifier.ts';
import { startBackground } from '../kit/process/background.ts';
import { startLookasideHere } from '../kit/program/lookaside-here.ts';
import { BUILT_MAIN, type Lookaside, runLookaside } from '../kit/program/lookaside.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { PUSHER, blobOf, randomDigest } from '../kit/push/push-world.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { RELEASE } from '../kit/release/release-world.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { startNginx } from '../kit/web/nginx.ts';
import type { StaticServer } from '../kit/web/static-server.ts';
import { describeWith } from '../with-tools.ts';

/** Milliseconds. A loaded machine starts many programs. */
const LIMIT = 600_000;
/** Below which a vendor's server has its releases. */
const BASE = 'pub/signatures/openshift/release';
const RELEASES = 24;
const BREAKS = 3;
/** What clusters ask for at most. */
const NINE = 9;

interface Told {
  readonly summary: Readonly<Record<string, number>>;
  readonly manifests: readonly {
    readonly image: string;
    readonly status: string;
    readonly doubt: { readonly isPassing: boolean } | null;
  }[];
}

/** At random: an error, a closed connection, a torn body, and a wish to be left alone. */
const ODD = `map $request_id $odd {
  default '';
  ~^0 error; ~^1 closed; ~^2 torn; ~^310 busy;
}`;

/** Some releases have in place of signature-1 what is none, for ever. */
const serverLines = (tornPort: number, forbidden: string, page: string): string => `
  if ($odd = error) { return 500; }
  if ($odd = closed) { return 444; }
  if ($odd = torn) { rewrite ^ /torn last; }
  if ($odd = busy) { rewrite ^ /busy last; }
  location = /torn { proxy_pass http://127.0.0.1:${tornPort}; }
  location = /busy { add_header Retry-After 1 always; return 429; }
  location = /${BASE}/${forbidden}/signature-1 { return 403; }
  location = /${BASE}/${page}/signature-1 { default_type text/html; return 200 '<html></html>'; }`;

function directoryOf(digest: string): string {
  return digest.replace(':', '=');
}

describeWith(
  ['nginx', 'git', 'gpg', 'gpgv', 'skopeo', 'docker-registry', 'go'],
  'a mirror of a store of releases behind nginx',
  () => {
    let root: string;
    let signer: Signer;
    let vendor: SigningKey;
    let stranger: SigningKey;
    let keyring: Buffer;
    let registry: Registry;
    let release: PushedImage;
    let remote: GitRemote;
    let torn: Server;
    let nginx: StaticServer;
    let verifier: ReleaseVerifier;
    let served: Lookaside | undefined;
    const at = (...path: readonly string[]): string => join(root, ...path);
    /** Blobs by digest, as they should be here. */
    const expected = new Map<string, readonly string[]>();
    let unsigned = '';

    before(async function () {
      this.timeout(LIMIT);
      root = await makeTemporary();
      verifier = await ReleaseVerifier.build();
      signer = await makeSigner();
      vendor = await signer.makeKey({ name: 'Vendor', algorithm: 'rsa2048' });
      stranger = await signer.makeKey({ name: 'Stranger', algorithm: 'rsa2048' });
      keyring = await readFile(await signer.exportKeys(at('release.asc'), vendor));
      registry = await startRegistry();
      const architectures = ['amd64', 's390x'];
      const repository = 'ocp/release';
      release = await registry.pushImage({ repository, tag: '4.16.1', architectures });
      for (const digest of [release.digest, ...release.instances.values()]) {
        await plant(digest, ['good']);
      }
      const [forbidden, page] = [randomDigest(), randomDigest()];
      await plant(forbidden, ['blocked', 'good']);
      await plant(page, ['blocked', 'other', 'good']);
      for (let index = 0; index < RELEASES; index++) await plantAny(index);
      unsigned = randomDigest();
      const digests = [...expected.keys()].filter((one) => !isOfImage(one));
      await writeFile(at('digests.txt'), [...digests, unsigned].join('\n'));
      await writeFile(at('images.txt'), `${release.reference}\n`);
      remote = await makeGitRemote();
      await remote.gitBare('config', 'uploadpack.allowFilter', 'true');
      await remote.publish({
        'lookaside.yaml': 'releases:\n  - {from: releases, keys: keys/release.asc}\n',
        'keys/release.asc': keyring,
      });
      await startStore(directoryOf(forbidden), directoryOf(page));
    });
    after(async () => {
      await served?.stop();
      await nginx.stop();
      torn.close();
      await registry.stop();
      await verifier.remove();
      await signer.stop();
      await remote.remove();
      await removeTemporary(root);
    });

    function isOfImage(digest: string): boolean {
      return [release.digest, ...release.instances.values()].includes(digest);
    }

    type Kind = 'good' | 'other' | 'strange' | 'framed' | 'blocked';

    /** Puts files below the numbers from 1: good by its own name and by another, or good for no cluster. */
    async function plant(digest: string, kinds: readonly Kind[]): Promise<void> {
      const blobs: string[] = [];
      for (const [index, kind] of kinds.entries()) {
        const dockerReference = kind === 'good' ? RELEASE : `m.example/ocp/release:${index}`;
        const key = kind === 'strange' ? stranger : vendor;
        const signed = await signer.sign(key, { dockerReference, manifestDigest: digest });
        const head = Buffer.from(kind === 'framed' ? '\0simple-signing\n' : '');
        const file = at('store', BASE, directoryOf(digest), `signature-${index + 1}`);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, Buffer.concat([head, signed]));
        if (kind === 'good' || kind === 'other') blobs.push(blobOf(signed));
      }
      expected.set(digest, blobs.toSorted());
    }

    async function plantAny(index: number): Promise<void> {
      const bad = (['strange', 'framed'] as const).slice(0, index % 3);
      const others = Array.from({ length: index % 4 }, () => 'other' as const);
      await plant(randomDigest(), [...bad, ...others, 'good']);
    }

    async function startStore(forbidden: string, page: string): Promise<void> {
      torn = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => {
          const head = 'HTTP/1.1 200 OK\r\nContent-Length: 800\r\n\r\n';
          socket.end(Buffer.concat([Buffer.from(head), Buffer.alloc(100, 0xa3)]));
        });
      });
      torn.listen(0, '127.0.0.1');
      await once(torn, 'listening');
      const address = torn.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      const server = serverLines(port, forbidden, page);
      nginx = await startNginx(at('store'), { http: ODD, server });
    }

    const args = (): readonly string[] => {
      const lists = ['--digests', at('digests.txt'), '--images', at('images.txt')];
      const from = ['--release', '--from', `${nginx.baseUrl}/${BASE}/`];
      const state = ['--state-dir', at('state'), '--format', 'json', '--jobs', '8'];
      return ['mirror', ...from, '--to', remote.path, ...lists, ...state];
    };

    async function mirrored(): Promise<ReadonlyMap<string, readonly string[]>> {
      const found = new Map<string, string[]>();
      for (const line of (await remote.gitBare('ls-tree', '-r', 'main', 'releases/')).split('\n')) {
        const [, id = '', hex] =
          /^\d+ blob (\S+)\treleases\/sha256=([0-9a-f]{64})\/signature-\d+$/.exec(line) ?? [];
        if (hex === undefined) continue;
        const digest = `sha256:${hex}`;
        found.set(digest, [...(found.get(digest) ?? []), id].toSorted());
      }
      return found;
    }

    it('is broken off at any moment, and ends up with all that clusters take', async () => {
      for (let breaks = 0; breaks < BREAKS; breaks++) {
        const wanted = (await nginx.accessLog()).length + 1 + Math.random() * 5000;
        const background = [BUILT_MAIN, ...args()];
        const running = await startBackground(process.execPath, background, { env: PUSHER });
        await eventually(async () => {
          if (running.exitCode() !== undefined) return;
          assert.ok((await nginx.accessLog()).length >= wanted, 'early');
        }, LIMIT);
        await running.stop('SIGKILL');
      }
      let told: Told | undefined;
      await eventually(async () => {
        const { code, stdout, stderr } = await runLookaside(args(), { env: PUSHER });
        assert.equal(code, 1, stderr);
        told = JSON.parse(stdout) as Told;
        const passing = told.manifests.filter(({ doubt }) => doubt?.isPassing === true);
        assert.equal(passing.length, 0, stderr);
      }, LIMIT);
      assert.deepEqual(await mirrored(), expected);
      const missing = told?.manifests.filter(({ status }) => status === 'missing') ?? [];
      assert.deepEqual(
        missing.map(({ image }) => image),
        [unsigned],
      );
      const changes = ['log', '--diff-filter=MDRT', '--format=%H', 'main', '--', 'releases'];
      assert.equal(await remote.gitBare(...changes), '', 'something was changed or removed');
      assert.ok(!(await nginx.accessLog()).includes(`signature-${NINE + 1}`));
    }).timeout(LIMIT);

    it("is served so that clusters' own engine accepts every file, and oc-mirror the first", async () => {
      await remote.git('pull', '--quiet', '--ff-only', 'origin', 'main');
      const config = ['--config', join(remote.work, 'lookaside.yaml')];
      served = await startLookasideHere(remote.path, [...config, '--state-dir', at('serve')]);
      for (const [digest, blobs] of expected) {
        const found: Buffer[] = [];
        for (let number = 1; number <= NINE; number++) {
          const answer = await lookUp(served, `${directoryOf(digest)}/signature-${number}`);
          if (answer.status === 404) break;
          assert.equal(answer.status, 200);
          found.push(answer.bytes);
        }
        assert.deepEqual(found.map(blobOf).toSorted(), blobs);
        const answers = await verifier.askAll(
          found.map((signature) => ({ keyring, digest, signature })),
        );
        assert.deepEqual(
          answers.map(({ keyring: lost, refused }) => lost + refused),
          found.map(() => ''),
        );
        assert.equal(answers[0]?.stopped, '');
        // oc-mirror copies what it names.
        assert.ok(found[0] && (await shown(found[0])).includes(RELEASE));
      }
    }).timeout(LIMIT);

    async function shown(signature: Buffer): Promise<string> {
      const file = at('shown');
      await writeFile(file, signature);
      const { stdout } = await runLookaside(['show', file]);
      return stdout;
    }
  },
  [GO_OPENPGP],
);
