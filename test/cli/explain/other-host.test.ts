import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { type Publisher, makePublisher } from '../../kit/signer/publisher.ts';
import { writeSignature } from '../../kit/signer/signature-tree.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const HEX = 'ab'.repeat(32);
const DIGEST = `sha256:${HEX}`;

describeWith(['gpg', 'gpgv'], 'explain: an image that was signed under another host', () => {
  const directory = useTemporary('suite');
  let publisher: Publisher;
  const at = (...names: string[]): string => join(directory(), ...names);
  before(async () => {
    publisher = await makePublisher();
    const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPath: publisher.keyFile };
    const docker = { 'registry.example': [signedBy], 'other.example:5000': [signedBy] };
    const rejects = { default: [{ type: 'reject' }], transports: { docker } };
    await writeFile(at('policy.json'), JSON.stringify(rejects));
    const scopes = { 'registry.example': { keys: publisher.keyFile } };
    await writeFile(at('scopes.yaml'), JSON.stringify({ scopes }));
  });
  after(() => publisher.stop());

  for (const [signed, pulled, by, code] of [
    ['registry.example:443/team/app:v1', 'registry.example/team/app', 'policy', 'policy-rejects'],
    ['other.example/team/app:v1', 'other.example:5000/team/app', 'policy', 'policy-rejects'],
    ['registry.example:443/team/app:v1', 'registry.example/team/app', 'config', 'out-of-scope'],
  ] as const) {
    it(`${signed} as ${pulled}, by a ${by}`, async () => {
      const store = at(`${by}-${signed.replaceAll(/\W/g, '-')}`);
      const claims = { dockerReference: signed, manifestDigest: DIGEST };
      const signature = await publisher.signer.sign(publisher.key, claims);
      await writeSignature(store, { repository: 'team/app', digest: DIGEST, number: 1 }, signature);
      const rules =
        by === 'policy' ? ['--policy', at('policy.json')] : ['--config', at('scopes.yaml')];
      const host = signed.split('/', 1)[0] ?? '';

      const { stdout } = await runLookaside(['explain', `${pulled}@${DIGEST}`, store, ...rules]);
      assert.match(stdout, /^verdict: {4}refused: other-name$/m);
      const message = `it is signed as ${signed}, but pulled as ${pulled}@${DIGEST}`;
      assert.ok(stdout.includes(`\nreason:     ${message}\n`), stdout);
      const next = `Sign it as ${pulled} with any tag, or add a scope for ${host}, here and on the nodes, and pull it as it is signed.`;
      assert.ok(stdout.includes(`\nnext:       ${next}\n`), stdout);

      const checked = await runLookaside(['check', store, ...rules]);
      const hint = `Sign it as "${pulled}:v1", which the scope "${pulled.split('/', 1)[0]}" covers, or add a scope for "${signed}".`;
      assert.ok(checked.stdout.includes(`signature-1: ${code}: `), checked.stdout);
      assert.ok(checked.stdout.includes(`\n  hint: ${hint}\n`), checked.stdout);
    });
  }

  for (const [title, isSigned] of [
    ['that nothing is signed for', false],
    ['with a signature', true],
  ] as const) {
    it(`is told of a signedPrefix under which no signature is good, for an image ${title}`, async () => {
      const store = at(`prefix-${isSigned}`);
      const prefix = 'registry.example';
      const signed = `${prefix}/team/app:v1`;
      const claims = { dockerReference: signed, manifestDigest: DIGEST };
      const signature = await publisher.signer.sign(publisher.key, claims);
      const digest = isSigned ? DIGEST : `sha256:${'cd'.repeat(32)}`;
      await writeSignature(store, { repository: 'team/app', digest, number: 1 }, signature);
      const signedIdentity = { type: 'remapIdentity', prefix, signedPrefix: 'mirror' };
      const by = { type: 'signedBy', keyType: 'GPGKeys', keyPath: publisher.keyFile };
      const transports = { docker: { [prefix]: [{ ...by, signedIdentity }] } };
      const policy = { default: [{ type: 'reject' }], transports };
      await writeFile(at('prefix.json'), JSON.stringify(policy));
      const pulled = `${prefix}/team/app@${DIGEST}`;
      const args = ['explain', pulled, store, '--policy', at('prefix.json')];
      const { stdout, code } = await runLookaside(args);
      assert.equal(code, 1);
      assert.match(stdout, /^verdict: {4}refused: other-name$/m);
      const name = isSigned ? `signed as ${signed}, but ` : '';
      const reason = `it is ${name}pulled as ${pulled}, and the signedPrefix "mirror" is no name in full form, so nodes take no signature for images of "${prefix}"`;
      assert.ok(stdout.includes(`\nreason:     ${reason}\n`), stdout);
      const next =
        'Change it in the policy to "docker.io/mirror", or to the name of another host with what stands behind it.';
      assert.ok(stdout.includes(`\nnext:       ${next}\n`), stdout);
    });
  }

  it('is told of an official image that a scope of its name does not cover', async () => {
    const by = { type: 'signedBy', keyType: 'GPGKeys', keyPath: publisher.keyFile };
    const docker = { 'docker.io/app': [by] };
    const policy = { default: [{ type: 'insecureAcceptAnything' }], transports: { docker } };
    await writeFile(at('namesake.json'), JSON.stringify(policy));
    const args = ['explain', `app@${DIGEST}`, at('empty'), '--policy', at('namesake.json')];
    await mkdir(at('empty'), { recursive: true });
    const { stdout, stderr } = await runLookaside(args);
    assert.match(stdout, /^verdict: {4}accepted$/m);
    const warning =
      'the scope "docker.io/app": it covers docker.io/app/…, but not the image "app", whose name is docker.io/library/app; write "docker.io/library/app" if that image is meant';
    assert.ok(stderr.includes(warning), stderr);
  });

  it('stays quarantined where another fault is in the way', async () => {
    const store = at('damaged');
    await writeSignature(
      store,
      { repository: 'team/app', digest: DIGEST, number: 1 },
      Buffer.from('x'),
    );
    const args = [
      'explain',
      `registry.example/team/app@${DIGEST}`,
      store,
      '--policy',
      at('policy.json'),
    ];
    const { stdout } = await runLookaside(args);
    assert.match(stdout, /^verdict: {4}refused: quarantined$/m);
  });
});
