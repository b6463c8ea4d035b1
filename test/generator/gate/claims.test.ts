import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatPayload, parseClaims, readUsualPayload } from '../../../generator/gate/claims.ts';
import { type RejectionCode, isRejection } from '../../../generator/terms/rejection.ts';
import { rejectionOf } from '../../kit/samples/samples.ts';
import {
  type JsonObject,
  type JsonTree,
  anySpaces,
  anyTree,
  object,
  scalar,
  writeJson,
} from '../terms/json-tree.ts';
import { measureProcessor } from '../../kit/process/processor-time.ts';

const TYPE = 'atomic container signature';
const GOOD =
  '{"critical":{"identity":{"docker-reference":"r/a:b"},"image":{"docker-manifest-digest":"sha256:00"},"type":"atomic container signature"},"optional":{"creator":"atomic 5","timestamp":1700000000}}';
const OPTIONAL = '{"creator":"atomic 5","timestamp":1700000000}';
const CLAIMS = {
  dockerReference: 'r/a:b',
  manifestDigest: 'sha256:00',
  creator: 'atomic 5',
  timestamp: 1_700_000_000,
};

function withOptional(json: string): string {
  return GOOD.replace(OPTIONAL, json);
}

describe('generator: claims', () => {
  it('reads a payload', () => {
    assert.deepEqual(parseClaims(Buffer.from(GOOD)), CLAIMS);
  });

  it('writes a payload as it reads it', () => {
    assert.equal(Buffer.from(formatPayload(CLAIMS)).toString(), GOOD);
    assert.deepEqual(readUsualPayload(formatPayload(CLAIMS)), CLAIMS);
    const claims = fc.record(
      {
        dockerReference: fc.string({ unit: 'grapheme' }),
        manifestDigest: fc.string(),
        creator: fc.option(fc.string({ maxLength: 256 })),
        timestamp: fc.option(fc.maxSafeInteger()),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(claims, (made) => {
        assert.deepEqual(parseClaims(formatPayload(made)), made);
      }),
    );
  });

  const { creator, timestamp } = CLAIMS;
  for (const [title, payload, optional] of [
    ['white space around and between', ` \t\r\n${JSON.stringify(JSON.parse(GOOD), null, 2)}\n`, {}],
    ['no optional members', withOptional('{}'), { creator: null, timestamp: null }],
    [
      'null for unset',
      withOptional('{"creator":null,"timestamp":null}'),
      { creator: null, timestamp: null },
    ],
    [
      'unknown optional members',
      withOptional('{"x":[1,{"y":null}],"":1}'),
      { creator: null, timestamp: null },
    ],
    [
      'duplicates below an unknown member',
      withOptional('{"x":{"a":1,"a":2}}'),
      { creator: null, timestamp: null },
    ],
    [
      'a timestamp with a fraction of zero',
      withOptional('{"timestamp":1.0}'),
      { creator: null, timestamp: 1 },
    ],
    [
      'a timestamp with an exponent',
      withOptional('{"timestamp":1e3}'),
      { creator: null, timestamp: 1000 },
    ],
    ['a negative timestamp', withOptional('{"timestamp":-1}'), { creator: null, timestamp: -1 }],
    [
      'a timestamp of minus zero',
      withOptional('{"timestamp":-0}'),
      { creator: null, timestamp: -0 },
    ],
    [
      'the least timestamp',
      withOptional('{"timestamp":-9223372036854775808}'),
      { creator: null, timestamp: -(2 ** 63) },
    ],
    [
      'a timestamp beyond 2^53',
      withOptional('{"timestamp":9007199254740993}'),
      { creator: null, timestamp: 2 ** 53 },
    ],
    ['a name in escapes', GOOD.replace('docker-ref', 'docker\\u002dref'), { creator, timestamp }],
    [
      'a member that is named like a property',
      withOptional('{"__proto__":1}'),
      { creator: null, timestamp: null },
    ],
  ] as const) {
    it(`takes ${title}`, () => {
      assert.deepEqual(parseClaims(Buffer.from(payload)), { ...CLAIMS, ...optional });
    });
  }

  it('takes invalid UTF-8 and lone surrogates in values, replaced as nodes do', () => {
    const bytes = Buffer.from(GOOD.replace('atomic 5', '\xff\\ud800'), 'latin1');
    const claims = parseClaims(bytes);
    assert(!isRejection(claims));
    assert.equal(claims.creator, '\ufffd\ud800');
  });

  it('takes null for a string as the empty string', () => {
    const payload = GOOD.replace('"sha256:00"', 'null').replace('"r/a:b"', 'null');
    const empty = { manifestDigest: '', dockerReference: '' };
    assert.deepEqual(parseClaims(Buffer.from(payload)), { ...CLAIMS, ...empty });
  });

  const faults: readonly [string, RejectionCode, string, RegExp][] = [
    ['nothing', 'payload-not-json', '', /expected one JSON object/],
    ['text', 'payload-not-json', 'hello', /expected one JSON object/],
    ['a second object', 'payload-not-json', `${GOOD}{}`, /expected one JSON object/],
    ['a NUL behind', 'payload-not-json', `${GOOD}\0`, /expected one JSON object/],
    ['a byte order mark', 'payload-not-json', `\ufeff${GOOD}`, /expected one JSON object/],
    ['a trailing comma', 'payload-not-json', withOptional('{"a":1,}'), /expected one JSON object/],
    ['a line feed in a string', 'payload-not-json', withOptional('{"a":"\n"}'), /JSON object/],
    ['an array', 'payload-wrong-type', '[]', /expected an object in the payload, got \[\]/],
    ['null', 'payload-wrong-type', 'null', /in the payload, got null/],
    ['a string', 'payload-wrong-type', '"{}"', /in the payload, got "\{\}"/],
    ['no critical', 'payload-missing-member', '{"optional":{}}', /lacks the member "critical"/],
    [
      'no optional',
      'payload-missing-member',
      GOOD.replace(`,"optional":${OPTIONAL}`, ''),
      /"optional"/,
    ],
    [
      'no type',
      'payload-missing-member',
      GOOD.replace(`,"type":"${TYPE}"`, ''),
      /critical lacks .*"type"/,
    ],
    [
      'no identity',
      'payload-missing-member',
      GOOD.replace('"identity":{"docker-reference":"r/a:b"},', ''),
      /"identity"/,
    ],
    [
      'no reference',
      'payload-missing-member',
      GOOD.replace('"docker-reference":"r/a:b"', ''),
      /critical.identity lacks/,
    ],
    [
      'no digest',
      'payload-missing-member',
      GOOD.replace('"docker-manifest-digest":"sha256:00"', ''),
      /critical.image lacks/,
    ],
    [
      'an unknown member',
      'payload-unknown-member',
      GOOD.replace('{', '{"x":1,'),
      /the payload has the unknown member "x"/,
    ],
    ['another case', 'payload-unknown-member', GOOD.replace('critical', 'Critical'), /"Critical"/],
    [
      'an unknown member of critical',
      'payload-unknown-member',
      GOOD.replace('"type"', '"x":{},"type"'),
      /critical has .*"x"/,
    ],
    [
      'an unknown member of image',
      'payload-unknown-member',
      GOOD.replace('"docker-m', '"x":1,"docker-m'),
      /critical.image .*"x"/,
    ],
    [
      'an unknown member of identity',
      'payload-unknown-member',
      GOOD.replace('"docker-r', '"x":1,"docker-r'),
      /identity .*"x"/,
    ],
    [
      'a member that is named like a property',
      'payload-unknown-member',
      GOOD.replace('{', '{"__proto__":1,'),
      /__proto__/,
    ],
    [
      'optional twice',
      'payload-duplicate-key',
      GOOD.replace('{', '{"optional":{},'),
      /"optional" twice/,
    ],
    [
      'type twice',
      'payload-duplicate-key',
      GOOD.replace('"type"', '"type":"x","type"'),
      /critical .*"type" twice/,
    ],
    [
      'the digest twice',
      'payload-duplicate-key',
      GOOD.replace('"docker-m', '"docker-manifest-digest":"x","docker-m'),
      /image .*twice/,
    ],
    [
      'the reference twice',
      'payload-duplicate-key',
      GOOD.replace('"docker-r', '"docker-reference":"x","docker-r'),
      /identity .*twice/,
    ],
    [
      'the reference twice, once in escapes',
      'payload-duplicate-key',
      GOOD.replace('"docker-r', '"docker\\u002dreference":"x","docker-r'),
      /twice/,
    ],
    [
      'the creator twice',
      'payload-duplicate-key',
      withOptional('{"creator":"a","creator":"a"}'),
      /optional .*"creator" twice/,
    ],
    [
      'an unknown optional member twice',
      'payload-duplicate-key',
      withOptional('{"x":1,"x":1}'),
      /"x" twice/,
    ],
    [
      'lone surrogates, which become equal',
      'payload-duplicate-key',
      withOptional('{"\\ud800":1,"\\udfff":1}'),
      /twice/,
    ],
    [
      'critical null',
      'payload-wrong-type',
      '{"critical":null,"optional":{}}',
      /an object in critical, got null/,
    ],
    [
      'identity null',
      'payload-wrong-type',
      GOOD.replace('{"docker-reference":"r/a:b"}', 'null'),
      /critical.identity, got null/,
    ],
    [
      'optional null',
      'payload-wrong-type',
      withOptional('null'),
      /an object in optional, got null/,
    ],
    [
      'optional an array',
      'payload-wrong-type',
      withOptional('[]'),
      /an object in optional, got \[\]/,
    ],
    [
      'a digest that is a number',
      'payload-wrong-type',
      GOOD.replace('"sha256:00"', '1'),
      /a string in docker-manifest-digest, got 1/,
    ],
    [
      'a reference that is an object',
      'payload-wrong-type',
      GOOD.replace('"r/a:b"', '{}'),
      /a string in docker-reference, got \{\}/,
    ],
    [
      'a type that is true',
      'payload-wrong-type',
      GOOD.replace(`"${TYPE}"`, 'true'),
      /a string in critical.type, got true/,
    ],
    [
      'a creator that is a number',
      'payload-wrong-type',
      withOptional('{"creator":1}'),
      /a string in optional.creator, got 1/,
    ],
    [
      'a timestamp in a string',
      'payload-wrong-type',
      withOptional('{"timestamp":"1"}'),
      /whole seconds .*got "1"/,
    ],
    [
      'a timestamp that is true',
      'payload-wrong-type',
      withOptional('{"timestamp":true}'),
      /whole seconds .*got true/,
    ],
    [
      'a fraction of a second',
      'payload-wrong-type',
      withOptional('{"timestamp":1.5}'),
      /whole seconds .*got 1.5/,
    ],
    [
      'a timestamp of 2^63',
      'payload-wrong-type',
      withOptional('{"timestamp":9223372036854775807}'),
      /whole seconds/,
    ],
    [
      'a timestamp beyond integers',
      'payload-wrong-type',
      withOptional('{"timestamp":1e300}'),
      /whole seconds .*got 1e300/,
    ],
    [
      'a timestamp beyond doubles',
      'payload-wrong-type',
      withOptional('{"timestamp":1e400}'),
      /whole seconds .*got 1e400/,
    ],
    [
      'an unknown number beyond doubles',
      'payload-wrong-type',
      withOptional('{"x":[1e400]}'),
      /optional.x holds a number too large/,
    ],
    [
      'another type',
      'not-a-container-signature',
      GOOD.replace(TYPE, 'x'),
      /expected type "atomic container signature", got "x"/,
    ],
    [
      'a type in another case',
      'not-a-container-signature',
      GOOD.replace('atomic c', 'Atomic c'),
      /got "Atomic/,
    ],
    ['a type of null', 'not-a-container-signature', GOOD.replace(`"${TYPE}"`, 'null'), /got ""/],
  ];
  for (const [title, code, payload, message] of faults) {
    it(`rejects ${title}: ${code}`, () => {
      assert.notEqual(payload, GOOD);
      const rejection = rejectionOf(parseClaims(Buffer.from(payload)));
      assert.equal(rejection.code, code);
      assert.match(rejection.message, message);
      assert.notEqual(rejection.hint, '');
      assert.equal(rejection.breaksPulls, false);
    });
  }

  for (const [title, payload] of [
    [
      'a name of a megabyte',
      withOptional(`{"${'x'.repeat(2 ** 20)}":1,"${'x'.repeat(2 ** 20)}":1}`),
    ],
    ['an object over many lines', withOptional('{"creator":{\n\t"a": 1\n}}')],
    ['control characters', withOptional('{"creator":["\u009b31m\u202e"]}')],
  ] as const) {
    it(`keeps the message one short line: ${title}`, () => {
      const { message } = rejectionOf(parseClaims(Buffer.from(payload)));
      assert(message.length < 200, message);
      assert.doesNotMatch(message, /[\p{Cc}\p{Cf}]/u);
    });
  }

  for (const [title, payload] of [
    ['arrays', `${'['.repeat(2_000_000)}${']'.repeat(2_000_000)}`],
    ['objects', withOptional(`${'{"a":'.repeat(600_000)}1${'}'.repeat(600_000)}`)],
    ['brackets in a string', withOptional(`{"a":["${'['.repeat(4_000_000)}"`)],
  ] as const) {
    it(`survives megabytes of nested ${title}`, async () => {
      const took = await measureProcessor(() =>
        assert.equal(rejectionOf(parseClaims(Buffer.from(payload))).code, 'payload-not-json'),
      );
      assert(took < 10_000, `it took ${took} ms`);
    });
  }

  it('agrees with a strict reading of any payload', () => {
    let accepted = 0;
    fc.assert(
      fc.property(anyPayload, anySpaces, (tree, spaces) => {
        const claims = parseClaims(Buffer.from(writeJson(tree, spaces)));
        const expected = readStrictly(tree);
        assert.deepEqual(isRejection(claims) ? undefined : claims, expected);
        if (expected) accepted++;
      }),
      { numRuns: 2000 },
    );
    assert(accepted > 100, `only ${accepted} payloads were good`);
  });

  it('answers any bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseClaims(bytes)));
  });
});

