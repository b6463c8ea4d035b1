// What check says of a node's policy.json: what nodes refuse, take, or take and never use.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import type { RunResult } from '../kit/process/run.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';
import { makeSigner } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const ANYTHING = [{ type: 'insecureAcceptAnything' }];

function signedBy(more: object): readonly object[] {
  return [{ type: 'signedBy', keyType: 'GPGKeys', ...more }];
}

describeWith(['gpg'], 'lookaside check --policy', () => {
  const directory = useTemporary('suite');
  let keyPath: string;
  let keyData: string;
  before('sign', async () => {
    const signer = await makeSigner();
    const key = await signer.makeKey({ algorithm: 'ed25519' });
    keyPath = await signer.exportKeys(join(directory(), 'key.gpg'), key);
    keyData = (await readFile(keyPath)).toString('base64').replaceAll(/.{1,76}/g, '$&\n');
    for (const identity of ['reg.example.com/team/app', 'docker.io/library/app']) {
      const repository = identity.slice(identity.indexOf('/') + 1);
      const store = join(directory(), identity.split('/', 1)[0] ?? '');
      await mkdir(store);
      const claims = { dockerReference: `${identity}:v1`, manifestDigest: DIGEST };
      const location = { repository, digest: DIGEST, number: 1 };
      await writeSignature(store, location, await signer.sign(key, claims));
    }
    await signer.stop();
  });

  const check = async (store: string, policy: object): Promise<RunResult> => {
    const file = join(directory(), 'policy.json');
    await writeFile(file, JSON.stringify({ default: [{ type: 'reject' }], ...policy }));
    return runLookaside(['check', join(directory(), store), '--policy', file]);
  };
  it('takes keyData in lines, as base64 writes it', async () => {
    const docker = { 'reg.example.com/team': signedBy({ keyData }) };
    const { code, stderr } = await check('reg.example.com', { transports: { docker } });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  for (const [transport, scope, fault] of [
    ['oci', 'images', 'expected an absolute path, got "images"'],
    ['dir', 'relative/path', 'expected an absolute path, got "relative/path"'],
    ['docker-archive', '/a.tar', 'expected no scope but "", got "/a.tar"'],
    ['containers-storage', 'x', 'expected [STORE] at its beginning, got "x"'],
  ] as const) {
    it(`refuses a policy with a scope that ${transport} does not know`, async () => {
      const docker = { 'reg.example.com/team': signedBy({ keyPath }) };
      const transports = { docker, [transport]: { [scope]: ANYTHING } };
      const { code, stderr } = await check('reg.example.com', { transports });
      assert.equal(code, 2);
      const file = join(directory(), 'policy.json');
      assert.equal(
        stderr,
        `lookaside: ${file}: transports.${transport}: ${fault}\n` +
          'hint: nodes refuse the whole file too: see containers-policy.json(5)\n',
      );
    });
  }

  for (const [signedPrefix, code] of [
    ['docker.io', 0],
    ['index.docker.io', 1],
  ] as const) {
    it(`${code === 0 ? 'accepts' : 'rejects'} what remapIdentity maps to ${signedPrefix}`, async () => {
      const signedIdentity = { type: 'remapIdentity', prefix: 'reg.example.com', signedPrefix };
      const docker = { 'reg.example.com': signedBy({ keyPath, signedIdentity }) };
      assert.equal((await check('docker.io', { transports: { docker } })).code, code);
    });
  }

  it('says of a signedPrefix that no signature matches to change it, and not to sign again', async () => {
    const signedIdentity = {
      type: 'remapIdentity',
      prefix: 'reg.example.com',
      signedPrefix: 'mirror',
    };
    const docker = { 'reg.example.com': signedBy({ keyPath, signedIdentity }) };
    const { code, stdout, stderr } = await check('docker.io', { transports: { docker } });
    assert.equal(code, 1);
    const reason =
      'the signedPrefix "mirror" is no name in full form, so nodes take no signature for images of "reg.example.com"';
    const cure =
      'hange it in the policy to "docker.io/mirror", or to the name of another host with what stands behind it';
    assert.equal(stderr, `lookaside: warning: the scope "reg.example.com": ${reason}; c${cure}\n`);
    assert.match(stdout, new RegExp(`identity-mismatch: .*: ${reason}\n  hint: C${cure}\\.\n`));
  });

  it('warns of scopes that cover no image, with what to write', async () => {
    const docker = {
      'reg.example.com/team': signedBy({ keyPath }),
      'https://reg.example.com/Other/': signedBy({ keyPath }),
      'library/app': signedBy({ keyPath }),
      'docker.io/other': [{ type: 'reject' }],
    };
    const { code, stderr } = await check('reg.example.com', {
      default: ANYTHING,
      transports: { docker },
    });
    assert.equal(code, 0);
    assert.deepEqual(stderr.split('\n'), [
      'lookaside: warning: the scope "https://reg.example.com/Other/" covers no image: it has a scheme, a slash at its end, capitals in its path; write "reg.example.com/other"',
      'lookaside: warning: the scope "library/app" covers no image: it has no host; write "docker.io/library/app"',
      'lookaside: warning: the scope "docker.io/other": it covers docker.io/other/…, but not the image "other", whose name is docker.io/library/other; write "docker.io/library/other" if that image is meant',
      '',
    ]);
  });
});
