import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as openpgp from 'openpgp';
import { REJECTIONS } from '../../../generator/terms/rejection.ts';
import { run, runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { formatClaims } from '../../kit/signer/claims.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const HEX = 'ab'.repeat(32);
const CLAIMS = { dockerReference: 'registry.example/team/app:v1', manifestDigest: `sha256:${HEX}` };
/** On several lines: what changes line ends changes it. */
const PAYLOAD = JSON.stringify(JSON.parse(formatClaims(CLAIMS)), null, 1);

/** What rows are made from. */
interface Material {
  readonly good: Buffer;
  /** Without compression: the payload can be read in it. */
  readonly plain: Buffer;
  readonly armored: Buffer;
  readonly detached: Buffer;
  readonly encrypted: Buffer;
  readonly publicKey: Buffer;
  readonly publicArmor: Buffer;
  readonly privateArmor: Buffer;
  readonly privateKey: Buffer;
  readonly revocation: Buffer;
  readonly version6: Buffer;
  readonly pem: Readonly<Record<string, Buffer>>;
}

interface Row {
  readonly title: string;
  readonly code: keyof typeof REJECTIONS;
  readonly message: string;
  /** The cure of the code unless told. FILE stands for the path. */
  readonly hint?: string;
  readonly make: (from: Material) => string | Uint8Array;
  /** Whether nodes skip the file; they fail every pull unless told. */
  readonly isSkipped?: true;
  /** Whether the command in the hint makes a good signature of the file. */
  readonly isCured?: true;
}

const text = (value: string) => () => value;
const json = (value: object) => () => `${JSON.stringify(value, null, 2)}\n`;
const SIGN = 'Sign the image with `lookaside sign` or `skopeo copy --sign-by`';
const MOVE = `This is no signature of an image: move it out. ${SIGN}.`;
const OTHERS = `Nodes know no such signatures. ${SIGN}.`;
const REVOKE =
  'Revoke this key or replace it now, and sign with another: whoever could read this repository has it, and git keeps it in its history after the file is removed.';
const FETCH = 'Fetch the signature again, and look at what the server that it came from answers.';
const ENCRYPTED =
  'Signatures are public, and nodes cannot decrypt: commit the file as it was before.';
const TEXT = 'keep git from changing bytes with `* -text` in .gitattributes';
const FILTER =
  "`echo 'signature-* binary !filter' >> .gitattributes && git add .gitattributes && git add --renormalize . && git commit -m 'signatures: as they are'`";
const KEY = `A public key is no signature: give it to Lookaside with \`--keys\` and to the nodes, and move it out of the directory. ${SIGN}.`;
const UNPACK = 'Unpack it, and commit each signature as a file of its own.';
const COSIGN = { critical: { identity: {}, image: {}, type: 'cosign container image signature' } };
const BUNDLE = { mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json', dsseEnvelope: {} };
const behind = (count: number) =>
  `An editor or git changed the file: cut them off with \`truncate -s -${count} FILE\`, and ${TEXT}.`;
const undo = (command: string) => `Undo it with \`${command}\`, and ${TEXT}.`;
const got = (what: string) => `expected an OpenPGP message, got ${what}`;
const unknown = (title: string, what: string, hint: string, make: Row['make']): Row => ({
  title,
  code: 'unknown-format',
  message: got(what),
  hint,
  make,
});
const other = (
  code: Row['code'],
  title: string,
  what: string,
  hint: string,
  make: Row['make'],
) => ({
  ...unknown(title, what, hint, make),
  code,
});
const sigstore = (title: string, what: string, make: Row['make']): Row => ({
  title,
  code: 'sigstore',
  message: got(what),
  make,
});

/** Bytes of a whole signature that a program has changed. */
const CHANGED: readonly Row[] = [
  {
    title: 'a line break behind',
    code: 'malformed',
    message: 'expected the end of the file, got 1 byte (line break) behind the message',
    hint: behind(1),
    make: ({ plain }) => Buffer.concat([plain, Buffer.from('\n')]),
    isSkipped: true,
    isCured: true,
  },
  {
    title: 'a line break of Windows behind',
    code: 'malformed',
    message: 'expected the end of the file, got 2 bytes (line break) behind the message',
    hint: behind(2),
    make: ({ plain }) => Buffer.concat([plain, Buffer.from('\r\n')]),
    isSkipped: true,
    isCured: true,
  },
  {
    title: 'zeros behind',
    code: 'malformed',
    message: 'expected the end of the file, got 512 bytes (zeros) behind the message',
    hint: behind(512),
    make: ({ plain }) => Buffer.concat([plain, Buffer.alloc(512)]),
    isSkipped: true,
    isCured: true,
  },
  {
    title: 'something behind a message that is no whole one without it',
    code: 'malformed',
    message: 'expected the end of the file, got 4 bytes (no OpenPGP packet) behind the message',
    hint: REJECTIONS['bad-signature'].cure,
    make: ({ plain }) =>
      Buffer.concat([plain.subarray(0, 2), Buffer.of(9), plain.subarray(3), Buffer.from('done')]),
    isSkipped: true,
  },
  {
    title: 'text behind, in a frame',
    code: 'malformed',
    message: 'expected the end of the file, got 4 bytes (no OpenPGP packet) behind the message',
    hint: behind(4),
    make: ({ plain }) =>
      Buffer.concat([Buffer.from('\0simple-signing\n'), plain, Buffer.from('done')]),
    isSkipped: true,
    isCured: true,
  },
  {
    ...unknown(
      'a line break before',
      '1 byte (line break) before it',
      undo('tail -c +2 FILE > FILE.new && mv FILE.new FILE'),
      ({ good }) => Buffer.concat([Buffer.from('\n'), good]),
    ),
    isCured: true,
  },
  {
    ...unknown(
      'a byte order mark before',
      'a byte order mark before it',
      undo('tail -c +4 FILE > FILE.new && mv FILE.new FILE'),
      ({ good }) => Buffer.concat([Buffer.from('\ufeff'), good]),
    ),
    isCured: true,
  },
  {
    title: 'line ends of Windows within',
    code: 'malformed',
    message: got('one whose line ends git or an editor changed from LF to CRLF'),
    hint: undo(String.raw`perl -pi -e 's/\r\n/\n/' FILE`),
    make: ({ plain }) => Buffer.from(plain.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'),
    isSkipped: true,
    isCured: true,
  },
  {
    title: 'Latin-1 read, UTF-8 written, by a known first byte',
    code: 'malformed',
    message: got('one that was read as Latin-1 and written as UTF-8'),
    hint: undo('iconv -f UTF-8 -t LATIN1 FILE > FILE.new && mv FILE.new FILE'),
    make: ({ plain }) => Buffer.from(plain.toString('latin1')),
    isSkipped: true,
    isCured: true,
  },
  unknown(
    'bytes that are no UTF-8, replaced',
    'bytes that a program took for UTF-8 text and replaced',
    'The signature is lost: copy the file again in binary mode, or sign the image again.',
    ({ good }) => Buffer.from(good.toString('utf8')),
  ),
  unknown(
    'UTF-16, as PowerShell writes it',
    'text in UTF-16',
    'PowerShell writes text for `>`: let the program write the file itself (`gpg --output FILE`).',
    ({ armored }) => Buffer.from(`\ufeff${armored.toString()}`, 'utf16le'),
  ),
  {
    ...unknown(
      'base64',
      'an OpenPGP message in base64',
      'Decode it: `base64 -d < FILE > FILE.new && mv FILE.new FILE`.',
      ({ good }) => good.toString('base64').replaceAll(/.{76}/g, '$&\n'),
    ),
    isCured: true,
  },
  {
    ...unknown(
      'gzip',
      'a gzip file',
      'Unpack it: `gzip -dc < FILE > FILE.new && mv FILE.new FILE`.',
      ({ good }) => gzipSync(good),
    ),
    isCured: true,
  },
  {
    title: 'ASCII armor',
    code: 'armored',
    message: 'expected a binary OpenPGP message, got ASCII armor',
    hint: 'Convert it in place with `gpg --dearmor < FILE > FILE.new && mv FILE.new FILE`.',
    make: ({ armored }) => armored,
    isCured: true,
  },
  {
    title: 'ASCII armor in a mail',
    code: 'armored',
    message: 'expected a binary OpenPGP message, got ASCII armor',
    make: ({ armored }) =>
      `Subject: the signature\n\nHere it is:\n\n${armored.toString()}\n-- \nA.\n`,
    isCured: true,
  },
];

const OPENPGP: readonly Row[] = [
  {
    title: 'version 6',
    code: 'unsupported-signature',
    message: 'expected a signature of version 4, got one of version 6',
    hint: 'Only nodes with podman and skopeo that verify with Sequoia take version 6: sign with an RSA or Ed25519 key of version 4, as `gpg --quick-generate-key USER rsa3072 sign` makes it.',
    make: ({ version6 }) => version6,
    isSkipped: true,
  },
  {
    title: 'a detached signature in armor',
    code: 'armored',
    message: 'expected a binary OpenPGP message, got a detached signature in ASCII armor',
    hint: 'Sign with `lookaside sign`, or with `gpg --sign`, not `gpg --detach-sign`.',
    make: ({ detached }) => detached,
  },
  unknown('a public key', 'a public key', KEY, ({ publicKey }) => publicKey),
  unknown('a public key in armor', 'a public key', KEY, ({ publicArmor }) => publicArmor),
  unknown('a public key in base64', 'an OpenPGP key in base64', KEY, ({ publicKey }) =>
    publicKey.toString('base64'),
  ),
  {
    title: 'a public key in a frame',
    code: 'not-signed',
    message: 'expected a signed message, got a public key',
    make: ({ publicKey }) => Buffer.concat([Buffer.from('\0simple-signing\n'), publicKey]),
    isSkipped: true,
  },
  unknown('a private key', 'a PRIVATE OpenPGP key', REVOKE, ({ privateKey }) => privateKey),
  unknown(
    'a private key in armor',
    'a PRIVATE OpenPGP key',
    REVOKE,
    ({ privateArmor }) => privateArmor,
  ),
  unknown(
    'a revocation certificate',
    'a revocation certificate',
    'Import it, and give the key to Lookaside and to the nodes again: `gpg --import FILE && gpg --export --armor KEY > KEY.asc`.',
    ({ revocation }) => revocation,
  ),
  unknown('a keybox', 'a keybox of GnuPG', MOVE, () =>
    Buffer.from('\0\0\0 \u0001\u0001\0\u0002KBXf'.replace('\0\0\0 ', 'x\0\0 '), 'latin1'),
  ),
];

const GIT: readonly Row[] = [
  unknown(
    'a Git LFS pointer',
    'a Git LFS pointer',
    `Take signatures out of Git LFS: \`git lfs pull\`, then ${FILTER}.`,
    text(`version https://git-lfs.github.com/spec/v1\noid sha256:${HEX}\nsize 600\n`),
  ),
  unknown(
    'a Git LFS pointer of old',
    'a Git LFS pointer',
    `Take signatures out of Git LFS: \`git lfs pull\`, then ${FILTER}.`,
    text(`version https://hawser.github.com/spec/v1\noid sha256:${HEX}\nsize 600\n`),
  ),
  other(
    'encrypted',
    'git-crypt',
    'a file that git-crypt has encrypted',
    `Take signatures out of git-crypt: \`git-crypt unlock\`, then ${FILTER}.`,
    text(`\0GITCRYPT\0${'x'.repeat(100)}`),
  ),
  ...[
    '../../.git/annex/objects/Zk/9x/SHA256E-s600--ab/SHA256E-s600--ab',
    '/annex/objects/SHA256E-s600--ab\n',
  ].map((link) =>
    unknown(
      `git-annex ${link.trim()}`,
      'a git-annex link',
      'Take signatures out of git-annex: `git annex get FILE && git annex unannex FILE && git -c annex.largefiles=nothing add FILE`.',
      text(link),
    ),
  ),
  ...[
    '<<<<<<< HEAD\nxx\n=======\nyy\n>>>>>>> branch\n',
    '<<<<<<< HEAD\r\nx\r\n=======\r\n>>>>>>> b\r\n',
  ].map((markers) =>
    unknown(
      `conflict markers ${JSON.stringify(markers)}`,
      'a file with merge conflict markers',
      'Signatures cannot be merged: take that of one side with `git show COMMIT:./FILE > FILE`, and give that of the other the next free number.',
      text(markers),
    ),
  ),
  {
    ...unknown(
      'conflict markers without the first',
      'a file with merge conflict markers',
      'Signatures cannot be merged: take that of one side with `git show COMMIT:./FILE > FILE`, and give that of the other the next free number.',
      text('=======\nyy\n>>>>>>> branch\n'),
    ),
    isSkipped: true,
  },
  unknown(
    'the text of a symbolic link',
    'the target of a symbolic link',
    'git without symbolic links wrote it (`core.symlinks`): commit the file that it names in its place.',
    text(`../other@sha256=${HEX}/signature-1`),
  ),
];

const SIGSTORE: readonly Row[] = [
  sigstore('a cosign payload', 'a cosign payload', json(COSIGN)),
  sigstore('a sigstore bundle', 'a sigstore bundle', json(BUNDLE)),
  sigstore(
    'a bundle of cosign 2',
    'a sigstore bundle',
    json({ base64Signature: 'x', rekorBundle: {} }),
  ),
  sigstore(
    'a DSSE envelope',
    'a DSSE envelope',
    json({ payloadType: 'application/vnd.in-toto+json', payload: 'e30=', signatures: [] }),
  ),
  sigstore(
    'an attestation',
    'an in-toto attestation',
    json({ _type: 'https://in-toto.io/Statement/v1', subject: [] }),
  ),
  sigstore('a cosign signature', 'a cosign signature in base64', ({ pem }) =>
    (pem['ecdsa'] ?? Buffer.alloc(0)).toString('base64'),
  ),
  sigstore(
    'a bare ECDSA signature',
    'a bare ECDSA signature, as cosign makes it',
    ({ pem }) => pem['ecdsa'] ?? '',
  ),
];

const DOCUMENTS: readonly Row[] = [
  {
    title: 'a payload',
    code: 'bare-json',
    message: got('the payload of a signature, unsigned'),
    make: text(PAYLOAD),
  },
  other('bare-json', 'SPDX', 'an SBOM in SPDX', MOVE, json({ spdxVersion: 'SPDX-2.3' })),
  other('bare-json', 'SPDX, tags', 'an SBOM in SPDX', MOVE, text('SPDXVersion: SPDX-2.3\n')),
  other('bare-json', 'CycloneDX', 'an SBOM in CycloneDX', MOVE, json({ bomFormat: 'CycloneDX' })),
  other(
    'bare-json',
    'CycloneDX, XML',
    'an SBOM in CycloneDX',
    MOVE,
    text('<?xml version="1.0"?>\n<bom xmlns="http://cyclonedx.org/schema/bom/1.5"/>\n'),
  ),
  other(
    'bare-json',
    'Notation',
    "a JWS, as Notation's signatures are",
    OTHERS,
    json({ payload: 'e30', protected: 'e30', header: {}, signature: 'AA' }),
  ),
  other(
    'bare-json',
    'JWS',
    "a JWS, as Notation's signatures are",
    OTHERS,
    text('eyJhbGciOiJQUzI1NiJ9.e30.AA'),
  ),
  other(
    'bare-json',
    'an OCI manifest',
    'the manifest of an image',
    MOVE,
    json({ schemaVersion: 2, config: {}, layers: [] }),
  ),
  other('bare-json', 'a policy', 'a policy.json', MOVE, json({ default: [{ type: 'reject' }] })),
  other(
    'bare-json',
    'an error of a registry',
    'the error message of a server in JSON',
    FETCH,
    json({ errors: [{ code: 'MANIFEST_UNKNOWN' }] }),
  ),
  other('bare-json', 'any JSON', 'JSON', MOVE, text('[1]')),
  other(
    'html',
    'an error of S3',
    'the error message of a server in XML',
    FETCH,
    text('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'),
  ),
  {
    title: 'a web page',
    code: 'html',
    message: got('a web page'),
    make: text('<!DOCTYPE html>\n<p>Sign in'),
  },
  {
    title: 'XHTML',
    code: 'html',
    message: got('a web page'),
    make: text('<?xml version="1.0"?><!DOCTYPE html><html/>'),
  },
  unknown('XML', 'XML', MOVE, text('<?xml version="1.0"?><project/>')),
  other(
    'encrypted',
    'sops',
    'a file that sops has encrypted',
    ENCRYPTED,
    json({ data: 'ENC[]', sops: {} }),
  ),
  other(
    'encrypted',
    'sops, YAML',
    'a file that sops has encrypted',
    ENCRYPTED,
    text('data: ENC[]\nsops:\n  mac: x\n'),
  ),
  other(
    'encrypted',
    'age',
    'a file that age has encrypted',
    ENCRYPTED,
    text('age-encryption.org/v1\n-> X25519 x\n'),
  ),
  other(
    'encrypted',
    'age, armored',
    'a file that age has encrypted',
    ENCRYPTED,
    text('-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n'),
  ),
  other(
    'encrypted',
    'Ansible Vault',
    'a file that Ansible Vault has encrypted',
    ENCRYPTED,
    text('$ANSIBLE_VAULT;1.1;AES256\n33\n'),
  ),
  {
    title: 'an encrypted message',
    code: 'encrypted',
    message: 'expected a signed OpenPGP message, got an encrypted one',
    make: ({ encrypted }) => encrypted,
  },
  unknown('a tar archive', 'an archive', UNPACK, () => {
    const header = Buffer.alloc(1024);
    header.write('team/app');
    header.write('ustar', 257);
    return header;
  }),
  unknown('a zip archive', 'an archive', UNPACK, text('PK\u0003\u0004\0\0')),
  unknown('xz', 'a compressed file', UNPACK, () => Buffer.from('\u00fd7zXZ\0', 'latin1')),
];

const KEYS: readonly Row[] = [
  unknown(
    'an ssh signature',
    'an ssh signature',
    `Nodes know no ssh signatures. ${SIGN}.`,
    text('-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n'),
  ),
  unknown('an ssh key', 'an ssh key', MOVE, ({ pem }) => pem['ssh.pub'] ?? ''),
  unknown('a private ssh key', 'a PRIVATE ssh key', REVOKE, ({ pem }) => pem['ssh'] ?? ''),
  unknown(
    'a PKCS#7 signature',
    'a PKCS#7 or CMS signature',
    OTHERS,
    ({ pem }) => pem['pkcs7'] ?? '',
  ),
  unknown(
    'a CMS signature, DER',
    'a PKCS#7 or CMS signature',
    OTHERS,
    ({ pem }) => pem['cms'] ?? '',
  ),
  unknown('a certificate', 'an X.509 certificate', MOVE, ({ pem }) => pem['cert.pem'] ?? ''),
  unknown('a certificate, DER', 'an X.509 certificate', MOVE, ({ pem }) => pem['cert.der'] ?? ''),
  unknown(
    'a PEM key',
    'a public key in PEM, as cosign and openssl write it',
    MOVE,
    ({ pem }) => pem['public.pem'] ?? '',
  ),
  unknown('a DER key', 'a public key in DER', MOVE, ({ pem }) => pem['public.der'] ?? ''),
  unknown(
    'a private key in PEM',
    'a PRIVATE key in PEM',
    REVOKE,
    ({ pem }) => pem['private.pem'] ?? '',
  ),
  unknown(
    'a private key in DER',
    'a PRIVATE key in DER',
    REVOKE,
    ({ pem }) => pem['private.der'] ?? '',
  ),
  unknown(
    "cosign's private key",
    "cosign's PRIVATE key",
    REVOKE,
    text('-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJ\n'),
  ),
  other('bare-json', 'a private JWK', 'a PRIVATE key in JSON', REVOKE, json({ kty: 'EC', d: 'x' })),
  unknown(
    'a minisign signature',
    'a minisign or signify signature',
    OTHERS,
    text('untrusted comment: signature from minisign secret\nRUQ\n'),
  ),
  unknown(
    'a minisign key',
    'a minisign or signify key',
    MOVE,
    text('untrusted comment: minisign public key A\nRWQ\n'),
  ),
  unknown(
    'a private minisign key',
    'a PRIVATE minisign or signify key',
    REVOKE,
    text('untrusted comment: minisign encrypted secret key\nRWR\n'),
  ),
  unknown('an age key', 'an age key', MOVE, text(`age1${'q'.repeat(58)}\n`)),
  unknown(
    'a private age key',
    'a PRIVATE age key',
    REVOKE,
    text(`# created: now\n# public key: age1q\nAGE-SECRET-KEY-1QQ\n`),
  ),
];

const ROWS: readonly Row[] = [...CHANGED, ...OPENPGP, ...GIT, ...SIGSTORE, ...DOCUMENTS, ...KEYS];

const locationOf = (index: number): string => `row-${index}/team/app@sha256=${HEX}/signature-1`;

describeWith(['gpg', 'gpgv', 'skopeo', 'openssl', 'sshd'], 'check: what is no signature', () => {
  const directory = useTemporary('suite');
  let signer: Signer;
  let key: SigningKey;
  let keyFile: string;
  let material: Material;
  const at = (...names: string[]): string => join(directory(), ...names);

  before(async () => {
    signer = await makeSigner();
    key = await signer.makeKey({ algorithm: 'ed25519' });
    keyFile = await signer.exportKeys(join(signer.home, 'keys.asc'), key);
    material = await makeMaterial(signer, key, directory());
    for (const [index, { make }] of ROWS.entries()) {
      const path = at('tree', locationOf(index));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, make(material));
    }
  });
  after(() => signer.stop());

  const check = async (): Promise<readonly Reported[]> => {
    const args = ['check', '.', '--keys', keyFile, '--format', 'json'];
    const { stdout } = await runLookaside(args, { cwd: at('tree') });
    return (JSON.parse(stdout) as { files: Reported[] }).files;
  };

  it('names each file for what it is, with the cure, and whether nodes fail at it', async () => {
    const files = new Map((await check()).map((file) => [file.path, file]));
    const shown = ROWS.map(({ title }, index) => {
      const { code, message, hint, breaksPulls } = files.get(locationOf(index)) ?? {};
      return { title, code, message, hint, breaksPulls };
    });
    const expected = ROWS.map(({ title, code, message, hint, isSkipped }, index) => ({
      title,
      code,
      message,
      hint: (hint ?? REJECTIONS[code].cure).replaceAll(/\bFILE\b/g, `'${locationOf(index)}'`),
      breaksPulls: isSkipped !== true,
    }));
    for (const [index, row] of expected.entries()) assert.deepEqual(shown[index], row);
  });

  it('skopeo fails every pull of just these, and skips the others', async () => {
    await runOrThrow('mkdir', ['image'], { cwd: directory() });
    const manifest = await writeImage(at('image'));
    await writeFile(at('policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
    const fails = async (index: number): Promise<boolean> => {
      const bytes = await readFile(at('tree', locationOf(index)));
      await writeFile(at('image', 'signature-1'), bytes);
      const copy = ['copy', '--quiet', `dir:${at('image')}`, `dir:${at('copy')}`];
      const { code, stderr } = await run('skopeo', ['--policy', at('policy.json'), ...copy]);
      if (code !== 0) assert.match(stderr, /parsing signature|unrecognized signature format/);
      await rm(at('copy'), { recursive: true, force: true });
      return code !== 0;
    };
    assert(manifest);
    for (const [index, { title, isSkipped }] of ROWS.entries()) {
      assert.equal(await fails(index), isSkipped !== true, title);
    }
  });

  it('gives commands that work when they are pasted', async () => {
    const before = new Map((await check()).map((file) => [file.path, file]));
    const cured = [...ROWS.entries()].filter(([, { isCured }]) => isCured);
    for (const [index, { title }] of cured) {
      const command = /`([^`]*'row-[^`]*)`/.exec(before.get(locationOf(index))?.hint ?? '')?.[1];
      assert(command, title);
      await runOrThrow('sh', ['-ec', command], { cwd: at('tree') });
    }
    const after = new Map((await check()).map((file) => [file.path, file]));
    for (const [index, { title }] of cured) {
      const file = after.get(locationOf(index));
      assert.equal(file?.status, 'accepted', `${title}: ${file?.message}`);
    }
  });
});

interface Reported {
  readonly path: string;
  readonly status: string;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly breaksPulls?: boolean;
}

async function makeMaterial(signer: Signer, key: SigningKey, directory: string): Promise<Material> {
  const sign = (args: readonly string[], command?: '--detach-sign') =>
    signer.sign(key, Buffer.from(PAYLOAD), { args, ...(command && { command }) });
  const env = { GNUPGHOME: signer.home };
  const publicKey = await signer.exportKeys(join(directory, 'key.gpg'), key);
  const publicArmor = await signer.exportKeys(join(directory, 'key.asc'), key);
  const secret = await signer.exportSecret(join(directory, 'secret.asc'), key);
  await runOrThrow('sh', ['-ec', `gpg --dearmor < '${secret}' > '${directory}/secret.gpg'`], {
    env,
  });
  const revocation = await readFile(
    join(signer.home, 'openpgp-revocs.d', `${key.fingerprint}.rev`),
    'utf8',
  );
  return {
    good: await sign([]),
    plain: await sign(['--compress-algo', 'none']),
    armored: await sign(['--armor']),
    detached: await sign(['--armor'], '--detach-sign'),
    encrypted: await sign(['--pinentry-mode', 'loopback', '--passphrase', 'p', '--symmetric']),
    publicKey: await readFile(publicKey),
    publicArmor: await readFile(publicArmor),
    privateArmor: await readFile(secret),
    privateKey: await readFile(join(directory, 'secret.gpg')),
    revocation: Buffer.from(revocation.replace(/^:-----/m, '-----')),
    version6: await signWithVersion6(),
    pem: await makePem(directory),
  };
}

async function signWithVersion6(): Promise<Buffer> {
  const config = { v6Keys: true, aeadProtect: true };
  const { privateKey } = await openpgp.generateKey({
    type: 'curve25519',
    userIDs: [{ email: 'a@example.test' }],
    format: 'object',
    config,
  });
  const message = await openpgp.createMessage({ binary: Buffer.from(PAYLOAD) });
  return Buffer.from(
    await openpgp.sign({ message, signingKeys: privateKey, format: 'binary', config }),
  );
}

/** Keys and signatures of ssh and openssl. */
async function makePem(directory: string): Promise<Record<string, Buffer>> {
  const script = `
    ssh-keygen -q -t ed25519 -N '' -f ssh
    openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out private.pem
    openssl pkcs8 -topk8 -nocrypt -in private.pem -outform DER -out private.der
    openssl pkey -in private.pem -pubout -out public.pem
    openssl pkey -in private.pem -pubout -outform DER -out public.der
    openssl req -x509 -new -key private.pem -subj /CN=example -out cert.pem
    openssl x509 -in cert.pem -outform DER -out cert.der
    echo payload > payload
    openssl dgst -sha256 -sign private.pem -out ecdsa payload
    openssl smime -sign -in payload -signer cert.pem -inkey private.pem -outform PEM -out pkcs7
    openssl cms -sign -in payload -signer cert.pem -inkey private.pem -outform DER -out cms
  `;
  await mkdir(join(directory, 'pem'));
  await runOrThrow('sh', ['-ec', script], { cwd: join(directory, 'pem') });
  const names = [
    'ssh',
    'ssh.pub',
    'private.pem',
    'private.der',
    'public.pem',
    'public.der',
    'cert.pem',
    'cert.der',
    'ecdsa',
    'pkcs7',
    'cms',
  ];
  const read = names.map(async (name) => [name, await readFile(join(directory, 'pem', name))]);
  return Object.fromEntries(await Promise.all(read)) as Record<string, Buffer>;
}

/** An image as `skopeo` copies it into a directory. */
async function writeImage(directory: string): Promise<string> {
  const config = Buffer.from(
    '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}',
  );
  const digest = createHash('sha256').update(config).digest('hex');
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: `sha256:${digest}`,
      size: config.length,
    },
    layers: [],
  });
  await writeFile(join(directory, 'version'), 'Directory Transport Version: 1.1\n');
  await writeFile(join(directory, digest), config);
  await writeFile(join(directory, 'manifest.json'), manifest);
  return manifest;
}

