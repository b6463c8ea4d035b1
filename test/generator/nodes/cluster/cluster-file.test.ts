import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { stringify } from 'yaml';
import {
  ClusterFileError,
  parseClusterFile,
} from '../../../../generator/nodes/cluster/cluster-file.ts';

const NODE = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'a "quoted" \\ {name}' } };
const IMAGE = {
  apiVersion: 'config.openshift.io/v1',
  kind: 'Image',
  metadata: { name: 'cluster' },
};

function list(items: readonly unknown[], kind = 'List', apiVersion = 'v1'): object {
  return { apiVersion, kind, items };
}

function kindsOf(text: string): readonly string[] {
  return parseClusterFile(text).map(({ kind, group }) => `${kind}.${group}`);
}

const BOTH = ['Node.', 'Image.config.openshift.io'];

describe('the text that oc printed', () => {
  for (const [title, text] of Object.entries({
    'a List': JSON.stringify(list([NODE, IMAGE])),
    'a List over many lines': JSON.stringify(list([NODE, IMAGE]), null, 4),
    'a List in a List': JSON.stringify(list([list([NODE]), IMAGE])),
    'several objects': `${JSON.stringify(NODE, null, 4)}\n${JSON.stringify(IMAGE)}`,
    'several Lists': `${JSON.stringify(list([NODE]))}${JSON.stringify(list([IMAGE]))}\n`,
    'a Byte Order Mark': `\u{FEFF}${JSON.stringify(list([NODE, IMAGE]))}`,
    YAML: stringify(list([NODE, IMAGE])),
    'several documents of YAML': `---\n${stringify(NODE)}---\n${stringify(IMAGE)}---\n`,
    'Lists of one kind, as the API has them':
      JSON.stringify(list([{ metadata: NODE.metadata }], 'NodeList')) +
      JSON.stringify(list([{ metadata: { name: 'b' } }], 'ImageList', 'config.openshift.io/v1')),
  })) {
    it(`is read as ${title}`, () => assert.deepEqual(kindsOf(text), BOTH));
  }

  it('is read as empty Lists', () => {
    assert.deepEqual(kindsOf(JSON.stringify(list([]))), []);
    assert.deepEqual(kindsOf('{"kind":"List","apiVersion":"v1","items":null}'), []);
  });

  for (const [title, text, message] of [
    ['nothing', ' \n', /got no text/],
    ['what is no object', '[1]', /without a kind/],
    ['an object without a kind', '{"items":[]}', /without a kind/],
    ['a kind that is a number', '{"kind":7}', /without a kind/],
    ['an item that is a text', '{"kind":"List","items":["a"]}', /without a kind/],
    ['JSON that is cut off', JSON.stringify(list([NODE])).slice(0, -4), /expected JSON/],
    ['JSON with a bracket too many', `${JSON.stringify(NODE)}}`, /expected JSON/],
    [
      'words',
      'error: You must be logged in to the server (Unauthorized)',
      /without a kind|neither/,
    ],
    ['YAML that is none', 'a: [', /neither/],
    ['YAML with a bomb of anchors', bombOfAnchors(), /neither/],
    ['JSON that is nested deep', `{"a":${'['.repeat(100_000)}`, /expected JSON/],
    ['Lists that are nested deep', nestedLists(100), /without a kind/],
    ['YAML that is nested deep', `a: ${'['.repeat(100_000)}`, /too deeply/],
    ['YAML of dashes', `${'- '.repeat(100_000)}a`, /too deeply/],
    [
      'YAML that is nested deep behind what closes',
      `${']'.repeat(9_000)}\na: ${'['.repeat(9_000)}`,
      /too deeply/,
    ],
    ['a table', 'NAME   STATUS\nworker Ready\n', /without a kind|neither/],
  ] as const) {
    it(`is refused for ${title}`, () => {
      assert.throws(
        () => parseClusterFile(text),
        (error) => error instanceof ClusterFileError && message.test(error.message),
      );
    });
  }

  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (text) => {
        try {
          parseClusterFile(text);
        } catch (error) {
          assert.ok(error instanceof ClusterFileError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is read whatever objects follow each other', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), fc.nat(4), (values, indent) => {
        const objects = values.map((value) => ({ ...NODE, spec: value }));
        const text = objects.map((object) => JSON.stringify(object, null, indent)).join('\n');
        const read = parseClusterFile(text).map(({ untrusted }) => untrusted);
        assert.deepEqual(read, JSON.parse(JSON.stringify(objects)));
      }),
    );
  });
});

function bombOfAnchors(): string {
  const names = Array.from('abcdefghij');
  const lines = names.map((name, index) => {
    const before = names[index - 1];
    return before === undefined
      ? `${name}: &${name} x`
      : `${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`;
  });
  return `kind: Node\n${lines.join('\n')}\n`;
}

function nestedLists(depth: number): string {
  return `${'{"kind":"List","items":['.repeat(depth)}${']}'.repeat(depth)}`;
}
