// The keys that node-config writes, imported by real clients: every signature that check accepts is good
// on nodes, or the key is named that some of them cannot use.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TAG, formatPacket } from '../../generator/openpgp/packets/packets.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import { onSystem } from '../kit/node/configured-node.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { runInProcess } from '../kit/program/run-in-process.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { formatLocation, writeSignature } from '../kit/signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

/** A key of version 5 or 6 as newer programs make them, with a user ID. */
function foreignKey(version: 5 | 6): Buffer {
  const material = randomBytes(32);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(material.length);
  const body = Buffer.concat([Buffer.from([version, 0x65, 0, 0, 0, 27]), length, material]);
  return Buffer.concat([
    formatPacket(TAG.publicKey, body),
    formatPacket(TAG.userId, Buffer.from('Colleague <colleague@example.com>')),
  ]);
}

/** A signature of such a key: GnuPG 2.2 gives up the file there, but keeps the keys in front of it. */
function foreignSignature(version: 5 | 6): Uint8Array {
  const start = Buffer.from([version, 0x13, 27, 8]);
  return formatPacket(TAG.signature, Buffer.concat([start, randomBytes(90)]));
}

const NAMES = ['rsa', 'ed25519', 'subkey'] as const;
type Name = (typeof NAMES)[number];

