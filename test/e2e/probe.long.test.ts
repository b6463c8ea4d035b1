// What the probe says of real web servers, right and wrong, and what skopeo does with the same ones.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { eventually } from '../kit/eventually.ts';
import { makeNode } from '../kit/node/node.ts';
import { runInProcess } from '../kit/program/run-in-process.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { formatLocation, writeSignature } from '../kit/signer/signature-tree.ts';
import { type Signer, makeSigner } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../kit/temporary.ts';
import { MODULES, startApache } from '../kit/web/apache.ts';
import { Authority } from '../kit/web/authority.ts';
import { startNginxCache, startVarnish } from '../kit/web/caches.ts';
import { startNginx } from '../kit/web/nginx.ts';
import { startPlantedStore } from '../kit/web/planted-store.ts';
import { plantFaults } from '../generator/probe/planted-faults.ts';
import { probeAt } from '../generator/probe/probe-world.ts';

interface Started {
  readonly baseUrl: string;
  readonly stop: () => Promise<void>;
}

interface Finding {
  readonly code: string;
  readonly severity: string;
}

interface Row {
  /** Serves the directory. */
  readonly start: (directory: string) => Promise<Started>;
  /** Codes that fail pulls; skopeo then refuses, and else pulls. */
  readonly fails?: readonly string[];
  /** Other codes. */
  readonly tells?: readonly string[];
  /** In place of the good signature. */
  readonly bytes?: Uint8Array;
  /** Behind the address. */
  readonly slash?: true;
}

/** The codes that fail pulls, or all others. */
const codesOf = (findings: readonly Finding[], isFatal: boolean): readonly string[] =>
  findings
    .filter(({ severity }) => (severity === 'fails') === isFatal)
    .map(({ code }) => code)
    .toSorted();

/** What one pull by name does not meet, or this client does not mind: it is from before the limit of 127 signatures. */
const NOT_IN_A_PULL: ReadonlySet<string> = new Set([
  'no-address',
  'unreachable',
  'slow',
  'rate-limited',
  'http-store',
  'too-many',
  'replicas-differ',
  'unfinished',
]);

/** As docs/coming-from.md has it. */
const passOn = (origin: string): string => `
  LoadModule proxy_module ${MODULES}/mod_proxy.so
  LoadModule proxy_http_module ${MODULES}/mod_proxy_http.so
  ProxyPass "/sigstore/" "${origin}/" nocanon`;

/** What both servers do where nobody told them otherwise. */
const STOCK = ['missing-has-body'];

const ROWS: Readonly<Record<string, Row>> = {
  'nginx as it comes': { start: startNginx, tells: STOCK },
  'nginx with an empty 404': {
    start: async (directory) => startNginx(directory, { location: 'error_page 404 /missing;' }),
  },
  'nginx with a page for everything': {
    start: async (directory) => startNginx(directory, { location: 'try_files $uri /index.html;' }),
    fails: ['missing-is-page'],
  },
  'nginx with 403 for what is missing': {
    start: async (directory) => startNginx(directory, { location: 'try_files $uri =403;' }),
    fails: ['missing-forbidden'],
  },
  "nginx with a rule against Go's client": {
    start: async (directory) =>
      startNginx(directory, { server: 'if ($http_user_agent ~ "Go-http-client") { return 403; }' }),
    fails: ['agent-refused'],
  },
  'nginx with a rule against @': {
    start: async (directory) => startNginx(directory, { server: 'location ~ @ { return 400; }' }),
    fails: ['at-sign-refused'],
  },
  'nginx that keeps //, and an address with a slash at its end': {
    start: async (directory) =>
      startNginx(directory, { server: 'merge_slashes off; location ~ "^//" { return 404; }' }),
    fails: ['double-slash'],
    tells: [...STOCK, 'trailing-slash'],
    slash: true,
  },
  'nginx with a limit of requests': {
    start: async (directory) =>
      startNginx(directory, {
        http: 'limit_req_zone $binary_remote_addr zone=all:1m rate=1r/m; limit_req_status 429;',
        location: 'limit_req zone=all burst=1 nodelay; error_page 404 /missing;',
        server: 'location = /missing { internal; }',
      }),
    fails: ['rate-limited'],
  },
  'nginx with a login': {
    start: async (directory) =>
      startNginx(directory, {
        server: 'location = /index.html {}',
        location: 'return 302 /index.html;',
      }),
    fails: ['redirect-to-page'],
  },
  'nginx with an armored signature': {
    start: startNginx,
    fails: ['unreadable-signature'],
    tells: STOCK,
    bytes: Buffer.from('-----BEGIN PGP MESSAGE-----\n\n=abcd\n-----END PGP MESSAGE-----\n'),
  },
  'httpd as it comes': { start: startApache, tells: STOCK },
  'httpd with an empty 404': {
    start: async (directory) => startApache(directory, 'ErrorDocument 404 /missing'),
  },
  'httpd with a page elsewhere for what is missing': {
    start: async (directory) => {
      const other = await startNginx(directory);
      const apache = await startApache(directory, `ErrorDocument 404 ${other.baseUrl}/index.html`);
      return {
        ...apache,
        stop: async () => void (await Promise.all([apache.stop(), other.stop()])),
      };
    },
    fails: ['redirect-to-page'],
  },
  'Varnish that keeps all as it comes': {
    start: async (directory) => {
      const nginx = await startNginx(directory, { location: 'error_page 404 /missing;' });
      const { hostname, port } = new URL(nginx.baseUrl);
      const vcl = `vcl 4.1; backend nginx { .host = "${hostname}"; .port = "${port}"; }`;
      const varnish = await startVarnish(nginx.baseUrl, vcl);
      return {
        ...varnish,
        stop: async () => void (await Promise.all([varnish.stop(), nginx.stop()])),
      };
    },
    tells: ['missing-kept'],
  },
};

