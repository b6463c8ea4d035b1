// A mirror of a store of a thousand signatures, several for each manifest, behind an nginx that answers oddly,
// ends up equal to that store, though it is killed ten times on the way; and podman accepts what it has.
import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signImage } from '../../scripts/bench/data/sign-image.ts';
import { type BenchKey, openSigningKey } from '../../scripts/bench/data/signing-key.ts';
import { eventually } from '../kit/eventually.ts';
import type { Clients } from '../kit/node/clients.ts';
import { onSystem } from '../kit/node/configured-node.ts';
import { startBackground } from '../kit/process/background.ts';
import { startLookasideHere } from '../kit/program/lookaside-here.ts';
import { type Lookaside, runLookaside, runLookasideProcess } from '../kit/program/lookaside.ts';
import { PUSHER, blobOf, randomDigest } from '../kit/push/push-world.ts';
import { type Registry, startRegistry } from '../kit/registry/registry.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { startNginx } from '../kit/web/nginx.ts';
import type { StaticServer } from '../kit/web/static-server.ts';
import { describeWith } from '../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Names of each manifest, by two registries of the vendor. */
const IDENTITIES = ['quay.example:1.0', 'quay.example:1', 'access.example:1.0', 'access.example:1'];
/** With four names each a thousand signatures; one is a real image. */
const MANIFESTS = 250;
const KILLS = 10;
/** So many bytes of the upstream's log, each request some hundred, a run has time for before it is killed. */
const MOST_LOGGED = 20_000;
/** Repositories of the vendor; what their servers say of what is not there. */
const REPOSITORIES = ['app', 'db', 's3', 'spa'] as const;
/** Milliseconds. A loaded machine starts many programs. */
const LIMIT = 600_000;

interface Told {
  readonly summary: Readonly<Record<string, number>>;
  readonly manifests: readonly {
    image: string;
    status: string;
    doubt: { isPassing: boolean } | null;
  }[];
}

/** At random: an error, a closed connection, a torn body, a slow one, and a wish to be left alone. */
const HTTP = `log_format location '$uri';
map $request_id $odd {
  default '';
  ~^0 error; ~^1 closed; ~^2 torn; ~^30 slow; ~^310 busy;
}`;

const SERVER = (tornPort: number, log: string): string => `
  access_log ${log} location;
  if ($odd = error) { return 500; }
  if ($odd = closed) { return 444; }
  if ($odd = torn) { rewrite ^ /torn last; }
  if ($odd = slow) { set $limit_rate 2k; }
  if ($odd = busy) { rewrite ^ /busy last; }
  location = /torn { proxy_pass http://127.0.0.1:${tornPort}; }
  location = /busy { add_header Retry-After 1 always; return 429; }
  location /vendor/s3 { error_page 404 = @forbidden; }
  location @forbidden { return 403; }
  location /vendor/spa { try_files $uri /index.html; }`;

