// What `node-config --check` says nodes refuse or ignore, a real node does.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { run } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';

/** Nothing listens there: a node that comes so far has read its configuration. */
const IMAGE = 'docker://127.0.0.1:1/team/app:v1';
const PINGED = /pinging container registry 127\.0\.0\.1:1/;
const SECTION = 'docker:\n  quay.io/team:\n    lookaside: https://sig.example.com\n';
const POLICY = { default: [{ type: 'reject' }] };

describeWith(['skopeo'], 'a node, of faults that --check finds', () => {
  const directory = useTemporary();

  /** Copies an image with skopeo; gives what it says on its way to the registry. */
  const copy = async (
    files: Readonly<Record<string, string>>,
    policy: unknown = POLICY,
  ): Promise<string> => {
    const registries = join(directory(), 'registries.d');
    await mkdir(registries);
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(registries, name), text);
    }
    const policyFile = join(directory(), 'policy.json');
    await writeFile(policyFile, JSON.stringify(policy));
    const { code, stderr } = await run('skopeo', [
      `--registries.d=${registries}`,
      `--policy=${policyFile}`,
      'copy',
      IMAGE,
      `dir:${join(directory(), 'image')}`,
    ]);
    assert.notEqual(code, 0);
    return stderr;
  };

  it('takes files that are good', async () => {
    assert.match(await copy({ 'a.yaml': SECTION }), PINGED);
  });

  it('fails for a scope in two files (duplicate-scope)', async () => {
    const stderr = await copy({ 'a.yaml': SECTION, 'b.yaml': SECTION });
    assert.match(stderr, /namespace .*quay\.io\/team.* defined both in/);
  });

  it('fails for a default in two files (duplicate-default)', async () => {
    const text = 'default-docker:\n  lookaside: https://sig.example.com\n';
    assert.match(
      await copy({ 'a.yaml': text, 'b.yaml': text }),
      /default-docker.* defined both in/,
    );
  });

  for (const [what, text] of [
    ['broken YAML', 'docker: ['],
    ['a list for a section', 'docker: {a.b: []}'],
    ['a list for an address', 'docker: {a.b: {lookaside: []}}'],
    ['a number for a switch', 'docker: {a.b: {use-sigstore-attachments: 7}}'],
  ] as const) {
    it(`fails for ${what} in any file (registries-unreadable)`, async () => {
      assert.match(await copy({ 'a.yaml': SECTION, 'b.yaml': text }), /parsing .*b\.yaml/);
    });
  }

  it('fails for a policy with a member it does not know (policy-unreadable)', async () => {
    const stderr = await copy({ 'a.yaml': SECTION }, { ...POLICY, note: 'ours' });
    assert.match(stderr, /Error loading trust policy: .*Unknown key/);
  });

  it('passes over what it does not know (unknown-member, ignored-file)', async () => {
    const misspelt = SECTION.replace('lookaside', 'lookasid');
    assert.match(await copy({ 'a.yaml': misspelt, 'b.yml': 'docker: [' }), PINGED);
  });

  it('takes a number for the text that it is', async () => {
    assert.match(await copy({ 'a.yaml': 'docker: {a.b: {lookaside: 5}}' }), PINGED);
  });
});
