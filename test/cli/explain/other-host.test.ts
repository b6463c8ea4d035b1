import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
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