describeWith(
  ['nginx', 'apache2', 'varnishd', 'skopeo', 'docker-registry', 'gpg', 'openssl'],
  'probe',
  () => {
    const servers = useLookaside();
    const directory = useTemporary();
    let registry: Registry;
    let signer: Signer;
    let image: PushedImage;
    let signature: Buffer;
    let stranger: Buffer;
    let keyFile: string;
    before(async () => {
      [registry, signer] = await Promise.all([startRegistry(), makeSigner()]);
      const key = await signer.makeKey({ algorithm: 'ed25519' });
      image = await registry.pushImage({ repository: 'team/app', tag: 'v1' });
      const claims = { dockerReference: image.reference, manifestDigest: image.digest };
      signature = await signer.sign(key, claims);
      const manifestDigest = `sha256:${'ab'.repeat(32)}`;
      stranger = await signer.sign(key, { ...claims, manifestDigest });
      keyFile = await signer.exportKeys(join(signer.home, 'key.gpg'), key);
    });
    after(async () => void (await Promise.all([registry.stop(), signer.stop()])));

    async function fill(bytes: Uint8Array = signature): Promise<string> {
      const place = { repository: 'team/app', digest: image.digest, number: 1 };
      await writeSignature(directory(), place, bytes);
      await writeFile(join(directory(), 'index.html'), '<!doctype html><title>Log in</title>');
      await writeFile(join(directory(), 'missing'), '');
      return directory();
    }

    async function probe(
      url: string,
      environment: Readonly<Record<string, string>> = {},
    ): Promise<{ readonly code: number; readonly findings: readonly Finding[] }> {
      const list = await makeTemporary();
      const images = join(list, 'images');
      await writeFile(images, `${image.name}@${image.digest}\n`);
      const args = ['probe', url, '--images', images, '--keys', keyFile, '--format', 'json'];
      const { code, stdout, stderr } = await runInProcess(args, {
        PATH: process.env['PATH'],
        ...environment,
      });
      await removeTemporary(list);
      assert.equal(stderr, '');
      const report: { readonly findings: readonly Finding[] } = JSON.parse(stdout.toString());
      // This machine may have much to do.
      return { code, findings: report.findings.filter((finding) => finding.code !== 'slow') };
    }

    for (const [name, { start, fails = [], tells = [], bytes, slash }] of Object.entries(ROWS)) {
      const outcome = fails.length === 0 ? 'accepted' : 'refused';
      it(`of ${name} says what skopeo does: ${outcome}`, async () => {
        const server = await start(await fill(bytes));
        try {
          const lookaside = `${server.baseUrl}${slash ? '/' : ''}`;
          const { code, findings } = await probe(lookaside);
          assert.deepEqual(codesOf(findings, true), fails);
          assert.deepEqual(codesOf(findings, false), tells);
          assert.equal(code, fails.length === 0 ? 0 : 1);
          const node = await makeNode({ scope: registry.host, lookaside, keys: [keyFile] });
          const pulled = await node.copyWithSkopeo(image.reference);
          await node.remove();
          assert.equal(pulled.outcome, outcome, pulled.stderr);
        } finally {
          await server.stop();
        }
      });
    }

    it('of each planted fault says what skopeo does', async () => {
      const digestHex = image.digest.slice('sha256:'.length);
      const probed = { name: image.reference, repository: 'team/app', digestHex };
      const at = (number: number): string => formatLocation('team/app', image.digest, number);
      const world = { images: [probed], at, good: signature, stranger };
      const wrong: string[] = [];
      for (const [code, { store, url }] of Object.entries(plantFaults(world))) {
        if (NOT_IN_A_PULL.has(code)) continue;
        const isUnsigned = code === 'image-unsigned';
        const files = isUnsigned ? new Map() : new Map([[at(1), signature]]);
        const server = await startPlantedStore({ files, ...store });
        const lookaside = url?.(server.baseUrl, server.port) ?? server.baseUrl;
        const { findings } = await probeAt(lookaside, { images: [probed] });
        const node = await makeNode({ scope: registry.host, lookaside, keys: [keyFile] });
        const { outcome } = await node.copyWithSkopeo(image.reference);
        await node.remove();
        await server.stop();
        const isFailing = findings.some(({ severity }) => severity === 'fails');
        const isTold = findings.some((finding) => finding.code === code);
        if (!isTold || isFailing !== (outcome === 'refused')) {
          wrong.push(
            `${code}: ${outcome}, and ${findings.map((finding) => finding.code).join(', ')}`,
          );
        }
      }
      assert.deepEqual(wrong, []);
    });

    const serve = async (
      ...more: readonly string[]
    ): Promise<Started & { stdout: () => string; statusUrl: string }> => {
      const store = join(directory(), 'store');
      await mkdir(store);
      const place = { repository: 'team/app', digest: image.digest, number: 1 };
      await writeSignature(store, place, signature);
      const server = await servers.start(store, ['--keys', keyFile, '--cache-missing=5s', ...more]);
      return { ...server, stop: async () => void (await server.stop()) };
    };

    it('finds nothing wrong with Lookaside, plain, behind both caches and behind httpd, and leaves no trace but in the access log', async () => {
      const server = await serve();
      const [nginx, varnish, apache] = [
        await startNginxCache(server.baseUrl),
        await startVarnish(server.baseUrl),
        await startApache(directory(), passOn(server.baseUrl)),
      ];
      const below = { baseUrl: `${apache.baseUrl}/sigstore` };
      try {
        for (const { baseUrl } of [server, nginx, varnish, below]) {
          // A cache that asks whether the server is ready has to ask twice.
          await eventually(async () => assert.equal((await fetch(`${baseUrl}/`)).status, 200));
          assert.deepEqual(await probe(baseUrl), { code: 0, findings: [] });
        }
        const metrics = await (await fetch(`${server.statusUrl}/metrics`)).text();
        assert.match(metrics, /^lookaside_refused_images 0$/m);
        assert.match(metrics, /^lookaside_lookups_total\{outcome="unsigned"\} 0$/m);
        const refused: unknown = await (await fetch(`${server.statusUrl}/refused.json`)).json();
        assert.deepEqual(
          Object.entries(refused ?? {}).filter(([key]) => key === 'refused'),
          [['refused', []]],
        );
        assert.match(
          server.stdout(),
          /lookaside-probe\/missing@sha256=[0-9a-f]{64}\/signature-2 .* 404/,
        );
      } finally {
        await Promise.all([nginx.stop(), varnish.stop(), apache.stop()]);
        await server.stop();
      }
    });

    it('finds nothing wrong with Lookaside over TLS, if the system trusts the authority', async () => {
      const authority = await Authority.make(directory());
      const { cert, key } = await authority.issue('IP:127.0.0.1');
      const [certFile, keyOfCert] = [join(directory(), 'tls.crt'), join(directory(), 'tls.key')];
      await writeFile(certFile, cert);
      await writeFile(keyOfCert, key);
      const server = await serve('--tls-cert', certFile, '--tls-key', keyOfCert);
      const trusted = await probe(server.baseUrl, { SSL_CERT_FILE: authority.file });
      // It is good for two days.
      assert.deepEqual(
        trusted.findings.map(({ code }) => code),
        ['tls-expires-soon'],
      );
      assert.equal(trusted.code, 0);
      const { code, findings } = await probe(server.baseUrl);
      assert.deepEqual(codesOf(findings, true), ['tls-untrusted']);
      assert.equal(code, 1);
      await server.stop();
    });
  },
);