describeWith(
  ['nginx', 'git', 'gpgv', 'skopeo', 'podman', 'docker-registry'],
  'a mirror of a thousand signatures',
  () => {
    let root: string;
    let key: BenchKey;
    let registry: Registry;
    let remote: GitRemote;
    let torn: Server;
    let nginx: StaticServer;
    let store: Lookaside | undefined;
    const at = (...path: readonly string[]): string => join(root, ...path);
    /** Blobs by directory, as they should be here. */
    const expected = new Map<string, readonly string[]>();
    const list: string[] = [];
    const unsigned: string[] = [];

    before(async function () {
      this.timeout(LIMIT);
      root = await makeTemporary();
      await mkdir(at('upstream'));
      key = await openSigningKey(root);
      await writeFile(at('vendor.gpg'), key.public.publicKey);
      registry = await startRegistry();
      const real = await registry.pushImage({ repository: 'vendor/real', tag: '1.0' });
      await registry.pushImage({ repository: 'vendor/unsigned', tag: '1.0' });
      await plant('real', real.digest);
      for (let index = 1; index < MANIFESTS; index++) {
        await plant(REPOSITORIES[index % REPOSITORIES.length] ?? '', randomDigest());
      }
      for (const name of REPOSITORIES) {
        unsigned.push(`quay.example/vendor/${name}@${randomDigest()}`);
      }
      await writeFile(at('upstream', 'index.html'), '<!doctype html><title>Vendor</title>\n');
      await writeFile(at('digests.txt'), [...list, ...unsigned].map((one) => `${one}\n`).join(''));
      remote = await makeGitRemote();
      await remote.gitBare('config', 'uploadpack.allowFilter', 'true');
      await remote.publish({
        'lookaside.yaml': formatConfig(),
        'keys/vendor.gpg': await readFile(at('vendor.gpg')),
      });
      await startUpstream();
    });
    after(async () => {
      await store?.stop();
      await nginx.stop();
      torn.close();
      await registry.stop();
      await remote.remove();
      await removeTemporary(root);
    });

    /** Signs a manifest under all names, for the upstream. */
    async function plant(name: string, digest: string): Promise<void> {
      const blobs: string[] = [];
      for (const [index, identity] of IDENTITIES.entries()) {
        const [host = '', tag = ''] = identity.split(':');
        const dockerReference = `${host}/vendor/${name}:${tag}`;
        const location = formatLocation(`vendor/${name}`, digest, index + 1);
        const { message } = await signImage(key, { dockerReference, digest });
        const file = at('upstream', location);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, message);
        blobs.push(blobOf(message));
      }
      list.push(`quay.example/vendor/${name}@${digest}`);
      expected.set(`vendor/${name}@${digest.replace(':', '=')}`, blobs.toSorted());
    }

    function formatConfig(): string {
      const signed = { keys: 'keys/vendor.gpg' };
      const signedIdentity = {
        type: 'remapIdentity',
        prefix: `${registry.host}/vendor`,
        signedPrefix: 'quay.example/vendor',
      };
      const scopes = {
        'quay.example/vendor': signed,
        'access.example/vendor': signed,
        [`${registry.host}/vendor`]: { ...signed, signedIdentity },
      };
      // JSON is YAML.
      return JSON.stringify({ scopes });
    }

    async function startUpstream(): Promise<void> {
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
      nginx = await startNginx(at('upstream'), { http: HTTP, server: SERVER(port, at('asked')) });
    }

    const args = (): readonly string[] => {
      const map = `quay.example/vendor=${registry.host}/vendor`;
      const from = ['--from', nginx.baseUrl, '--keys', at('vendor.gpg'), '--map', map];
      const state = ['--state-dir', at('state'), '--format', 'json', '--jobs', '16'];
      const to = ['--to', remote.path, '--digests', at('digests.txt')];
      return ['mirror', ...from, ...to, ...state];
    };

    async function sizeOfLog(): Promise<number> {
      return (await stat(at('asked'))).size;
    }

    async function newest(): Promise<string> {
      return readFile(join(remote.path, 'refs/heads/main'), 'utf8');
    }

    /** Checks that a run has come as far as it may: somewhere, or to its first push. */
    async function chooseEnd(isByPush: boolean): Promise<() => Promise<void>> {
      const [commit, size] = [await newest(), await sizeOfLog()];
      const wanted = size + 1 + Math.floor(Math.random() * MOST_LOGGED);
      return async () => {
        if (isByPush) assert.notEqual(await newest(), commit);
        else assert.ok((await sizeOfLog()) >= wanted, 'early');
      };
    }

    async function mirrored(): Promise<ReadonlyMap<string, readonly string[]>> {
      const found = new Map<string, string[]>();
      for (const line of (await remote.gitBare('ls-tree', '-r', 'main')).split('\n')) {
        const [, id = '', directory] = /^\d+ blob (\S+)\t(vendor\/[^/]+)\/[^/]+$/.exec(line) ?? [];
        if (directory === undefined) continue;
        found.set(directory, [...(found.get(directory) ?? []), id].toSorted());
      }
      return found;
    }

    it('is killed at any moment, and has only what the store has', async () => {
      for (let [kills, runs] = [0, 0]; kills < KILLS; runs++) {
        const assertFar = await chooseEnd(runs % 4 === 3);
        const running = await startBackground(process.execPath, [MAIN, ...args()], { env: PUSHER });
        await eventually(async () => {
          if (running.exitCode() === undefined) await assertFar();
        }, LIMIT);
        // One that came to its end was too quick.
        if ((await running.stop('SIGKILL')) === null) kills += 1;
        for (const [directory, blobs] of await mirrored()) {
          const right = new Set(expected.get(directory));
          assert.ok(
            blobs.every((blob) => right.has(blob)),
            directory,
          );
        }
      }
    }).timeout(LIMIT);

    it('goes on to what the store has, all of it and nothing else', async () => {
      let told: Told | undefined;
      await eventually(async () => {
        const { stdout, stderr } = await runLookasideProcess(args(), { env: PUSHER });
        told = JSON.parse(stdout || 'null') as Told;
        const passing = told?.manifests.filter(({ doubt }) => doubt?.isPassing === true);
        assert.equal(passing?.length, 0, stderr);
      }, LIMIT);
      assert.deepEqual(await mirrored(), expected);
      assert.deepEqual(
        told?.manifests.filter(({ image }) => unsigned.includes(image)).map(({ status }) => status),
        // By 404 there is none; 403, and a web page, do not say so.
        ['missing', 'missing', 'unknown', 'unknown'],
      );
      const changes = ['log', '--diff-filter=MDRT', '--format=%H', 'main', '--', 'vendor'];
      assert.equal(await remote.gitBare(...changes), '', 'something was changed or removed');
      await remote.gitBare('fsck', '--strict');
    }).timeout(LIMIT);

    it('leaves alone what it knows to be whole', async () => {
      const known = list.filter((one) => /vendor\/(?:real|app|db)@/.test(one));
      await writeFile(at('digests.txt'), known.map((one) => `${one}\n`).join(''));
      const before = await sizeOfLog();
      const { stdout } = await runLookaside(args(), { env: PUSHER });
      const { summary } = JSON.parse(stdout) as Told;
      assert.equal(summary['there'], known.length);
      assert.equal(await sizeOfLog(), before);
    }).timeout(LIMIT);

    it('is accepted by podman, through a mirror of registries.conf and by its own name', async () => {
      const config = ['--config', join(remote.work, 'lookaside.yaml')];
      store = await startLookasideHere(remote.path, [...config, '--state-dir', at('serve')]);
      const node = at('node');
      const about = ['--url', store.baseUrl, '--default', 'reject', '--out', node];
      const { code, stderr } = await runLookaside(['node-config', ...config, ...about]);
      assert.equal(code, 0, stderr);
      const mirrors = `[[registry]]
prefix = "quay.example/vendor"
location = "quay.example/vendor"
[[registry.mirror]]
location = "${registry.host}/vendor"
insecure = true
`;
      await writeFile(join(node, 'etc/containers/registries.conf'), mirrors);
      const clients: Clients = await onSystem(node);
      const byOwnName = `${registry.host}/vendor/real:1.0`;
      const cases = [
        ['quay.example/vendor/real:1.0', 'accepted'],
        [byOwnName, 'accepted'],
        ['quay.example/vendor/unsigned:1.0', 'refused'],
        [`${registry.host}/vendor/unsigned:1.0`, 'refused'],
      ] as const;
      for (const [image, outcome] of cases) {
        const pulled = await clients.pullWithPodman(image);
        assert.equal(pulled.outcome, outcome, `${image}: ${pulled.stderr}`);
      }
      // It is the remapIdentity of the node's policy that lets the name here in.
      const file = join(node, 'etc/containers/policy.json');
      const withoutIdentities = (await readFile(file, 'utf8')).replaceAll(
        /,\s*"signedIdentity": \{[^}]*\}/g,
        '',
      );
      await writeFile(file, withoutIdentities);
      const pulled = await (await onSystem(node)).pullWithPodman(byOwnName);
      assert.equal(pulled.outcome, 'refused');
      assert.match(pulled.stderr, /is not accepted/);
    }).timeout(LIMIT);
  },
);
