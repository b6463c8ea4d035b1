// Images are found where they are, and nothing else in the text changes.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { findImageStrings } from '../../../generator/kubernetes/find-images.ts';
import { replaceImages } from '../../../generator/kubernetes/replace-images.ts';

const PIN = `@sha256:${'a'.repeat(64)}`;

/** Adds a digest to each image; between the images, all stays as it was. */
function pin(text: string): string {
  const { images } = findImageStrings(text);
  return replaceImages(
    text,
    images.map((at) => ({ at, image: at.image + PIN })),
  );
}

const imagesIn = (text: string): readonly string[] =>
  findImageStrings(text).images.map(({ image }) => image);

const pod = (spec: string): string => `apiVersion: v1\nkind: Pod\nspec:\n${spec}`;

const templateOf = (apiVersion: string, kind: string): string =>
  JSON.stringify({
    apiVersion,
    kind,
    spec: { template: { spec: { containers: [{ image: 'x:1' }] } } },
  });

describe('generator: images of Kubernetes manifests', () => {
  describe('are found in', () => {
    const containers = { containers: [{ image: 'x:1' }] };
    const kinds: Readonly<Record<string, string>> = {
      Pod: JSON.stringify({ apiVersion: 'v1', kind: 'Pod', spec: containers }),
      PodTemplate: JSON.stringify({
        apiVersion: 'v1',
        kind: 'PodTemplate',
        template: { spec: containers },
      }),
      CronJob: JSON.stringify({
        apiVersion: 'batch/v1beta1',
        kind: 'CronJob',
        spec: { jobTemplate: { spec: { template: { spec: containers } } } },
      }),
      ReplicationController: templateOf('v1', 'ReplicationController'),
      Job: templateOf('batch/v1', 'Job'),
      ...Object.fromEntries(
        ['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet'].map((kind) => [
          kind,
          templateOf('apps/v1', kind),
        ]),
      ),
    };
    for (const [kind, text] of Object.entries(kinds)) {
      it(`a ${kind}, alone and in lists`, () => {
        assert.deepEqual(imagesIn(text), ['x:1']);
        const apiVersion: string = JSON.parse(text).apiVersion;
        assert.deepEqual(imagesIn(`{"apiVersion":"v1","kind":"List","items":[${text}]}`), ['x:1']);
        const list = `{"apiVersion":"${apiVersion}","kind":"${kind}List","items":[${text},${text}]}`;
        assert.deepEqual(imagesIn(list), ['x:1', 'x:1']);
      });
    }
    it('init and ephemeral containers, and image volumes', () => {
      const text = pod(
        '  initContainers: [{image: a}]\n  containers: [{image: b}]\n  ephemeralContainers: [{image: c}]\n  volumes:\n    - image:\n        reference: d\n    - configMap: {name: image}\n',
      );
      assert.deepEqual(imagesIn(text), ['a', 'b', 'c', 'd']);
    });
    it('items of a list that say what they are by its kind, as the API server gives them', () => {
      const items = '[{"spec":{"containers":[{"image":"a:1"}]}}]';
      assert.deepEqual(imagesIn(`{"apiVersion":"v1","kind":"PodList","items":${items}}`), ['a:1']);
    });
    it('whatever has items, as kubectl applies them', () => {
      const text = pod('  containers: [{image: a:1}]\n').replaceAll('\n', '\n  ');
      const list = `apiVersion: example.com/v1\nkind: Anything\nitems:\n- ${text}`;
      assert.deepEqual(imagesIn(list), ['a:1']);
    });
    it('a document that begins with a byte order mark', () => {
      const one = pod('  containers: [{image: a:1}]\n');
      assert.deepEqual(imagesIn(`${one}---\n\ufeff${one}`), ['a:1', 'a:1']);
    });
    it('what is no text, which is not to be replaced', () => {
      const { images } = findImageStrings(
        pod('  containers: [{image: 123}, {image: !!binary YTox}, {image: null}]\n'),
      );
      assert.deepEqual(
        images.map(({ image }) => image),
        ['123', 'YTox'],
      );
      for (const { obstacle } of images) assert.match(obstacle ?? '', /^it is no text/);
    });
    it('no object of another kind', () => {
      for (const text of [
        'apiVersion: serving.knative.dev/v1\nkind: Service\nspec: {template: {spec: {containers: [{image: a}]}}}',
        'apiVersion: example.com/v1\nkind: Deployment\nspec: {template: {spec: {containers: [{image: a}]}}}',
        'apiVersion: v1\nkind: ConfigMap\ndata: {image: a}',
        pod('  containers: [{name: x, env: [{name: image, value: a}]}]'),
      ]) {
        assert.deepEqual(imagesIn(text), [], text);
      }
    });
  });

  describe('are replaced', () => {
    const cases: Readonly<Record<string, readonly [before: string, after: string]>> = {
      'plain, with a comment behind it': [
        '  containers:\n  - image: a:1   # why\n    name: x\n',
        `  containers:\n  - image: a:1${PIN}   # why\n    name: x\n`,
      ],
      'in quotes of both kinds': [
        `  containers: [{image: 'a:1'}, {"image": "b:1"}]\n`,
        `  containers: [{image: 'a:1${PIN}'}, {"image": "b:1${PIN}"}]\n`,
      ],
      'written with escapes': [
        String.raw`  containers: [{image: "q.io\/a:1"}]`,
        `  containers: [{image: "q.io/a:1${PIN}"}]`,
      ],
      'in a block': [
        '  containers:\n  - image: >-\n      a:1\n    name: x\n',
        `  containers:\n  - image: >-\n      a:1${PIN}\n    name: x\n`,
      ],
      'with a tag of YAML and an anchor that images alone use': [
        '  initContainers: [{image: !!str &i a:1}]\n  containers: [{image: *i}]\n',
        `  initContainers: [{image: !!str &i a:1${PIN}}]\n  containers: [{image: *i}]\n`,
      ],
      'once, in containers that several merge': [
        '  initContainers:\n  - &c {image: a:1}\n  containers:\n  - {<<: *c, name: x}\n  - <<: [*c]\n    name: y\n',
        `  initContainers:\n  - &c {image: a:1${PIN}}\n  containers:\n  - {<<: *c, name: x}\n  - <<: [*c]\n    name: y\n`,
      ],
      'in a block whose header has a comment with the same name': [
        '  containers:\n  - image: >- # a:1\n      a:1\n    name: x\n',
        `  containers:\n  - image: >- # a:1\n      a:1${PIN}\n    name: x\n`,
      ],
      'whose escapes have its letter': [
        String.raw`  containers: [{image: "\u0075"}]`,
        `  containers: [{image: "u${PIN}"}]`,
      ],
      'under a key that is an alias': [
        '  nodeName: &k image\n  containers:\n  - *k : a:1\n',
        `  nodeName: &k image\n  containers:\n  - *k : a:1${PIN}\n`,
      ],
      // kubectl takes the second one.
      'both where a merge key stands behind the key': [
        '  containers:\n  - image: a:1\n    <<: {image: a:1}\n',
        `  containers:\n  - image: a:1${PIN}\n    <<: {image: a:1${PIN}}\n`,
      ],
      'of all mappings that are merged by several keys': [
        '  containers:\n  - <<: {image: a:1}\n    <<: {image: a:1}\n',
        `  containers:\n  - <<: {image: a:1${PIN}}\n    <<: {image: a:1${PIN}}\n`,
      ],
      'without a line end at the end': [
        '  containers: [{image: a:1}]',
        `  containers: [{image: a:1${PIN}}]`,
      ],
    };
    for (const [title, [before, after]] of Object.entries(cases)) {
      it(title, () => assert.equal(pin(pod(before)), pod(after)));
    }
    it('behind a byte order mark, and with the line ends of Windows', () => {
      const text = `\ufeff${pod('  containers:\n  - image: a:1\n')}`.replaceAll('\n', '\r\n');
      assert.equal(pin(text), text.replace('a:1', `a:1${PIN}`));
    });
    it('in JSON with tabs', () => {
      const object = { apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ image: 'a:1' }] } };
      const text = JSON.stringify(object, undefined, '\t');
      assert.equal(pin(text), text.replace('a:1', `a:1${PIN}`));
    });
    it('in each of several documents, and what lies between them stays', () => {
      const one = pod('  containers: [{image: a:1}]\n');
      const text = `# head\n---\n${one}--- # next\n\n...\n%YAML 1.2\n---\n${one}---\n# end\n`;
      assert.equal(pin(text), text.replaceAll('a:1', `a:1${PIN}`));
    });
  });

  it('are not to be replaced where an anchor stands for something else too', () => {
    const text = pod(
      '  containers: [{image: &i a:1, env: [{name: IMAGE, value: *i}]}, {image: b:1}]\n',
    );
    const [first, second] = findImageStrings(text).images;
    assert.match(first?.obstacle ?? '', /^the anchor &i is used for more than images/);
    assert.equal(second?.obstacle, undefined);
  });

  describe('say what is no plain manifest', () => {
    for (const [title, text, note] of [
      ['values of a chart', 'replicas: 1\nimage: a', /without apiVersion and kind/],
      ['a kustomization', 'kind: Kustomization\napiVersion: k/v1\nimages: []', /kubectl kustomize/],
      ['an old kustomization', 'resources: [a.yaml]', /kubectl kustomize/],
      ['a text', 'hello', /something else/],
    ] as const) {
      it(title, () => assert.match(findImageStrings(text).notes.join(' '), note));
    }
    for (const [title, text, message] of [
      ['a template', 'a: {{ .Values.a }}\nb: [', /it is a template.*helm template/],
      ['what is no YAML', 'a: b: c', /it is no YAML: Nested mappings.* line 1, column 4$/],
      ['brackets without end', '['.repeat(100_000), /^it is nested too deeply$/],
      [
        'lists in lists in lists',
        `${'{"apiVersion":"v1","kind":"List","items":['.repeat(10)}{"a":1}${']}'.repeat(10)}`,
        /^it has lists within lists/,
      ],
      [
        'a key that stands twice',
        'kind: a\nkind: b',
        /the key "kind" stands twice, again in line 2/,
      ],
    ] as const) {
      it(title, () => assert.throws(() => findImageStrings(text), { message }));
    }
  });

  it('are found in time in aliases of aliases', () => {
    const letters = 'b c d e f g h i j k l m n o p'.split(' ');
    const lines = letters.map((letter) => {
      const before = String.fromCodePoint((letter.codePointAt(0) ?? 0) - 1);
      return `${letter}: &${letter} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`;
    });
    const text = `a: &a [x]\n${lines.join('\n')}\n${pod('  containers: *p\n')}`;
    assert.deepEqual(imagesIn(text), []);
  });

  it('are found in time where thousands have anchors, and keys', () => {
    const containers = Array.from(
      { length: 3000 },
      (_, at) => `  - image: &a${at} a:1\n  - image: *a${at}\n`,
    );
    const keys = Array.from({ length: 3000 }, (_, at) => `  k${at}: 1\n`);
    const text = pod(`${keys.join('')}  containers:\n${containers.join('')}`);
    const before = process.cpuUsage();
    assert.equal(imagesIn(text).length, 3000);
    const { user } = process.cpuUsage(before);
    assert.ok(user < 20_000_000, `${user} µs`);
  });

  it('leave all other text as it was, whatever it is', () => {
    const image = fc.constantFrom(
      'a:1',
      "'a:1'",
      '"a:1"',
      '"\\u0061:1"',
      '&x a:1',
      '|-\n      a:1',
    );
    const filler = fc.constantFrom('', '# c\n', '  x: 1\n', '  y: {a: [1, "b # c"]}\n', '\n\n');
    const entry = fc.record({ image, comment: fc.constantFrom('', ' # é 😀'), before: filler });
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), filler, (entries, end) => {
        const items = entries.map(({ image: one, comment }) =>
          one.startsWith('|') ? `  - image: ${one}\n` : `  - image: ${one}${comment}\n`,
        );
        const text = pod(`${entries[0]?.before ?? ''}  containers:\n${items.join('')}${end}`);
        let isValid = true;
        try {
          findImageStrings(text);
        } catch {
          isValid = false;
        }
        fc.pre(isValid);
        const pinned = pin(text);
        const expected = parseAllDocuments(text).map((one) =>
          JSON.stringify(one).replaceAll('a:1', `a:1${PIN}`),
        );
        assert.deepEqual(
          parseAllDocuments(pinned).map((one) => JSON.stringify(one)),
          expected,
        );
        // What is not in an image is there, in order.
        assert.equal(pinned.replaceAll(PIN, '').length <= text.length, true);
        for (const rest of text.split(/a:1|\\u0061:1/)) assert.ok(pinned.includes(rest));
      }),
      { numRuns: 300 },
    );
  });
});
