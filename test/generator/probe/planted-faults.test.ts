// A store made wrong in one way, a row a code: the probe finds this and nothing else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TlsFiles } from '../../../server/listen/listener.ts';
import { PROBE_FINDINGS, type ProbeFindingCode } from '../../../generator/probe/probe-finding.ts';
import type { ProbeOptions } from '../../../generator/probe/probe-store.ts';
import { freePort } from '../../kit/process/free-port.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { Authority } from '../../kit/web/authority.ts';
import { makeCertificate } from '../../kit/web/certificate.ts';
import { startPlantedStore } from '../../kit/web/planted-store.ts';
import { describeWith } from '../../with-tools.ts';
import { type Planted, plantFaults, redirectTo } from './planted-faults.ts';
import { IMAGE, at, probeAt, signFor } from './probe-world.ts';

const good = signFor();
const images = [IMAGE];
const PLAIN = plantFaults({ images, at, good, stranger: signFor('cd'.repeat(32)) });

/** Those that need certificates; `own` is a good one. */
const TLS: Partial<Record<ProbeFindingCode, (world: TlsWorld) => Promise<Planted>>> = {
  'tls-handshake': async ({ own }) => ({
    store: { tls: { ...own, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-CCM' } },
  }),
  'tls-untrusted': async ({ own }) => ({ store: { tls: own }, options: { trusted: undefined } }),
  'tls-name': async ({ authority }) => ({ store: { tls: await authority.issue('DNS:a.example') } }),
  'tls-expired': async ({ authority }) => ({
    store: { tls: await authority.issue('IP:127.0.0.1', '2020-01-01') },
  }),
  'tls-expires-soon': async ({ own }) => ({
    store: { tls: own },
    options: { expiryWarning: 30 * 86_400_000 },
  }),
  'redirect-to-http': async ({ own, plainUrl }) => ({
    store: { tls: own, plant: redirectTo((url) => `${plainUrl}${url}`) },
  }),
};

interface TlsWorld {
  readonly authority: Authority;
  readonly own: TlsFiles;
  /** A right store without TLS. */
  readonly plainUrl: string;
}

async function assertOnly(code: ProbeFindingCode, planted: Planted): Promise<void> {
  const { store, url, options, others, severity = PROBE_FINDINGS[code].severity } = planted;
  const first = await startPlantedStore(store);
  const more = await Promise.all((others?.(first.port) ?? []).map(startPlantedStore));
  try {
    const { findings } = await probeAt(url?.(first.baseUrl, first.port) ?? first.baseUrl, options);
    const found = findings.map((finding) => `${finding.severity} ${finding.code}`);
    assert.deepEqual(found, [`${severity} ${code}`], JSON.stringify(findings, undefined, 2));
  } finally {
    await Promise.all([first, ...more].map(async ({ stop }) => stop()));
  }
}

describe('of a store that is wrong in one way, the probe tells', () => {
  for (const [code, planted] of Object.entries(PLAIN)) {
    it(code, async () => assertOnly(code as ProbeFindingCode, planted));
  }

  it('unreachable for a port where nobody listens', async () => {
    const report = await probeAt(`http://127.0.0.1:${await freePort()}`);
    assert.deepEqual(
      report.findings.map(({ code, severity }) => [code, severity]),
      [['unreachable', 'fails']],
    );
    assert.equal(report.verdict, 'unreachable');
  });

  it('all codes that there are', () => {
    const all = [...Object.keys(PLAIN), ...Object.keys(TLS), 'http2-only'];
    assert.deepEqual(all.toSorted(), Object.keys(PROBE_FINDINGS).toSorted());
  });
});

describeWith(
  ['openssl', 'faketime'],
  'of a store with TLS that is wrong in one way, the probe tells',
  () => {
    const directory = useTemporary('suite');
    let world: TlsWorld;
    let plain: Awaited<ReturnType<typeof startPlantedStore>>;
    before(async () => {
      const authority = await Authority.make(directory());
      plain = await startPlantedStore();
      world = { authority, own: await authority.issue('IP:127.0.0.1'), plainUrl: plain.baseUrl };
    });
    after(async () => plain.stop());

    const trust = async (): Promise<Partial<ProbeOptions>> => ({
      trusted: [await readFile(world.authority.file, 'utf8')],
    });
    for (const [code, plant] of Object.entries(TLS)) {
      it(code, async () => {
        const planted = await plant(world);
        const options = { ...(await trust()), ...planted.options };
        await assertOnly(code as ProbeFindingCode, { ...planted, options });
      });
    }

    it('tls-name for a certificate that has its name as common name only', async () => {
      const tls = await makeCertificate(directory(), '127.0.0.1');
      const trusted = [Buffer.from(tls.cert).toString()];
      await assertOnly('tls-name', { store: { tls }, options: { trusted } });
    });

    it('http2-only', async () => {
      const { cert, key } = world.own;
      const server = createSecureServer({
        cert: Buffer.from(cert),
        key: Buffer.from(key),
        allowHTTP1: false,
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const { findings } = await probeAt(`https://127.0.0.1:${port}`, await trust());
      server.close();
      assert.deepEqual(
        findings.map(({ code }) => code),
        ['http2-only'],
      );
    });

    it('nothing where nothing is wrong', async () => {
      const store = await startPlantedStore({ tls: world.own, files: new Map([[at(1), good]]) });
      const report = await probeAt(store.baseUrl, { images, ...(await trust()) });
      await store.stop();
      assert.deepEqual(report.findings, []);
    });
  },
);