/** What `git lfs` does as a filter of git, in a few lines: it is not there on all machines. */
const GIT_LFS = `#!/bin/sh
store=$(git rev-parse --git-dir)/stored
case $1 in
  clean) mkdir -p "$store"; cat > "$store/new"; sum=$(sha256sum < "$store/new" | cut -c-64)
    printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %s\\n' "$sum" "$(wc -c < "$store/new")"
    mv "$store/new" "$store/$sum" ;;
  smudge) cat "$store/$(sed -n 's/^oid sha256://p')" ;;
  pull) ;;
esac
`;

const takeOut = (path: string) =>
  `Take signatures out of git-annex: \`git annex get '${path}' && git annex unannex '${path}' && git -c annex.largefiles=nothing add '${path}'\`.`;

describeWith(['git'], 'check: a link of git-annex in place of a signature', () => {
  const directory = useTemporary('suite');
  const place = `team/app@sha256=${HEX}`;
  before('make', async () => {
    const work = join(directory(), 'work');
    await mkdir(join(work, place), { recursive: true });
    await symlink(
      '../../.git/annex/objects/Zk/9x/SHA256E-s600--ab/SHA256E-s600--ab',
      join(work, place, 'signature-1'),
    );
    await symlink('signature-3', join(work, place, 'signature-2'));
    const commit = 'git -c user.name=A -c user.email=a@example.test commit -qm Add';
    await runOrThrow(
      'sh',
      [
        '-ec',
        `git init -q -b main && git add . && ${commit} && git clone -q --bare . ../bare.git && cp -r team ../plain`,
      ],
      { cwd: work },
    );
  });

  for (const source of ['plain', 'work', 'bare.git']) {
    it(`is told for what it is, with the way out, in ${source}`, async () => {
      const root = source === 'plain' ? place.slice('team/'.length) : place;
      const { code, stdout } = await runLookaside(['check', join(directory(), source)]);
      assert.equal(code, 1);
      const annexed = `${root}/signature-1`;
      const inside = `\`(cd '${join(directory(), source)}' && `;
      const way = (path: string): string =>
        source === 'bare.git'
          ? `${takeOut(path)} Run it at the root of a checkout.`
          : takeOut(path).replace('`', inside).replace(/`\.$/, ')`.');
      assert(
        stdout.includes(
          `${annexed}: symlink: expected a regular file, got a git-annex link\n  hint: ${way(annexed)}\n`,
        ),
        stdout,
      );
      assert.match(
        stdout,
        /signature-2: symlink: expected a regular file, got a symbolic link\n {2}hint: Commit the file itself\.\n/,
      );
    });
  }

  it('is told by show, and any other link that leads nowhere', async () => {
    const annexed = join(directory(), 'work', place, 'signature-1');
    const shown = await runLookaside(['show', annexed]);
    assert.deepEqual([shown.code, shown.stderr], [1, '']);
    assert.match(shown.stdout, /expected an OpenPGP message, got a git-annex link\n/);
    assert(shown.stdout.includes(takeOut(annexed)), shown.stdout);
    const dangling = join(directory(), 'work', place, 'signature-2');
    const { code, stderr } = await runLookaside(['show', dangling]);
    assert.equal(code, 2);
    assert.equal(
      stderr,
      `lookaside: cannot read ${dangling}: it is a symbolic link to "signature-3", which is not there\nhint: name the signature itself\n`,
    );
  });
});

describeWith(['gpg', 'gpgv', 'git'], 'check: signatures in a git filter', () => {
  const directory = useTemporary('suite');

  it('are taken out of it as the hint says', async () => {
    const signer = await makeSigner();
    const key = await signer.makeKey({ algorithm: 'ed25519' });
    const keyFile = await signer.exportKeys(join(signer.home, 'keys.asc'), key);
    const work = join(directory(), 'work');
    const path = join(work, `team/app@sha256=${HEX}/signature-1`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await signer.sign(key, CLAIMS));
    await writeFile(
      join(work, '.gitattributes'),
      'signature-* filter=lfs diff=lfs merge=lfs -text\n',
    );
    const program = join(directory(), 'git-lfs');
    await writeFile(program, GIT_LFS, { mode: 0o755 });
    const env = {
      PATH: `${directory()}:${process.env['PATH']}`,
      ...Object.fromEntries(
        ['AUTHOR', 'COMMITTER'].flatMap((who) => [
          [`GIT_${who}_NAME`, 'A'],
          [`GIT_${who}_EMAIL`, 'a@example.test'],
        ]),
      ),
    };
    const sh = async (command: string) => runOrThrow('sh', ['-ec', command], { cwd: work, env });
    await sh(`git init -q -b main && git config filter.lfs.clean '${program} clean' &&
      git config filter.lfs.smudge '${program} smudge' && git add . && git commit -qm Add &&
      git clone -q --bare . ../bare.git`);
    const check = async () =>
      runLookaside(['check', join(directory(), 'bare.git'), '--keys', keyFile]);

    const { stdout } = await check();
    assert.match(stdout, /: unknown-format: expected an OpenPGP message, got a Git LFS pointer /);
    for (const [, command = ''] of stdout.matchAll(/`([^`]+)`/g)) await sh(command);
    await sh('git push -q ../bare.git main');
    assert.match((await check()).stdout, /^good: 2 files: 1 accepted, 0 rejected, 1 ignored$/m);
    await signer.stop();
  });
});
