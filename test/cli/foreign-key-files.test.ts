import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { formatArmor } from '../fuzz/keys/armor-text.ts';
import { frame } from '../fuzz/keys/crafted-key.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

interface Material {
  readonly armored: string;
  readonly binary: Buffer;
  readonly signature: Buffer;
  readonly armoredSignature: Buffer;
  readonly keybox: Buffer;
  readonly revocation: string;
  readonly pem: string;
  readonly certificate: string;
  readonly ssh: string;
  readonly sshPrivate: string;
}

interface Row {
  readonly title: string;
  readonly got: string;
  /** FILE stands for the path. */
  readonly hint: string;
  readonly make: (from: Material) => string | Uint8Array;
  /** Whether the command in the hint makes a file of keys, and what it is called. */
  readonly cured?: 'in place' | 'keys.asc';
}

const EXPORT = 'export public keys with `gpg --export --armor KEY > KEY.asc`';
const OPENPGP = `nodes verify by OpenPGP keys: ${EXPORT}`;
const PRIVATE = `${EXPORT}; if others could read the private one, sign with another key`;
const SIGNER = `give the public key of the signer: ${EXPORT}`;
const PACKED = `newer GnuPG and Sequoia refuse them there: ${EXPORT}`;
const pack = (keys: Buffer): Buffer =>
  frame(8, Buffer.concat([Buffer.of(1), deflateRawSync(keys)]));
const text = (value: string) => () => value;
const HEX = 'ab'.repeat(32);