const rarely = (tree: fc.Arbitrary<JsonTree>) =>
  fc.oneof({ weight: 12, arbitrary: tree }, { weight: 1, arbitrary: anyTree });

const anyMembers = (...parts: readonly (readonly [string, fc.Arbitrary<JsonTree>])[]) => {
  const right = fc.tuple(...parts.map(([name, tree]) => fc.tuple(fc.constant(name), rarely(tree))));
  const known = fc.constantFrom(...parts.map(([name]) => name));
  const name = fc.oneof(
    known,
    known.map((text) => text.toUpperCase()),
    fc.string(),
  );
  const wrong = fc.tuple(right, name, anyTree, fc.boolean(), fc.nat({ max: 3 }));
  return fc.oneof(
    { weight: 12, arbitrary: right.map((all) => object(...all)) },
    {
      weight: 1,
      arbitrary: wrong.map(([all, extra, tree, drops, at]) =>
        object(...all.slice(0, at), [extra, tree], ...all.slice(drops ? at + 1 : at)),
      ),
    },
  );
};

/** Mostly right payloads: now and then a member is another, missing, unknown or there twice. */
const anyPayload = (() => {
  const string = fc.string().map(scalar);
  const identity = anyMembers(['docker-reference', string]);
  const image = anyMembers(['docker-manifest-digest', string]);
  const critical = anyMembers(
    ['type', fc.constant(scalar(TYPE))],
    ['image', image],
    ['identity', identity],
  );
  const optional = anyMembers(
    ['creator', string],
    ['timestamp', fc.integer().map(scalar)],
    ['other', anyTree],
  );
  return anyMembers(['critical', critical], ['optional', optional]);
})();

