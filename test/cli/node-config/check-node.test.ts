// `node-config --check`: each mistake is planted alone into a good tree.
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { NODE_FINDINGS } from '../../../generator/nodes/check/finding.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { checkTree, layOut, put } from './node-tree.ts';
import { equalTrees } from './equal-trees.ts';
import { keyMistakes } from './planted-keys.ts';
import { policyMistakes } from './planted-policy.ts';
import { STORE_MISTAKES } from './planted-stores.ts';
import { REGISTRIES_MISTAKES } from './planted-registries.ts';
import { BOTH, type Keys, STORE, TEAM, makeKeys } from './planted.ts';

describeWith(['gpg'], 'lookaside node-config --check', () => {
  const directory = useTemporary('suite');
  let keys: Keys;
  let args: readonly string[];
  before(async () => {
    keys = await makeKeys();
    const config = join(directory(), 'gate.yaml');
    const both = { keys: [keys.team, keys.second], require: 'all', prefix: 'internal' };
    await put(config, stringify({ scopes: { [TEAM]: { keys: keys.team }, [BOTH]: both } }));
    args = ['--config', config, '--url', STORE];
    await layOut(join(directory(), 'good'), [...args, '--default', 'reject']);
  });
  after(async () => keys.stop());

  let trees = 0;
  /** A new tree that is good; with arguments of its own it is written anew. */
  const makeTree = async (own: readonly string[] = []): Promise<string> => {
    trees += 1;
    const root = join(directory(), String(trees));
    if (own.length > 0) await layOut(root, [...args, ...own, '--default', 'reject']);
    else await cp(join(directory(), 'good'), root, { recursive: true });
    return root;
  };

  const ways: readonly ((given: Keys) => readonly string[])[] = [
    () => [],
    ({ second }) => ['--keys', second],
    () => ['--keys-as', 'data'],
    () => ['--clients', '5.22+'],
    () => ['--staging', '/srv/signatures'],
    ({ team }) => ['--staging', '/srv/signatures', '--clients', '5.22+', '--keys', team],
    () => ['--rootless'],
    ({ both, team }) => ['--scope', `*.example.com=${both}`, '--scope', `localhost=${team}`],
  ];
  for (const [index, way] of ways.entries()) {
    it(`finds nothing in what it wrote itself, way ${index + 1}`, async () => {
      const own = way(keys);
      const { code, findings } = await checkTree(await makeTree(own), [...args, ...own]);
      assert.deepEqual({ code, findings }, { code: 0, findings: [] }, own.join(' '));
    });
  }

  for (const [title, change] of Object.entries(equalTrees(() => keys))) {
    it(`finds nothing with ${title}`, async () => {
      const root = await makeTree();
      await change(root);
      assert.deepEqual((await checkTree(root, args)).findings, []);
    });
  }

  const mistakes = [
    ...REGISTRIES_MISTAKES,
    ...STORE_MISTAKES,
    ...policyMistakes(() => keys),
    ...keyMistakes(() => keys),
  ];

  for (const {
    title,
    code,
    path,
    severity = 'fault',
    plant,
    args: own,
    checkArgs = [],
    says,
  } of mistakes) {
    it(`finds ${title}: ${code}`, async () => {
      const more = own?.(keys) ?? [];
      const root = await makeTree(more);
      await plant(root);
      const checked = await checkTree(root, [...args, ...more, ...checkArgs]);
      const found = checked.findings.map((finding) => [
        finding.code,
        finding.severity,
        finding.path,
      ]);
      assert.deepEqual(
        [...new Set(found.map((one) => one.join(' ')))],
        [`${code} ${severity} ${path}`],
        JSON.stringify(checked.findings, null, 1),
      );
      assert.equal(checked.code, severity === 'fault' ? 1 : 0);
      const [first] = checked.findings;
      if (says) assert.deepEqual([first?.message, first?.hint], says);
    });
  }

  it('has a mistake and a cure of its own for each code', () => {
    const cures = Object.values(NODE_FINDINGS).map(({ cure }) => cure);
    assert.equal(new Set(cures).size, cures.length);
    const planted = new Set(mistakes.map(({ code }) => code));
    assert.deepEqual([...planted].toSorted(), Object.keys(NODE_FINDINGS).toSorted());
  });
});
