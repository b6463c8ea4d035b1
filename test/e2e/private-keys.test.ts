// A private key that got among the keys is noticed at every door, and leaves by none.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, copyFile, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { TARGET_NAMES } from '../../generator/nodes/targets/target.ts';
import { runInProcess } from '../kit/program/run-in-process.ts';
import { parsePackets } from '../fuzz/packet.ts';
import { describeWith } from '../with-tools.ts';
import { assertServed } from '../kit/program/assert-served.ts';
import { eventually } from '../kit/eventually.ts';
import { runLookasideProcess } from '../kit/program/lookaside.ts';
import { type Publisher, type SignedFile, makePublisher } from '../kit/signer/publisher.ts';
import { runOrThrow } from '../kit/process/run.ts';
import type { SigningKey } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../kit/temporary.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';

const URL = ['--url', 'https://sig.example'];
const REJECT = ['--default', 'reject'];
const REFUSED = /^lookaside: .*expected public keys, got a private key\nhint: /m;
/** Without a process of its own, but for a server. */
async function call(args: readonly string[]) {
  if (args[0] === 'serve') return runLookasideProcess(args);
  const { stdout, ...result } = await runInProcess(args);
  return { ...result, stdout: stdout.toString() };
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const docker = (...requirements: readonly object[]) => ({ docker: { 'quay.io': requirements } });
const countOf = (log: string): number =>
  log.split('team.gpg: expected public keys, got a private key').length;
/** Of a private packet: long enough to be of no other. Bytes. */
const TAIL = 24;
const BASE64 = /[A-Za-z0-9+/]{32,}={0,2}/g;

const reportSchema = z.object({
  findings: z.array(z.object({ code: z.string(), path: z.string() })),
});

describeWith(['gpg', 'gpgv'], 'a private key among public ones', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let publisher: Publisher;
  let signed: SignedFile;
  /** Whose private key was given to whoever keeps the keys. */
  let other: SigningKey;
  let home: string;
  let tails: readonly Buffer[];
  const fileOf = (name: string): string => join(home, name);

  before(async () => {
    publisher = await makePublisher();
    home = await makeTemporary();
    const { signer, key } = publisher;
    signed = await publisher.sign();
    other = await signer.makeKey({ algorithm: 'rsa2048', name: 'Other' });
    const env = { GNUPGHOME: signer.home };
    await signer.exportKeys(fileOf('public.gpg'), key);
    const secretArgs = ['--batch', '--output', fileOf('secret.gpg'), '--export-secret-keys'];
    await runOrThrow('gpg', [...secretArgs, other.fingerprint], { env });
    await runOrThrow('sh', ['-c', 'cat public.gpg secret.gpg > catenated.gpg'], { cwd: home });
    const exporting =
      'gpg --export > exported.gpg; gpg --export-secret-keys --batch >> exported.gpg';
    await runOrThrow('sh', ['-c', exporting], { cwd: home, env });
    const packets = ['secret.gpg', 'exported.gpg'].map(async (name) =>
      parsePackets(await readFile(fileOf(name))),
    );
    const secret = (await Promise.all(packets))
      .flat()
      .filter((one) => one && [5, 7].includes(one.tag));
    tails = secret.map(
      (one) => one?.body.subarray(-TAIL) ?? assert.fail('there is no such packet'),
    );
    assert.equal(tails.length, 3);
  });
  after(async () => {
    await publisher.stop();
    await removeTemporary(home);
  });
  beforeEach(async () => {
    await mkdir(dirname(at('store', signed.location)), { recursive: true });
    await writeFile(at('store', signed.location), signed.bytes);
  });

  /** As it is, or encoded as often as a file in a policy in a MachineConfig is. */
  const assertFree = (bytes: Uint8Array, depth = 4): void => {
    for (const tail of tails)
      assert(!Buffer.from(bytes).includes(tail), 'it holds the private key');
    if (depth === 0) return;
    const text = Buffer.from(bytes)
      .toString('latin1')
      .replaceAll(/\\[nr]|\s+|%[0-9A-F]{2}/g, '');
    for (const [run] of text.matchAll(BASE64)) {
      for (const skipped of [0, 1, 2, 3]) {
        assertFree(Buffer.from(run.slice(skipped), 'base64'), depth - 1);
      }
    }
  };
  const assertTreeFree = async (root: string): Promise<void> => {
    for (const name of await readdir(root, { recursive: true }).catch(() => [])) {
      if ((await stat(join(root, name))).isFile()) assertFree(await readFile(join(root, name)), 2);
    }
  };
  const assertRefused = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await call(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, REFUSED);
    assert.equal(stdout, '');
    assertFree(Buffer.from(stderr));
    return stderr;
  };
  const assertNotJudged = async (...args: readonly string[]): Promise<void> => {
    const { code, stdout, stderr } = await call(args);
    assert.equal(code, 1, stderr);
    assert.match(stdout, /^scope-not-judged: .*: expected public keys, got a private key$/m);
    assertFree(Buffer.from(stdout + stderr));
  };
  const scope = (name: string) => ['--scope', `quay.io/team=${fileOf(name)}`];

  it('is something that this test would see', async () => {
    const secret = await readFile(fileOf('secret.gpg'));
    const inPolicy = JSON.stringify({ keyData: secret.toString('base64') }, null, 2);
    for (const bytes of [secret, Buffer.from(inPolicy)]) {
      assert.throws(() => assertFree(bytes), /it holds the private key/);
      const url = Buffer.from(`data:;base64,${bytes.toString('base64')}`);
      assert.throws(() => assertFree(url), /it holds the private key/);
    }
  });

  for (const name of ['catenated.gpg', 'exported.gpg', 'secret.gpg']) {
    it(`is refused at every start (${name})`, async () => {
      const keys = ['--keys', fileOf(name)];
      const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
      const all = [
        ['serve', at('store'), ...keys, ...listen, '--state-dir', at('state')],
        ['check', at('store'), ...keys],
        ['generate', at('store'), ...keys, '--out', at('out')],
        ['node-config', ...scope(name), ...URL, ...REJECT, '--out', at('out')],
        ['node-config', ...keys, ...URL, ...REJECT, '--out', '-', '--target', 'machineconfig'],
      ];
      for (const args of all) {
        assert.match(await assertRefused(...args), new RegExp(`^lookaside: ${fileOf(name)}: `));
      }
      await assertTreeFree(at('out'));
    });
  }

  it('is refused in each form that is written for nodes, in a directory and in scopes', async () => {
    for (const target of TARGET_NAMES) {
      const out = ['--out', at('out'), '--target', target];
      await assertRefused('node-config', ...scope('catenated.gpg'), ...URL, ...REJECT, ...out);
    }
    await mkdir(at('keys'));
    await copyFile(fileOf('public.gpg'), at('keys/a.gpg'));
    await copyFile(fileOf('catenated.gpg'), at('keys/b.gpg'));
    await assertRefused('check', at('store'), '--keys', at('keys'));
    const scopes = { 'quay.io/team': { keys: [fileOf('public.gpg'), fileOf('secret.gpg')] } };
    await writeFile(at('gate.yaml'), JSON.stringify({ scopes }));
    await assertNotJudged('check', at('store'), '--config', at('gate.yaml'));
    await assertTreeFree(at('out'));
  });

  it('is refused in a policy, to judge by or to merge into, whatever it is for', async () => {
    const both = await readFile(fileOf('catenated.gpg'));
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const signedBy = { type: 'signedBy', keyType: 'GPGKeys' };
    const sigstore = { type: 'sigstoreSigned' };
    const good = { ...signedBy, keyPath: fileOf('public.gpg') };
    const policies: Readonly<Record<string, object>> = {
      keyData: docker(good, { ...signedBy, keyData: base64(both) }),
      keyPath: docker(good, { ...signedBy, keyPath: fileOf('catenated.gpg') }),
      keyPaths: docker({ ...signedBy, keyPaths: ['public.gpg', 'exported.gpg'].map(fileOf) }),
      'another transport': {
        ...docker(good),
        atomic: { a: [{ ...signedBy, keyData: base64(both) }] },
      },
      'another kind of key': docker(good, {
        ...sigstore,
        keyData: base64(Buffer.from(privateKey)),
      }),
      keyDatas: docker(good, { ...sigstore, keyDatas: ['aGk=', base64(Buffer.from(privateKey))] }),
    };
    for (const [where, transports] of Object.entries(policies)) {
      await writeFile(
        at('policy.json'),
        JSON.stringify({ default: [{ type: 'reject' }], transports }),
      );
      const policy = at('policy.json');
      const check = ['check', at('store'), '--policy', policy, '--policy-root', '/'];
      // A file costs its own scope; what lies in the policy itself, all of it.
      if (where.startsWith('keyPath')) await assertNotJudged(...check);
      else await assertRefused(...check);
      const merge = ['--merge', policy, '--policy-root', '/', '--out', at('out'), '--force'];
      await assertRefused('node-config', ...scope('public.gpg'), ...URL, ...merge);
    }
    await assertTreeFree(at('out'));
  });

  it('is a fault of a node, and shows in no difference', async () => {
    const args = ['node-config', ...scope('public.gpg'), ...URL];
    const { code } = await call([...args, ...REJECT, '--out', at('node')]);
    assert.equal(code, 0);
    const path = 'etc/pki/containers/lookaside-quay.io-team.asc';
    const armored = await readFile(at('node', path));
    const packets = await readFile(fileOf('secret.gpg'));
    const body = `${packets.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n`;
    const ways = [
      packets,
      Buffer.from(
        `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${body}-----END PGP PUBLIC KEY BLOCK-----\n`,
      ),
    ];
    for (const way of ways) {
      await writeFile(at('node', path), Buffer.concat([armored, way]));
      const checked = await call([...args, '--check', at('node'), '--format', 'json']);
      assert.equal(checked.code, 1);
      const { findings } = reportSchema.parse(JSON.parse(checked.stdout));
      assert.deepEqual(findings, [{ code: 'private-key', path }]);
      const diff = await call([...args, '--diff', at('node')]);
      assert.equal(diff.code, 1);
      assert.equal(
        diff.stdout,
        `Files a/${path} and b/${path} differ: a/${path} holds a private key\n`,
      );
      assertFree(Buffer.from(checked.stdout + checked.stderr + diff.stdout + diff.stderr));
    }
  });

  it('is a fault of a policy that nodes have, and shows in no difference', async () => {
    const args = ['node-config', ...scope('public.gpg'), ...URL];
    const path = 'etc/containers/policy.json';
    const keyData = await readFile(fileOf('secret.gpg'), 'base64');
    const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyData };
    const policy = {
      default: [{ type: 'reject' }],
      transports: { docker: { 'a.example': [signedBy] } },
    };
    const policies = { good: policy, 'that nodes cannot read': { ...policy, note: 'ours' } };
    await mkdir(dirname(at('node', path)), { recursive: true });
    for (const content of Object.values(policies)) {
      await writeFile(at('node', path), JSON.stringify(content));
      const checked = await call([...args, '--check', at('node')]);
      assert.match(checked.stdout, /private-key/);
      const diff = await call([...args, ...REJECT, '--diff', at('node')]);
      assert.match(diff.stdout, /policy\.json differ: a\/.*policy\.json holds a private key\n$/);
      assertFree(Buffer.from(checked.stdout + diff.stdout));
    }
    await writeFile(at('node', path), JSON.stringify(policy));
    await assertRefused(...args, '--diff', at('node'));
  });

  it('changes nothing of a server that runs, and is told', async () => {
    await copyFile(fileOf('public.gpg'), at('team.gpg'));
    const keys = ['--keys', at('team.gpg'), '--state-dir', at('state'), '--poll', '0s'];
    const server = await servers.start(at('store'), keys);
    const paths = [
      '/',
      '/nodes/policy.json',
      '/nodes/keys/lookaside.asc',
      `/nodes/keys/${publisher.key.fingerprint}.asc`,
      `/nodes/keys/${other.fingerprint}.asc`,
    ];
    const read = async () =>
      Promise.all(
        paths.map(async (path) => {
          const response = await fetch(`${server.baseUrl}${path}`);
          const body = Buffer.from(await response.arrayBuffer());
          assertFree(body, path === '/' ? 1 : 3);
          return path === '/' ? response.status : `${response.status} ${body.toString('hex')}`;
        }),
      );
    const before = await read();
    assert.deepEqual(
      before.map((answer) => String(answer).slice(0, 3)),
      ['200', '200', '200', '200', '404'],
    );
    for (const name of ['secret.gpg', 'catenated.gpg']) {
      await appendFile(at('team.gpg'), await readFile(fileOf(name)));
      const told = countOf(server.stderr());
      server.signal('SIGHUP');
      await eventually(() => assert.equal(countOf(server.stderr()), told + 1));
      assert.deepEqual(await read(), before);
      await assertServed(server, signed);
    }
    const status = await fetch(`${server.statusUrl}/status.json`);
    assertFree(Buffer.from(await status.text()));
    assertFree(Buffer.from(server.stderr() + server.stdout()));
    await copyFile(fileOf('public.gpg'), at('team.gpg'));
    assert.equal(await server.stop(), 0);
  });
});
