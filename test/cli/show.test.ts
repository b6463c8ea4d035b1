import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { makePublisher, type Publisher } from '../kit/signer/publisher.ts';
import type { RunOptions, RunResult } from '../kit/process/run.ts';
import { formatLocation, writeSignature } from '../kit/signer/signature-tree.ts';
import type { SigningKey } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const DIGEST = `sha256:${'ab'.repeat(32)}`;
const OTHER_DIGEST = `sha256:${'cd'.repeat(32)}`;
const AT = new Date('2026-03-04T05:06:07Z');
const CLAIMS = {
  dockerReference: 'registry.example/team/app:v1',
  manifestDigest: DIGEST,
  creator: 'the test',
  timestamp: AT.getTime() / 1000,
};

describeWith(['gpg', 'gpgv', 'git'], 'lookaside show', () => {
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), ...names);
  let publisher: Publisher;
  let key: SigningKey;
  let keyFile: string;
  let signature: Buffer;
  before(async () => {
    publisher = await makePublisher();
    key = await publisher.signer.makeKey({ algorithm: 'rsa2048', at: new Date('2025-01-01') });
    keyFile = await publisher.signer.exportKeys(join(publisher.signer.home, 'rsa.asc'), key);
    signature = await publisher.signer.sign(key, CLAIMS, { at: AT });
  });
  after(() => publisher.stop());

  const show = async (
    args: readonly string[],
    options: RunOptions = { cwd: directory() },
  ): Promise<RunResult> => runLookaside(['show', ...args], options);
  const facts = (): readonly string[] => [
    'identity:   registry.example/team/app:v1',
    `digest:     ${DIGEST}`,
    'creator:    the test',
    'timestamp:  2026-03-04T05:06:07Z',
    'signed:     2026-03-04T05:06:07Z',
    'expires:    never',
    `key:        ${key.fingerprint.slice(-16)}`,
    'algorithm:  RSA, SHA-512',
    `form:       binary OpenPGP message, version 4 packet, ${signature.length} bytes`,
  ];
  const shown = (...verdict: string[]): string => [...facts(), ...verdict, ''].join('\n');

  it('tells what a signature says, and that nobody was verified without keys', async () => {
    await writeFile(at('sig'), signature);
    const { code, stdout, stderr } = await show(['sig']);
    assert.equal(stdout, shown('verdict:    not verified: no keys were given'));
    assert.equal(stderr, '');
    assert.equal(code, 0);
  });

  it('reads standard input as -', async () => {
    const { code, stdout } = await show(['-'], { input: signature });
    assert.equal(stdout, shown('verdict:    not verified: no keys were given'));
    assert.equal(code, 0);
  });

  it('names each of several files, with a line between them', async () => {
    await writeFile(at('one'), signature);
    await writeFile(at('two\u001b[2J'), signature);
    const { stdout } = await show(['one', 'two\u001b[2J']);
    const text = shown('verdict:    not verified: no keys were given');
    assert.equal(stdout, `one:\n${text}\ntwo\\u{1b}[2J:\n${text}`);
  });

  it('tells of the form that newer clients write', async () => {
    const framed = Buffer.concat([Buffer.from('\0simple-signing\n'), signature]);
    const { stdout } = await show(['-'], { input: framed });
    assert.match(stdout, new RegExp(`^form: {7}framed OpenPGP message, .*${framed.length} b`, 'm'));
  });

  it('says who signed, wherever the file lies', async () => {
    await writeFile(at('sig'), signature);
    const { code, stdout } = await show(['sig', '--keys', keyFile]);
    assert.equal(stdout, shown(`verdict:    accepted: signed by ${key.fingerprint}`));
    assert.equal(code, 0);
  });

  it('says the same wherever the file lies: the place is for check', async () => {
    const wrong = await writeSignature(
      directory(),
      { repository: 'team/other', digest: OTHER_DIGEST, number: 1 },
      signature,
    );
    const { code, stdout } = await show([wrong, '--keys', keyFile]);
    assert.equal(stdout, shown(`verdict:    accepted: signed by ${key.fingerprint}`));
    assert.equal(code, 0);
  });

  it('says why a file is rejected, and still what it says', async () => {
    const stranger = await show(['-', '--keys', publisher.keyFile], { input: signature });
    assert.ok(stranger.stdout.startsWith(`${facts().join('\n')}\n`), stranger.stdout);
    assert.match(stranger.stdout, /^verdict: {4}rejected: unknown-signer: .*\nhint: {7}Add /m);
    const changed = Buffer.from(signature);
    changed.fill(0xff, Math.floor(changed.length / 2));
    const bad = await show(['-', '--keys', keyFile], { input: changed });
    assert.match(bad.stdout, /^verdict: {4}rejected: [a-z-]+: /m);
    for (const { code } of [stranger, bad]) assert.equal(code, 0);
  });

  it('says of what is no signature that it is none', async () => {
    for (const [input, rejection] of [
      ['', 'empty: expected an OpenPGP message, got 0 bytes'],
      ['<html>', 'html: expected an OpenPGP message, got a web page'],
      [
        await readFile(keyFile, 'latin1'),
        'unknown-format: expected an OpenPGP message, got a public key',
      ],
      ['{"spdxVersion":"SPDX-2.3"}', 'bare-json: expected an OpenPGP message, got an SBOM in SPDX'],
    ] as const) {
      const { code, stdout } = await show(['-'], { input });
      const [form, verdict, hint] = stdout.split('\n');
      assert.equal(form, `form:       not a signature, ${input.length} bytes`);
      assert.equal(verdict, `verdict:    rejected: ${rejection}`);
      assert.match(hint ?? '', /^hint: {7}\S/);
      assert.equal(code, 1);
      const asked = await show(['-'], { input, env: { GIT_PREFIX: '' } });
      assert.deepEqual([asked.code, asked.stdout], [0, stdout]);
    }
  });

  it('prints no control character of what was signed', async () => {
    const dockerReference = 'registry.example/\u001b[2J\u202e\n\u0007/app:v1';
    const evil = await publisher.signer.sign(key, { ...CLAIMS, dockerReference });
    const { stdout } = await show(['-'], { input: evil });
    assert.match(stdout, /^identity: {3}registry\.example\/\\u\{1b\}\[2J\\u\{202e\}\\u\{a\}/);
    // oxlint-disable-next-line no-control-regex -- what is looked for
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });

  it('--format json gives the same to programs', async () => {
    await writeFile(at('sig'), signature);
    const args = ['sig', '-', '--keys', keyFile, '--format', 'json'];
    const { code, stdout } = await show(args, { cwd: directory(), input: '' });
    const signer = { fingerprint: key.fingerprint, primaryFingerprint: key.fingerprint };
    assert.deepEqual(JSON.parse(stdout), {
      files: [
        {
          path: 'sig',
          size: signature.length,
          form: 'binary',
          claims: {
            dockerReference: CLAIMS.dockerReference,
            manifestDigest: DIGEST,
            creator: 'the test',
            timestamp: '2026-03-04T05:06:07Z',
          },
          signature: {
            keyId: key.fingerprint.slice(-16),
            version: 4,
            publicKeyAlgorithm: 'RSA',
            hashAlgorithm: 'SHA-512',
            created: '2026-03-04T05:06:07Z',
            expires: null,
          },
          verdict: { status: 'accepted', signer, warnings: [] },
        },
        {
          path: '-',
          size: 0,
          form: 'unknown',
          claims: null,
          signature: null,
          verdict: {
            status: 'rejected',
            code: 'empty',
            message: 'expected an OpenPGP message, got 0 bytes',
            hint: 'Sign the image again, or remove the file.',
            breaksPulls: true,
          },
        },
      ],
    });
    assert.equal(code, 1);
  });

  it('ends with 2 for what cannot be read, and for a format that it does not know', async () => {
    await writeFile(at('sig'), signature);
    const unread = await show(['sig', 'none']);
    assert.equal(unread.code, 2);
    assert.equal(unread.stdout, '');
    assert.match(unread.stderr, /^lookaside: cannot read none: ENOENT/);
    for (const format of ['junit', 'sarif', 'github']) {
      const { code, stdout, stderr } = await show(['sig', '--format', format]);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(
        stderr,
        new RegExp(`^lookaside: show does not support the format ${format}\nhint: `),
      );
    }
  });

  describe('as git shows a signature', () => {
    let remote: GitRemote;
    const location = formatLocation('team/app', DIGEST, 1);
    beforeEach(async () => {
      remote = await makeGitRemote();
      const attributes = 'signature-* diff=lookaside -text\n';
      await remote.commit({ '.gitattributes': attributes }, 'Show signatures');
      const command = `'${process.execPath}' '${MAIN}' show`;
      await remote.git('config', 'diff.lookaside.textconv', command);
      await remote.commit({ [location]: signature }, 'Add');
    });
    afterEach(() => remote.remove());

    it('added', async () => {
      for (const command of [['show'], ['log', '-p', '-1'], ['diff', 'HEAD~', 'HEAD']] as const) {
        const text = await remote.git(...command);
        const lines = text.split('\n');
        for (const line of facts()) assert.ok(lines.includes(`+${line}`), `${line}\n${text}`);
        assert.doesNotMatch(text, /Binary files/);
      }
    });

    it('changed: only what differs', async () => {
      const dockerReference = 'registry.example/team/app:v2';
      const changed = await publisher.signer.sign(key, { ...CLAIMS, dockerReference }, { at: AT });
      const path = join(remote.work, location);
      assert.deepEqual(await readFile(path), signature);
      await writeFile(path, changed);
      for (const take of [
        async () => remote.git('diff'),
        async () => {
          await remote.commit({}, 'Change');
          return remote.git('show');
        },
      ]) {
        const lines = (await take()).split('\n');
        const differing = lines.filter((line) => /^[-+](?![-+])/.test(line));
        assert.deepEqual(differing.slice(0, 2), [
          '-identity:   registry.example/team/app:v1',
          '+identity:   registry.example/team/app:v2',
        ]);
        assert.ok(lines.includes(` digest:     ${DIGEST}`));
      }
    });

    it('broken, without failing', async () => {
      await remote.commit({ [location]: '<html>' }, 'Break');
      const text = await remote.git('show');
      assert.match(text, /^\+verdict: {4}rejected: html: /m);
      assert.match(text, /^-identity: {3}registry\.example\/team\/app:v1$/m);
    });
  });
});
