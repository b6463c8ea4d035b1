import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const HEX = 'ab'.repeat(32);
const CLAIMS = { dockerReference: 'registry.example/team/app:v1', manifestDigest: `sha256:${HEX}` };
const DIRECTORY = `team/app@sha256=${HEX}`;
const BACKUP = 'An editor or a merge has left this copy behind: remove it.';
const BELONGS = `By its content it belongs to "${DIRECTORY}/signature-1", or to the next free number there.`;
const move = (fault: string) => `Not a signature (${fault}): move it out of the digest directory.`;
const name = (fault: string) =>
  `Not a signature (${fault}): give it a name that does not begin with \`signature-\`.`;
const got = (what: string) => `expected an OpenPGP message, got ${what}`;

interface Material {
  readonly good: Buffer;
  readonly armored: Buffer;
}

/** What lies in a digest directory beside a good signature, by its name there, and its cure. */
const STRAY: readonly (readonly [string, (from: Material) => string | Uint8Array, string])[] = [
  [
    'Thumbs.db',
    () => Buffer.from('d0cf11e0a1b11ae1', 'hex'),
    move(got('one that starts with 0xd0')),
  ],
  ['app.spdx.json', () => '{"spdxVersion":"SPDX-2.3"}', move(got('an SBOM in SPDX'))],
  [
    'bom.xml',
    () => '<?xml?><bom xmlns="http://cyclonedx.org/">',
    move(got('an SBOM in CycloneDX')),
  ],
  ['README.md', () => '# Signatures', move(got('one that starts with 0x23'))],
  [
    'large.json',
    () => Buffer.alloc(4 * 1024 * 1024 + 1, '{'),
    move('expected at most 4194304 bytes, got 4194305'),
  ],
  ['empty', () => '', move('expected an OpenPGP message, got 0 bytes')],
  ['signature-1~', ({ good }) => good, BACKUP],
  ['signature-1.orig', ({ good }) => good, BACKUP],
  ['signature-1.bak', () => 'x', BACKUP],
  ['#signature-1#', ({ good }) => good, BACKUP],
  [
    'signature-1.asc',
    ({ armored }) => armored,
    `Convert it in place with \`gpg --dearmor < 'FILE' > 'FILE'.new && mv 'FILE'.new 'FILE'\`, and name it signature-N, with the next free number.`,
  ],
  ['signature-1.sig', ({ good }) => good, BELONGS],
];

const DOTS = [
  '.gitkeep',
  '.DS_Store',
  '._signature-1',
  '.signature-1.swp',
  '.gitattributes',
  '.idea/workspace.xml',
];

describeWith(['gpg', 'gpgv'], 'check: what lies among signatures', () => {
  const directory = useTemporary();
  let signer: Signer;
  let key: SigningKey;
  let keyFile: string;
  let material: Material;
  before(async () => {
    signer = await makeSigner();
    key = await signer.makeKey({ algorithm: 'ed25519' });
    keyFile = await signer.exportKeys(join(signer.home, 'keys.asc'), key);
    material = {
      good: await signer.sign(key, CLAIMS),
      armored: await signer.sign(key, CLAIMS, { args: ['--armor'] }),
    };
  });
  after(() => signer.stop());
  beforeEach(() => write(`${DIRECTORY}/signature-1`, material.good));

  const write = async (path: string, content: string | Uint8Array): Promise<void> => {
    await mkdir(dirname(join(directory(), path)), { recursive: true });
    await writeFile(join(directory(), path), content);
  };
  const check = async (...args: readonly string[]) =>
    runLookaside(['check', directory(), '--keys', keyFile, ...args]);

  it('says of each file that is no signature what to do with it', async () => {
    for (const [file, make] of STRAY) await write(`${DIRECTORY}/${file}`, make(material));
    const { code, stdout } = await check();
    for (const [file, , hint] of STRAY) {
      const path = `${DIRECTORY}/${file}`;
      const fault = `${path}: stray-file: expected signature-N with N = 1, 2, …, got "${file}"`;
      const cure = hint.replaceAll('FILE', join(directory(), path));
      assert.ok(stdout.includes(`${fault}\n  hint: ${cure}\n`), `${fault}\n${cure}\n${stdout}`);
    }
    assert.match(stdout, /^faults: 13 files: 1 accepted, 12 rejected, 0 ignored$/m);
    assert.equal(code, 1);
  });

  it('says it of what is only named like a signature, too', async () => {
    await write('docs/signature-format.json', '{"spdxVersion":"SPDX-2.3"}');
    const { stdout } = await check();
    const hint = name(got('an SBOM in SPDX'));
    assert.match(
      stdout,
      /^docs\/signature-format\.json: misplaced: expected a `repo@sha256=HEX` /m,
    );
    assert.ok(stdout.includes(`\n  hint: ${hint}\n`), stdout);
  });

  it('warns of dot files, which no program takes for signatures', async () => {
    for (const dot of DOTS) await write(`${DIRECTORY}/${dot}`, 'x');
    const warning = 'lies among signatures, and is ignored: move it out of the digest directory';
    const { code, stdout } = await check();
    const expected = DOTS.map((dot) => `${DIRECTORY}/${dot}: dot-file: ${warning}`).toSorted();
    assert.deepEqual(stdout.split('\n').slice(0, -2), expected);
    assert.match(stdout, /^good: 7 files: 1 accepted, 0 rejected, 6 ignored$/m);
    assert.equal(code, 0);
    assert.equal((await check('--strict')).code, 1);

    const { files } = JSON.parse((await check('--format', 'json')).stdout) as { files: object[] };
    assert.deepEqual(files[0], {
      path: `${DIRECTORY}/.DS_Store`,
      status: 'ignored',
      warnings: [{ code: 'dot-file', message: warning }],
    });
    for (const format of ['github', 'sarif', 'junit']) {
      const report = await check('--format', format);
      assert.match(report.stdout, /dot-file/, format);
    }
  });

  it('says nothing of dot files elsewhere', async () => {
    await write('team/.gitkeep', '');
    const { stdout } = await check();
    assert.equal(stdout, 'good: 2 files: 1 accepted, 0 rejected, 1 ignored\n');
  });
});
