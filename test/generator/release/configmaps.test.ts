import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  array,
  assert as assertProperty,
  integer,
  property,
  record,
  uint8Array,
  uniqueArray,
} from 'fast-check';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  type ReleaseSignatures,
  formatConfigMaps,
} from '../../../generator/release/configmap/format-configmaps.ts';
import {
  ConfigMapFileError,
  checkConfigMaps,
} from '../../../generator/release/configmap/check-configmaps.ts';

const written = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    labels: z.record(z.string(), z.string()),
  }),
  binaryData: z.record(z.string(), z.string()),
});

const releases = uniqueArray(
  record({
    digestHex: uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) =>
      Buffer.from(bytes).toString('hex'),
    ),
    signatures: array(uint8Array({ minLength: 1, maxLength: 20_000 }), {
      minLength: 1,
      maxLength: 9,
    }),
  }),
  { selector: ({ digestHex }) => digestHex, maxLength: 40 },
);

/** What oc-mirror takes from a key: version 1 the third part, version 2 of keys of three parts only. */
function partsOf(key: string): readonly string[] {
  const parts = key.split('-');
  assert.equal(parts.length, 3, key);
  return parts;
}

function release(signatures: readonly Uint8Array[]): ReleaseSignatures {
  return { digestHex: randomBytes(32).toString('hex'), signatures };
}

describe('ConfigMaps with the signatures of releases', () => {
  it('hold all of them, in sizes that oc apply takes, the same whatever the order', () => {
    assertProperty(
      property(releases, integer({ min: 9, max: 30 }), (given, perFile) => {
        const files = formatConfigMaps(given, perFile);
        assert.deepEqual(formatConfigMaps(given.toReversed(), perFile), files);
        const found = new Map<string, Buffer>();
        for (const { yaml, name } of files) {
          const { metadata, binaryData } = written.parse(parse(yaml));
          assert.equal(metadata.name, name);
          assert.equal(metadata.namespace, 'openshift-config-managed');
          assert.deepEqual(metadata.labels, { 'release.openshift.io/verification-signatures': '' });
          assert(Object.keys(binaryData).length <= perFile);
          assert(JSON.stringify(parse(yaml)).length < 256 * 1024 - 100);
          for (const [key, value] of Object.entries(binaryData)) {
            found.set(key, Buffer.from(value, 'base64'));
          }
        }
        const expected = given.flatMap(({ digestHex, signatures }) =>
          signatures.map(
            (bytes, index) => [`sha256-${digestHex}-${index + 1}`, Buffer.from(bytes)] as const,
          ),
        );
        assert.deepEqual(
          found,
          new Map(expected.toSorted(([one], [other]) => (one < other ? -1 : 1))),
        );
        for (const key of found.keys()) assert.match(partsOf(key)[2] ?? '', /^[1-9]$/);
      }),
      { numRuns: 50 },
    );
  });

  it('are read back without a finding', () => {
    const files = formatConfigMaps(Array.from({ length: 300 }, () => release([randomBytes(868)])));
    assert.equal(files.length, 2);
    const text = files.map(({ yaml }) => yaml).join('');
    const { configMaps, found, findings } = checkConfigMaps(text, [], new Date());
    assert.deepEqual([configMaps, found.length, findings], [2, 300, []]);
  });

  it('refuse what oc apply cannot take', () => {
    assert.throws(() => formatConfigMaps([release([randomBytes(200_000)])]), /have 195\.3 KiB/);
  });

  it('are never more than nine of a release', () => {
    const [file] = formatConfigMaps([release(Array.from({ length: 12 }, () => randomBytes(10)))]);
    assert.equal(file?.count, 9);
  });

  const key = `sha256-${'ab'.repeat(32)}-1`;
  const good = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'mine',
      namespace: 'openshift-config-managed',
      labels: { 'release.openshift.io/verification-signatures': 'x' },
    },
    binaryData: { [key]: 'AAAA' },
  };
  const { metadata } = good;
  const big = Object.fromEntries(
    Array.from({ length: 300 }, (_, at) => [`${key}${at}`, 'A'.repeat(1000)]),
  );
  const huge = { [key]: 'A'.repeat(1_500_000) };
  const changes: readonly (readonly [string, object, number, RegExp | undefined])[] = [
    ['a good one', {}, 1, undefined],
    [
      'another namespace',
      { metadata: { ...metadata, namespace: 'default' } },
      0,
      /fault: .*looks in the namespace/,
    ],
    [
      'no namespace',
      { metadata: { ...metadata, namespace: undefined } },
      0,
      /fault: .*looks in the namespace/,
    ],
    ['no label', { metadata: { ...metadata, labels: {} } }, 0, /fault: .*by the label/],
    [
      'the name of the operator',
      { metadata: { ...metadata, name: 'signatures-managed' } },
      1,
      /fault: .*overwrites it/,
    ],
    ['data', { data: { [key]: 'AAAA' } }, 1, /fault: .*`data` is not read/],
    ['nothing', { binaryData: undefined }, 0, /fault: .*no signature/],
    [
      'a key without a number',
      { binaryData: { [key.slice(0, -2)]: 'AAAA' } },
      1,
      /warning: .*oc-mirror 1 crashes/,
    ],
    [
      'a key that does not end in a number',
      { binaryData: { [`${key}-x`]: 'AAAA' } },
      1,
      /warning: .*passes it over/,
    ],
    [
      'a key of another algorithm',
      { binaryData: { 'sha512-ab-1': 'AAAA' } },
      0,
      /fault: .*no digest begins/,
    ],
    [
      'a digest in upper case',
      { binaryData: { [key.toUpperCase()]: 'AAAA' } },
      0,
      /fault: .*no digest begins/,
    ],
    [
      'a colon in the key',
      { binaryData: { [key.replace('-', ':')]: 'AAAA' } },
      0,
      /fault: .*does not take this key/,
    ],
    ['no base64', { binaryData: { [key]: 'A' } }, 0, /fault: .*base64/],
    ['an empty value', { binaryData: { [key]: '' } }, 0, /fault: .*base64/],
    ['more than oc apply keeps', { binaryData: big }, 300, /warning: .*--server-side/],
    [
      'more than the API server takes',
      { binaryData: huge },
      1,
      /fault: .*more than the API server takes/,
    ],
  ];
  for (const [what, change, count, expected] of changes) {
    it(`are judged: ${what}`, () => {
      const text = JSON.stringify({ kind: 'List', items: [{ ...good, ...change }] });
      const { found, findings } = checkConfigMaps(text, [], new Date());
      assert.equal(found.length, count);
      const told = findings.map(({ level, message }) => `${level}: ${message}`);
      if (expected === undefined) assert.deepEqual(told, []);
      else assert.match(told.join('\n'), expected);
    });
  }

  it('tell when a name occurs twice', () => {
    const text = [good, good].map((one) => `---\n${JSON.stringify(one)}\n`).join('');
    const { findings } = checkConfigMaps(text, [], new Date());
    assert.match(findings.map(({ message }) => message).join(), /twice/);
  });

  for (const [text, expected] of [
    ['kind: Secret', /got a Secret/],
    ['kind: ConfigMap', /with a name/],
    ['just text', /got something else/],
    ['a: [', /flow/i],
    ['a: 1\na: 2', /unique/i],
    ['a: &x [1]\nb: *x', /aliases/],
  ] as const) {
    it(`are told from ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => checkConfigMaps(text, [], new Date()),
        (error) => error instanceof ConfigMapFileError && expected.test(error.message),
      );
    });
  }
});