const ROWS: readonly Row[] = [
  {
    title: 'nothing',
    got: 'an empty file',
    hint: `gpg writes nothing where it has no such key: ${EXPORT}`,
    make: text(''),
  },
  { title: 'a line break', got: 'nothing but white space', hint: EXPORT, make: text('\n') },
  {
    title: 'a wrong checksum',
    got: 'none: the checksum of the armor is wrong, so GnuPG takes nothing of the file',
    hint: 'the file was changed or cut: export the key again: `gpg --export --armor KEY > KEY.asc`',
    make: ({ armored }) => armored.replace(/^=....$/m, '=AAAA'),
  },
  {
    title: 'a letter changed',
    got: 'none: the checksum of the armor is wrong, so GnuPG takes nothing of the file',
    hint: 'the file was changed or cut: export the key again: `gpg --export --armor KEY > KEY.asc`',
    make: ({ armored }) =>
      armored.replace(
        /^(\w{20})(\w)/m,
        (_, start: string, letter: string) => start + (letter === 'A' ? 'B' : 'A'),
      ),
  },
  {
    title: 'armor in UTF-16',
    got: 'text in UTF-16',
    hint: 'PowerShell writes text for `>`: `gpg --armor --output KEY.asc --export KEY`',
    make: ({ armored }) => Buffer.from(`\ufeff${armored}`, 'utf16le'),
  },
  {
    title: 'base64',
    got: 'an OpenPGP key in base64',
    hint: 'decode it: `base64 -d < FILE > FILE.new && mv FILE.new FILE`',
    make: ({ binary }) => binary.toString('base64'),
    cured: 'in place',
  },
  {
    title: 'keys in a compressed packet',
    got: 'keys in a compressed packet',
    hint: PACKED,
    make: ({ binary }) => pack(binary),
  },
  {
    title: 'keys in a compressed packet, in armor',
    got: 'keys in a compressed packet',
    hint: PACKED,
    make: ({ binary }) => formatArmor('MESSAGE', pack(binary)),
  },
  {
    title: 'keys in armor for messages',
    got: 'keys in armor of another kind, that of PGP MESSAGE',
    hint: EXPORT,
    make: ({ binary }) => formatArmor('MESSAGE', binary),
  },
  {
    title: 'gzip',
    got: 'a gzip file',
    hint: 'unpack it: `gzip -dc < FILE > FILE.new && mv FILE.new FILE`',
    make: ({ armored }) => gzipSync(armored),
    cured: 'in place',
  },
  {
    title: 'a keybox',
    got: 'a keybox of GnuPG',
    hint: 'export the keys in it: `gpg --no-default-keyring --keyring "$(realpath FILE)" --export --armor > keys.asc`',
    make: ({ keybox }) => keybox,
    cured: 'keys.asc',
  },
  {
    title: 'a revocation certificate',
    got: 'a revocation certificate',
    hint: 'import it, and give the key that it revokes: `gpg --import FILE && gpg --export --armor KEY > KEY.asc`',
    make: ({ revocation }) => revocation,
  },
  { title: 'a signature', got: 'a signature', hint: SIGNER, make: ({ signature }) => signature },
  {
    title: 'a signature in armor',
    got: 'a detached signature in ASCII armor',
    hint: SIGNER,
    make: ({ armoredSignature }) => armoredSignature,
  },
  {
    title: 'a key in PEM',
    got: 'a public key in PEM, as cosign and openssl write it',
    hint: OPENPGP,
    make: ({ pem }) => pem,
  },
  {
    title: 'a certificate',
    got: 'an X.509 certificate',
    hint: OPENPGP,
    make: ({ certificate }) => certificate,
  },
  { title: 'an ssh key', got: 'an ssh key', hint: OPENPGP, make: ({ ssh }) => ssh },
  {
    title: 'an ssh key with options',
    got: 'an ssh key',
    hint: OPENPGP,
    make: ({ ssh }) => `no-pty,command="x y" ${ssh}`,
  },
  { title: 'an age key', got: 'an age key', hint: OPENPGP, make: text(`age1${'q'.repeat(58)}\n`) },
  {
    title: 'a minisign key',
    got: 'a minisign or signify key',
    hint: OPENPGP,
    make: text('untrusted comment: minisign public key A\nRWQ\n'),
  },
  {
    title: 'a private ssh key',
    got: 'a PRIVATE ssh key',
    hint: PRIVATE,
    make: ({ sshPrivate }) => sshPrivate,
  },
  {
    title: "cosign's private key",
    got: "cosign's PRIVATE key",
    hint: PRIVATE,
    make: text('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJ\n'),
  },
  {
    title: 'a private age key',
    got: 'a PRIVATE age key',
    hint: PRIVATE,
    make: text('AGE-SECRET-KEY-1QQ\n'),
  },
  {
    title: 'the page of a key server',
    got: 'a web page',
    hint: `fetch the key itself, not the page of a key server that shows it, or ${EXPORT}`,
    make: text('<!DOCTYPE html>\n<h1>Search results</h1>'),
  },
  {
    title: 'JSON',
    got: 'JSON',
    hint: `name a file of OpenPGP keys: ${EXPORT}`,
    make: text('{"keys":[]}'),
  },
  {
    title: 'a policy',
    got: 'a policy.json',
    hint: 'give a policy with `--policy`, and with `--keys` files of OpenPGP keys',
    make: text('{"default":[{"type":"reject"}]}'),
  },
  {
    title: 'a Git LFS pointer',
    got: 'a Git LFS pointer',
    hint: 'commit the key file as it is, without a filter in .gitattributes, or fetch it first with `git lfs pull`',
    make: text(`version https://git-lfs.github.com/spec/v1\noid sha256:${HEX}\nsize 600\n`),
  },
  {
    title: 'a conflict',
    got: 'a file with merge conflict markers',
    hint: `key files cannot be merged line by line: ${EXPORT}`,
    make: text('<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> b\n'),
  },
];