/** The rules of containers/image once more, over a tree in place of text. */
function readStrictly(payload: JsonTree): object | undefined {
  const [top, critical] = nest(payload, ['critical', 'optional'], 'critical');
  const [inner, image] = nest(critical, ['type', 'image', 'identity'], 'image');
  const digest = exactly(image, ['docker-manifest-digest'])?.get('docker-manifest-digest');
  const reference = exactly(inner?.get('identity'), ['docker-reference'])?.get('docker-reference');
  const type = inner?.get('type');
  const optional = exactly(top?.get('optional'));
  if (type?.kind !== 'scalar' || type.value !== TYPE || !optional) return undefined;
  const texts = [digest, reference, optional.get('creator') ?? scalar(null)].map(textOf);
  const [manifestDigest, dockerReference, creator] = texts;
  const timestamp = optional.get('timestamp') ?? scalar(null);
  if (texts.includes(undefined) || timestamp.kind !== 'scalar') return undefined;
  const { value } = timestamp;
  const fits = typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 63;
  if (value !== null && !fits) return undefined;
  return {
    manifestDigest: manifestDigest ?? '',
    dockerReference: dockerReference ?? '',
    creator,
    timestamp: value,
  };
}

function nest(tree: JsonTree | undefined, names: readonly string[], name: string) {
  const members = exactly(tree, names);
  return [members, members?.get(name)] as const;
}

/** The members of an object without duplicates, and with exactly these names if they are given. */
function exactly(
  tree: JsonTree | undefined,
  names?: readonly string[],
): Map<JsonObject['members'][number][0], JsonTree> | undefined {
  if (tree?.kind !== 'object') return undefined;
  const members = new Map(tree.members);
  if (members.size !== tree.members.length) return undefined;
  const isExact =
    !names || (names.length === members.size && names.every((name) => members.has(name)));
  return isExact ? members : undefined;
}

/** A string or null; undefined for anything else. */
function textOf(tree: JsonTree | undefined): string | null | undefined {
  if (tree?.kind !== 'scalar') return undefined;
  return typeof tree.value === 'string' || tree.value === null ? tree.value : undefined;
}
