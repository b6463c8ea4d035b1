// `lookaside explain` for images whose scope names another store: it asks that store, as nodes do.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { freePort } from '../../kit/process/free-port.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { readVector } from '../../kit/samples/samples.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { type Plant, type PlantedStore, startPlantedStore } from '../../kit/web/planted-store.ts';
import { describeWith } from '../../with-tools.ts';

const HEX = 'e3f12513a4b22a2d7c0e7c9207f52128113758d9d68c7d06b11a0ac7672966f7';
const REPOSITORY = 'registry.access.redhat.com/rhel7';
const KEY = fileURLToPath(
  new URL('../../fixtures/vectors/redhat/release-key.asc', import.meta.url),
);
const OTHER_KEY = fileURLToPath(
  new URL('../../fixtures/vectors/lab/keys/lab.gpg', import.meta.url),
);
const location = (number: number): string => `rhel7@sha256=${HEX}/signature-${number}`;

const answering =
  (status: number, body = '', headers: Readonly<Record<string, string>> = {}): Plant =>
  (_request, response) => {
    const length = { 'Content-Length': String(Buffer.byteLength(body)) };
    response.writeHead(status, { ...length, ...headers }).end(body);
  };

describeWith(['gpgv'], 'lookaside explain, at the store of a vendor,', () => {
  const directory = useTemporary();
  let store: PlantedStore | undefined;
  let signature: Buffer;
  before(async () => {
    signature = await readVector('redhat/rhel7-7.6.signature');
  });
  afterEach('stop the store', async () => {
    await store?.stop();
    store = undefined;
  });

  const serve = async (
    files: readonly (readonly [number, Uint8Array])[],
    plant?: Plant,
  ): Promise<string> => {
    const planted = new Map(files.map(([number, bytes]) => [location(number), bytes]));
    store = await startPlantedStore({ files: planted, ...(plant && { plant }) });
    return store.baseUrl;
  };
  const explain = async (
    address: string,
    scope: object = { keys: KEY },
    name = `${REPOSITORY}@sha256:${HEX}`,
  ) => {
    const config = join(directory(), 'lookaside.yaml');
    const members = { vendor: 'redhat', store: address, ...scope };
    await writeFile(config, JSON.stringify({ scopes: { 'registry.access.redhat.com': members } }));
    const source = join(directory(), 'source');
    await mkdir(source, { recursive: true });
    const { code, stdout, stderr } = await runInProcess([
      'explain',
      name,
      source,
      '--config',
      config,
      '--format',
      'json',
    ]);
    assert.ok(code === 0 || code === 1, stderr);
    const answer = JSON.parse(String(stdout));
    assert.equal(answer.store, address);
    const [platform] = answer.platforms;
    return { code, ...platform, said: `${platform.verdict} ${platform.reason?.code ?? ''}`.trim() };
  };

  it('accepts what Red Hat signed', async () => {
    const { said, code, signatures, scope } = await explain(await serve([[1, signature]]));
    assert.deepEqual([said, code, scope], ['accepted', 0, 'registry.access.redhat.com']);
    assert.equal(signatures[0].identity, 'registry.access.redhat.com/rhel7:7.6');
    assert.equal(signatures[0].signer, '567E347AD0044ADE55BA8A5F199E2F91FD431D51');
  });

  it('reads a store of files', async () => {
    const place = join(directory(), 'store', location(1));
    await mkdir(join(place, '..'), { recursive: true });
    const address = pathToFileURL(join(directory(), 'store')).href;
    assert.equal((await explain(address)).said, 'refused unsigned-elsewhere');
    await writeFile(place, signature);
    assert.equal((await explain(address)).said, 'accepted');
  });

  it('knows no verdict without the keys', async () => {
    const { said, reason } = await explain(await serve([[1, signature]]), {});
    assert.equal(said, 'unknown no-keys');
    assert.match(
      reason.message,
      /its keys are in \/etc\/pki\/rpm-gpg\/RPM-GPG-KEY-redhat-release on nodes/,
    );
  });

  it('refuses what others have signed, and another name, and what is not there', async () => {
    const address = await serve([[1, signature]]);
    const other = await explain(address, { keys: OTHER_KEY });
    assert.equal(other.said, 'refused quarantined');
    assert.match(other.reason.next, /whoever runs the store/);
    const gone = await explain(address, { keys: KEY }, `${REPOSITORY}@sha256:${'ab'.repeat(32)}`);
    assert.equal(gone.said, 'refused unsigned-elsewhere');
  });

  it('stops at the first number that is not there, as nodes do', async () => {
    assert.equal((await explain(await serve([[2, signature]]))).said, 'refused unsigned-elsewhere');
  });

  for (const [what, plant] of [
    ['403 for what is not there', answering(403)],
    ['410', answering(410)],
    ['500', answering(500)],
    ['204', answering(204)],
    ['a page', answering(200, '<html>', { 'Content-Type': 'text/html' })],
    ['nothing at all', answering(200)],
    ['an armored signature', answering(200, '-----BEGIN PGP MESSAGE-----\n')],
    ['a redirect without an end', answering(302, '', { Location: '/again' })],
  ] as const) {
    it(`says that pulls fail where the store answers ${what}`, async () => {
      const { said, code, reason } = await explain(await serve([], plant));
      assert.deepEqual([said, code], ['refused store-fails', 1]);
      assert.match(reason.message, /signature-1: .*, which fails every pull of the image$/);
      assert.match(reason.next, /lookaside probe http/);
    });
  }

  it('says so of a bad file behind a good one', async () => {
    const address = await serve([
      [1, signature],
      [2, Buffer.from('<html>')],
    ]);
    const { said, reason } = await explain(address);
    assert.equal(said, 'refused store-fails');
    assert.match(reason.message, /signature-2: /);
  });

  it('says so where nobody answers', async () => {
    const { said } = await explain(`http://127.0.0.1:${await freePort()}`);
    assert.equal(said, 'refused store-fails');
  });
});