describeWith(['gpg', 'gpgv', 'openssl', 'sshd'], 'files that are given as keys', () => {
  const directory = useTemporary('suite');
  let signer: Signer;
  let key: SigningKey;
  let material: Material;
  const at = (...names: string[]): string => join(directory(), ...names);
  const check = async (file: string) => runLookaside(['check', at('tree'), '--keys', file]);
  before(async () => {
    signer = await makeSigner();
    key = await signer.makeKey({ algorithm: 'ed25519' });
    await mkdir(at('tree'));
    material = await makeMaterial(signer, key, directory());
  });
  after(() => signer.stop());

  for (const { title, got, hint, make, cured } of ROWS) {
    it(`${title}: named, with a cure${cured === undefined ? '' : ' that works when it is pasted'}`, async () => {
      const file = at(`${title.replaceAll(/\W/g, '-')}.asc`);
      await writeFile(file, make(material));
      const { code, stderr } = await check(file);
      const cure = hint.replaceAll(/\bFILE\b/g, `'${file}'`);
      assert.equal(
        stderr,
        `lookaside: ${file}: expected OpenPGP public keys${got.startsWith('none: ') ? ' that nodes import' : ''}, got ${got}\nhint: ${cure}\n`,
      );
      assert.equal(code, 2);
      if (cured === undefined) return;
      const command = /`([^`]+)`/.exec(stderr)?.[1] ?? '';
      const env = { GNUPGHOME: signer.home };
      await runOrThrow('sh', ['-ec', command], { cwd: directory(), env });
      const after = await check(cured === 'in place' ? file : at(cured));
      assert.equal(after.code, 0, after.stderr);
    });
  }

  it('files of other endings beside keys are named in a warning', async () => {
    const keys = at('keys');
    await mkdir(join(keys, 'old'), { recursive: true });
    await writeFile(join(keys, 'team.asc'), material.armored);
    await writeFile(join(keys, 'README.md'), 'x');
    await writeFile(join(keys, '.hidden'), 'x');
    assert.equal((await check(keys)).stderr, '');
    for (const name of ['b.pub', 'a.key', 'c.pgp']) {
      await writeFile(join(keys, name), material.armored);
    }
    const warning = `lookaside: warning: ${keys}: only .asc and .gpg files are read as keys, not a.key, b.pub, c.pgp: give keys one of these endings, and move the rest elsewhere\n`;
    await writeFile(at('scopes.yaml'), JSON.stringify({ scopes: { 'a.example': { keys } } }));
    await writeFile(at('signature'), material.signature);
    for (const args of [
      ['check', at('tree'), '--keys', keys],
      ['check', at('tree'), '--config', at('scopes.yaml')],
      ['show', at('signature'), '--keys', keys],
      ['explain', `a.example/x@sha256:${HEX}`, at('tree'), '--keys', keys],
      [
        'node-config',
        '--scope',
        `a.example=${keys}`,
        '--url',
        'https://a.example',
        '--default',
        'reject',
        '--out',
        at('node'),
      ],
    ]) {
      const { stderr } = await runLookaside(args);
      assert.ok(stderr.includes(warning), `${args.join(' ')}: ${stderr}`);
    }
  });

  it('keys as GnuPG 1 keeps them are keys', async () => {
    const home = at('gnupg-1');
    await mkdir(home, { mode: 0o700 });
    // gpg goes on with the older form where there is such a file.
    await writeFile(join(home, 'pubring.gpg'), '');
    await runOrThrow('gpg', ['--batch', '--import'], {
      input: material.armored,
      env: { GNUPGHOME: home },
    });
    const { code, stderr } = await check(join(home, 'pubring.gpg'));
    assert.equal(code, 0, stderr);
  });
});

async function makeMaterial(signer: Signer, key: SigningKey, directory: string): Promise<Material> {
  const script = `
    gpg --batch --export | gpg --batch --no-default-keyring --keyring ./new.kbx --import
    openssl ecparam -name prime256v1 -genkey -noout -out ec
    openssl pkey -in ec -pubout -out pem
    openssl req -x509 -new -key ec -subj /CN=example -out certificate
    ssh-keygen -q -t ed25519 -N '' -f ssh
  `;
  await runOrThrow('sh', ['-ec', script], { cwd: directory, env: { GNUPGHOME: signer.home } });
  const read = async (name: string) => readFile(join(directory, name), 'utf8');
  const armored = await signer.exportKeys(join(directory, 'key.asc'), key);
  const binary = await signer.exportKeys(join(directory, 'key.gpg'), key);
  const revocation = await readFile(
    join(signer.home, 'openpgp-revocs.d', `${key.fingerprint}.rev`),
    'utf8',
  );
  const payload = Buffer.from('{}');
  return {
    armored: await readFile(armored, 'utf8'),
    binary: await readFile(binary),
    signature: await signer.sign(key, payload),
    armoredSignature: await signer.sign(key, payload, {
      args: ['--armor'],
      command: '--detach-sign',
    }),
    keybox: await readFile(join(directory, 'new.kbx')),
    revocation: revocation.replace(/^:-----/m, '-----'),
    pem: await read('pem'),
    certificate: await read('certificate'),
    ssh: await read('ssh.pub'),
    sshPrivate: await read('ssh'),
  };
}
