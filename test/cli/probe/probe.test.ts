import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../kit/process/free-port.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { type Plant, type PlantedStore, startPlantedStore } from '../../kit/web/planted-store.ts';
import { HEX, IMAGE, at, signFor } from '../../generator/probe/probe-world.ts';

const forbidding: Plant = (request, response, right) => {
  if (!request.url?.includes('lookaside-probe')) return right();
  response.writeHead(403, { 'Content-Length': '0' }).end();
};

const kept: Plant = (_request, response) => {
  response.writeHead(404, { 'Content-Length': '0', 'Cache-Control': 'max-age=3600' }).end();
};

/** No name has a part of more than 63 characters, so nobody is asked for it. */
const NO_NAME = `${'a'.repeat(64)}.invalid`;

/** Without what a machine with much to do changes. */
const steady = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{64}/g, 'HEX')
    .replaceAll(/127\.0\.0\.1:[0-9]+/g, 'STORE')
    .replaceAll(/\nrisk: slow\n[^]*?\n\n/g, '\n')
    .replace(/: 0 that fail pulls, 1 risk, 0 notes\n$/, '\n')
    .replace(/, 1 risk, /, ', 0 risks, ');

describe('probe', () => {
  const directory = useTemporary();
  let store: PlantedStore | undefined;
  afterEach('stop the store', async () => {
    await store?.stop();
    store = undefined;
  });

  async function serve(plant?: Plant): Promise<string> {
    const files = new Map([[at(1), signFor()]]);
    store = await startPlantedStore({ files, ...(plant && { plant }) });
    return store.baseUrl;
  }

  async function list(text: string): Promise<string> {
    const file = join(directory(), 'images');
    await writeFile(file, text);
    return file;
  }

  it('says in text that all is good', async () => {
    const images = await list(
      `# in use\n\n${IMAGE.name}\nregistry.example/team/app:v1@sha256:${HEX}\n`,
    );
    const { code, stdout, stderr } = await runInProcess([
      'probe',
      await serve(),
      '--images',
      images,
    ]);
    assert.equal(stderr, '');
    assert.equal(
      steady(stdout.toString()),
      `store:      http://STORE
addresses:  127.0.0.1
images:     1 of 1 have signatures
requests:   31

no pull fails because of http://STORE
`,
    );
    assert.equal(code, 0);
  });

  it('says in text what is wrong, what nodes do, and what to do', async () => {
    const { code, stdout } = await runInProcess(['probe', await serve(forbidding)]);
    assert.equal(code, 1);
    const [head = '', finding = '', end] = steady(stdout.toString()).split('\n\n');
    assert.match(head, /^images: {5}none asked for; name some with --images /m);
    assert.match(
      finding,
      /^fails: missing-forbidden\nasked: {6}GET \/lookaside-probe\/missing@sha256=HEX\/signature-2\nat: {9}127\.0\.0\.1\ngot: {8}403, expected 404\nnode: {7}Every pull .*\nhint: {7}S3 and Ceph: .*$/,
    );
    assert.equal(end, 'pulls fail because of http://STORE: 1 that fails pulls, 0 risks, 0 notes\n');
  });

  it('has colours on a terminal, and none with --no-color', async () => {
    const args = ['probe', await serve(forbidding)];
    const shown = await runInProcess(args, {}, { isTTY: true });
    assert.ok(shown.stdout.includes('\n\u001b[31mfails\u001b[39m: missing-forbidden\n'));
    const plain = await runInProcess([...args, '--no-color'], {}, { isTTY: true });
    assert.match(plain.stdout.toString(), /^fails: missing-forbidden$/m);
  });

  it('gives programs an object whose form stays', async () => {
    const { code, stdout } = await runInProcess(
      ['probe', await serve(forbidding), '--images', '-', '--format=json'],
      {},
      { input: `docker://${IMAGE.name}\n` },
    );
    assert.equal(code, 1);
    const { requests, findings, ...rest } = JSON.parse(steady(stdout.toString()));
    assert.deepEqual(rest, {
      version: 1,
      url: 'http://STORE',
      verdict: 'fails-pulls',
      addresses: [{ address: '127.0.0.1', isReachable: true }],
      images: [{ image: `docker://registry.example/team/app@sha256:HEX`, signatures: 1 }],
    });
    assert.ok(requests > 0);
    const [{ node, hint, ...first }] = findings;
    assert.deepEqual(first, {
      code: 'missing-forbidden',
      severity: 'fails',
      addresses: ['127.0.0.1'],
      image: null,
      asked: 'GET /lookaside-probe/missing@sha256=HEX/signature-2',
      got: '403, expected 404',
    });
    assert.match(`${node} ${hint}`, /404/);
  });

  it('verifies by the keys of the scope that names the store, and of no other', async () => {
    const vectors = new URL('../../fixtures/vectors/', import.meta.url);
    const path = (name: string): string => fileURLToPath(new URL(name, vectors));
    const hex = 'e3f12513a4b22a2d7c0e7c9207f52128113758d9d68c7d06b11a0ac7672966f7';
    const signature = await readFile(path('redhat/rhel7-7.6.signature'));
    store = await startPlantedStore({
      files: new Map([[`rhel7@sha256=${hex}/signature-1`, signature]]),
    });
    const config = join(directory(), 'lookaside.yaml');
    const image = `registry.access.redhat.com/rhel7@sha256:${hex}`;
    const codesWith = async (keys: string): Promise<readonly string[]> => {
      const vendor = { vendor: 'redhat', store: store?.baseUrl, keys: path(keys) };
      const scopes = {
        'registry.access.redhat.com': vendor,
        'quay.io': { keys: path('lab/keys/lab.gpg') },
      };
      await writeFile(config, JSON.stringify({ scopes }));
      const args = [
        'probe',
        store?.baseUrl ?? '',
        '--config',
        config,
        '--images',
        await list(image),
      ];
      const { stdout } = await runInProcess([...args, '--format=json']);
      return JSON.parse(stdout.toString()).findings.map((one: { code: string }) => one.code);
    };
    assert.ok(!(await codesWith('redhat/release-key.asc')).includes('no-good-signature'));
    assert.ok((await codesWith('lab/keys/lab.gpg')).includes('no-good-signature'));
  });

  it('takes risks for faults with --strict', async () => {
    const url = await serve(kept);
    assert.equal((await runInProcess(['probe', url])).code, 0);
    assert.equal((await runInProcess(['probe', url, '--strict'])).code, 1);
  });

  it('exits with 2, and a report, where nothing can be reached or the time is over', async () => {
    const gone = `http://127.0.0.1:${await freePort()}`;
    const unreachable = await runInProcess(['probe', gone, '--format=json']);
    assert.equal(unreachable.code, 2);
    assert.equal(JSON.parse(unreachable.stdout.toString()).verdict, 'unreachable');
    const nameless = await runInProcess(['probe', `https://${NO_NAME}`]);
    assert.equal(nameless.code, 2);
    assert.match(nameless.stdout.toString(), /^fails: no-address$/m);
    const hanging = await serve(() => undefined);
    const late = await runInProcess(['probe', hanging, '--timeout=1s']);
    assert.equal(late.code, 2);
    assert.match(late.stdout.toString(), /^risk: unfinished$/m);
  });

  it('stops when it is interrupted', async () => {
    let interrupt: (() => void) | undefined;
    const url = await serve(() => interrupt?.());
    const { code, stderr } = await runInProcess(
      ['probe', url],
      {},
      { onStart: (signals) => (interrupt = () => void signals.emit('SIGINT')) },
    );
    assert.equal(code, 2);
    assert.match(stderr, /^lookaside: interrupted$/m);
  });

  const tag = 'quay.io/team/app:v1';
  const faults: Readonly<
    Record<string, readonly [args: readonly string[], error: RegExp, list?: string]>
  > = {
    'a name without a scheme': [
      ['store.example.com'],
      /URL: expected an https:\/\/ address of a store, got "store\.example\.com"\nhint: /,
    ],
    'a fragment': [['https://store.example.com/#top'], /URL: expected no fragment/],
    'a password that cannot be decoded': [
      ['https://user:%zz@store.example.com'],
      /URL: expected a user name and a password that Go can decode\nhint: /,
    ],
    'a directory': [
      ['file:///srv/signatures'],
      /URL: expected http or https, got "file:\/\/\/srv\/signatures"\nhint: /,
    ],
    'a list that is not there': [
      ['http://localhost', '--images=/nowhere'],
      /--images: .*\/nowhere.*\nhint: /,
    ],
    'an image without a digest': [
      ['http://localhost'],
      /--images: .*:2: expected an image with a sha256 digest, got "quay\.io\/team\/app:v1"\nhint: name each image with the digest/,
      `\n${tag}\n`,
    ],
    'an image with another digest': [
      ['http://localhost'],
      /:1: expected an image with a sha256 digest/,
      `a@sha512:${HEX}${HEX}`,
    ],
    'no image': [['http://localhost'], /names no image\nhint: /, '# none\n'],
    'more images than are read': [
      ['http://localhost'],
      /expected at most 5000 images, got 5001\nhint: /,
      Array.from({ length: 5001 }, (_, index) => `quay.io/team/app${index}@sha256:${HEX}`).join(
        '\n',
      ),
    ],
    'another format': [
      ['http://localhost', '--format=sarif'],
      /probe does not support the format sarif\nhint: /,
    ],
  };
  for (const [what, [args, error, text]] of Object.entries(faults)) {
    it(`refuses ${what}`, async () => {
      const more = text === undefined ? [] : ['--images', await list(text)];
      const { code, stdout, stderr } = await runInProcess(['probe', ...args, ...more]);
      assert.match(stderr, error);
      assert.equal(code, 2);
      assert.equal(stdout.toString(), '');
    });
  }

  for (const name of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
    it(`refuses a file in ${name} that is not there`, async () => {
      const { code, stderr } = await runInProcess(['probe', 'http://localhost'], {
        [name]: '/none',
      });
      assert.match(
        stderr,
        new RegExp(`^lookaside: ${name}: .*/none.*\nhint: let ${name} name a file`),
      );
      assert.equal(code, 2);
    });
  }
});