describeWith(['skopeo', 'podman', 'docker-registry', 'gpg', 'gpgv'], 'keys for nodes', () => {
  const directory = useTemporary('suite');
  const at = (...names: string[]): string => join(directory(), ...names);
  let registry: Registry;
  let signer: Signer;
  let keys: Readonly<Record<Name, SigningKey>>;
  let images: Readonly<Record<Name, PushedImage>>;

  before('sign an image with each key', async () => {
    [registry, signer] = await Promise.all([startRegistry(), makeSigner()]);
    keys = {
      rsa: await signer.makeKey({ algorithm: 'rsa2048' }),
      ed25519: await signer.makeKey({ algorithm: 'ed25519' }),
      subkey: await signer.makeKey({ algorithm: 'ed25519', subkey: true }),
    };
    images = {
      rsa: await registry.pushImage({ repository: 'rsa/app', tag: 'v1' }),
      ed25519: await registry.pushImage({ repository: 'ed25519/app', tag: 'v1' }),
      subkey: await registry.pushImage({ repository: 'subkey/app', tag: 'v1' }),
    };
    for (const name of NAMES) {
      const { reference: dockerReference, digest } = images[name];
      const bytes = await signer.sign(keys[name], { dockerReference, manifestDigest: digest });
      await writeSignature(at('store'), { repository: `${name}/app`, digest, number: 1 }, bytes);
      await signer.exportKeys(at(`${name}.gpg`), keys[name]);
    }
    const [rsa, ed25519] = [await readFile(at('rsa.gpg')), await readFile(at('ed25519.gpg'))];
    const [v5, v6] = [foreignKey(5), foreignKey(6)];
    const files: Readonly<Record<string, readonly Uint8Array[]>> = {
      'both.gpg': [rsa, ed25519],
      'v6-behind.gpg': [rsa, ed25519, v6, foreignSignature(6)],
      'v6-between.gpg': [rsa, v6, ed25519],
      'v5-between.gpg': [rsa, v5, ed25519],
    };
    for (const [name, parts] of Object.entries(files)) {
      await writeFile(at(name), Buffer.concat(parts));
    }
  });
  after(async () => {
    await Promise.all([registry?.stop(), signer?.stop()]);
  });
  afterEach(async () => rm(at('tree'), { recursive: true, force: true }));

  /** Writes the files of nodes; what it says on standard error. */
  const write = async (file: string, ...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await runInProcess([
      'node-config',
      `--url=file://${at('store')}`,
      `--scope=${registry.host}=${at(file)}`,
      `--out=${at('tree')}`,
      '--default=reject',
      ...args,
    ]);
    assert.equal(code, 0, stderr);
    return stderr;
  };

  /** What check says of each signature by the same keys. */
  const check = async (file: string): Promise<ReadonlyMap<Name, string>> => {
    const { stdout } = await runInProcess([
      'check',
      at('store'),
      `--keys=${at(file)}`,
      '--format=json',
    ]);
    const { files } = JSON.parse(stdout.toString()) as CheckReport;
    return new Map(
      NAMES.map((name) => {
        const place = formatLocation(`${name}/app`, images[name].digest, 1);
        return [name, files.find(({ path }) => path === place)?.status ?? 'missing'];
      }),
    );
  };

  const rows: Readonly<Record<string, readonly Name[]>> = {
    'rsa.gpg': ['rsa'],
    'ed25519.gpg': ['ed25519'],
    'both.gpg': ['rsa', 'ed25519'],
    'v5-between.gpg': ['rsa', 'ed25519'],
    'v6-between.gpg': ['rsa', 'ed25519'],
    'v6-behind.gpg': ['rsa'],
  };
  const forms: readonly (readonly string[])[] = [
    [],
    ['--clients=5.22+'],
    ['--keys-as=data'],
    ['--keys-as=no-reboot'],
  ];
  for (const [file, least] of Object.entries(rows)) {
    it(`are taken by skopeo and podman: ${file}`, async () => {
      const verdicts = await check(file);
      const accepted = NAMES.filter((name) => verdicts.get(name) === 'accepted');
      assert.ok(
        least.every((name) => accepted.includes(name)),
        accepted.join(),
      );
      for (const form of file === 'both.gpg' ? forms : forms.slice(0, 1)) {
        await write(file, ...form);
        const node = await onSystem(at('tree'));
        for (const name of accepted) {
          const image = images[name].reference;
          assert.equal((await node.copyWithSkopeo(image)).outcome, 'accepted', form.join());
          assert.equal((await node.pullWithPodman(image)).outcome, 'accepted', form.join());
        }
        const written = keyFilesOf(await readdir(at('tree'), { recursive: true }));
        const imported = await importFrom(written.map((path) => at('tree', path)));
        // What GnuPG loses for what lies behind it is written all the same.
        const whole = file === 'v6-behind.gpg' ? 'both.gpg' : file;
        const expected = form.includes('--keys-as=data') ? [] : await listKeys(whole);
        assert.deepEqual(imported, expected);
        await rm(at('tree'), { recursive: true });
      }
    });
  }

  it('are named where a subkey signs, which the clients here refuse', async () => {
    const [verdict, told] = [(await check('subkey.gpg')).get('subkey'), await write('subkey.gpg')];
    assert.equal(verdict, 'accepted');
    const { fingerprint } = keys.subkey;
    assert.match(told, new RegExp(`warning: the key ${fingerprint} .* has a subkey that signs: `));
    const node = await onSystem(at('tree'));
    const { outcome, stderr } = await node.copyWithSkopeo(images.subkey.reference);
    assert.equal(outcome, 'refused');
    assert.match(stderr, /Signature by key [0-9A-F]+ is not accepted/);
  });

  it('are not written where one of them cannot be used, by the name of its file', async () => {
    await writeFile(at('page.asc'), '<!DOCTYPE html>');
    const { code, stderr } = await runInProcess([
      'node-config',
      `--url=file://${at('store')}`,
      `--scope=${registry.host}=${at('rsa.gpg')}`,
      `--scope=${registry.host}/vendor=${at('page.asc')}`,
      `--out=${at('tree')}`,
      '--default=reject',
    ]);
    assert.equal(code, 2);
    assert.match(stderr, /^lookaside: .*page\.asc: expected OpenPGP public keys/);
    await assert.rejects(readdir(at('tree')), { code: 'ENOENT' });
  });

  /** The keys that node-config takes from a file, by the report of check. */
  const listKeys = async (file: string): Promise<readonly string[]> => {
    const { stdout } = await runInProcess([
      'check',
      at('store'),
      `--keys=${at(file)}`,
      '--format=json',
    ]);
    const report = JSON.parse(stdout.toString()) as CheckReport;
    return report.keys.map(({ fingerprint }) => fingerprint).toSorted();
  };
});

function keyFilesOf(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => path.endsWith('.asc') || path.endsWith('.pub'));
}

/** The primary keys that a fresh GnuPG imports from files. */
async function importFrom(paths: readonly string[]): Promise<readonly string[]> {
  if (paths.length === 0) return [];
  const home = await makeTemporary(0o700);
  const env = { GNUPGHOME: home };
  await runOrThrow('gpg', ['--batch', '--import', ...paths], { env });
  const { stdout } = await runOrThrow('gpg', ['--with-colons', '--list-keys'], { env });
  await removeTemporary(home);
  const lines = stdout.split('\n');
  const isPrimary = (line: string, index: number): boolean =>
    line.startsWith('fpr:') && lines[index - 1]?.startsWith('pub:') === true;
  return lines
    .filter(isPrimary)
    .map((line) => line.split(':')[9] ?? '')
    .toSorted();
}
