// By containers/storage pkg/configfile/parse.go: no such client is here to be asked.
import assert from 'node:assert/strict';
import {
  findPolicyVariable,
  listDropIns,
  mergeDirectories,
} from '../../../../generator/nodes/check/newer-search.ts';
import type { FoundDirectory } from '../../../../generator/nodes/check/node-state.ts';

const directory = (...paths: readonly string[]): FoundDirectory => ({
  kind: 'directory',
  files: paths.map((path) => ({
    path: path.replace('@', ''),
    found: { kind: 'missing' },
    isRegular: !path.endsWith('@'),
  })),
});
const MISSING = { kind: 'missing' } as const;

describe('generator: where clients from containers/image 5.40 on look', () => {
  for (const [uid, expected] of [
    ['root', ['p/registries.d', 'p/registries.rootful.d']],
    ['other', ['p/registries.d', 'p/registries.rootless.d']],
    [1000, ['p/registries.d', 'p/registries.rootless.d', 'p/registries.rootless.d/1000']],
  ] as const) {
    it(`is other for ${uid}`, () => assert.deepEqual(listDropIns('p', uid), expected));
  }

  for (const [title, directories, expected] of [
    ['nothing', [], undefined],
    ['directories that are missing', [MISSING, MISSING], undefined],
    ['an empty directory', [directory()], []],
    [
      'all files',
      [directory('s/b.yaml'), MISSING, directory('e/a.yaml')],
      ['e/a.yaml', 's/b.yaml'],
    ],
    ['the last of a name', [directory('s/a.yaml'), directory('e/a.yaml')], ['e/a.yaml']],
    ['no links', [directory('s/a.yaml'), directory('e/a.yaml@', 'e/b@')], ['s/a.yaml']],
    [
      'them in the order of names',
      [directory('s/c', 's/a'), directory('e/b')],
      ['s/a', 'e/b', 's/c'],
    ],
  ] as const) {
    it(`finds ${title}`, () => {
      const merged = mergeDirectories(directories);
      const paths = merged.kind === 'directory' ? merged.files.map(({ path }) => path) : undefined;
      assert.deepEqual(paths, expected);
    });
  }

  it('fails where one directory cannot be read', () => {
    const unreadable = { kind: 'unreadable', reason: 'a file' } as const;
    assert.deepEqual(mergeDirectories([directory('s/a.yaml'), unreadable]), unreadable);
  });

  for (const [text, expected] of [
    ['', undefined],
    ['PATH=/bin\nCONTAINERS_POLICY_JSON=/opt/p.json\n', '/opt/p.json'],
    ['  export CONTAINERS_POLICY_JSON="/opt/p.json"', '/opt/p.json'],
    ["CONTAINERS_POLICY_JSON='/a b.json'\r\n", '/a b.json'],
    ['CONTAINERS_POLICY_JSON=/a\nCONTAINERS_POLICY_JSON=/b', '/b'],
    ['CONTAINERS_POLICY_JSON=', undefined],
    ['# CONTAINERS_POLICY_JSON=/a', undefined],
    ['OUR_CONTAINERS_POLICY_JSON=/a', undefined],
  ] as const) {
    it(`takes ${expected ?? 'no policy'} from ${JSON.stringify(text)}`, () => {
      assert.equal(findPolicyVariable(text), expected);
    });
  }
});
