import assert from 'node:assert/strict';
import {
  PolicyFileError,
  findPrivateData,
  parsePolicyFile,
} from '../../../generator/policy/policy-json.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';

const ANYTHING = '[{"type":"insecureAcceptAnything"}]';
const KEY_PATH = '"keyPath":"/etc/keys/a.gpg"';
const one = (requirement: string) => `{"default":[${requirement}]}`;
const signedBy = (fields: string) => one(`{"type":"signedBy",${fields}}`);
const GPG = '"keyType":"GPGKeys"';
const scoped = (scopes: string) => `{"default":${ANYTHING},"transports":{"docker":{${scopes}}}}`;

describe('generator: policy.json', () => {
  it('is read with its scopes for registries, and no others', () => {
    const policy = parsePolicyFile(`{
      "default": [{"type": "reject"}],
      "transports": {
        "docker": {
          "quay.io": [{"type": "signedBy", ${GPG}, "keyPaths": ["/a.gpg", "/b.gpg"]}],
          "quay.io/ns": [
            {"type": "signedBy", ${GPG}, "keyData": "a2V5", "signedIdentity": {"type": "matchExact"}},
            {"type": "insecureAcceptAnything"}
          ]
        },
        "docker-daemon": {"": ${ANYTHING}},
        "unknown": {"any scope": ${ANYTHING}}
      }
    }`);
    assert.deepEqual([...policy.keys()], ['', 'quay.io', 'quay.io/ns']);
    assert.deepEqual(policy.get(''), [{ type: 'unmeetable', what: 'rejects every image' }]);
    assert.deepEqual(policy.get('quay.io'), [
      {
        type: 'signedBy',
        keyPaths: ['/a.gpg', '/b.gpg'],
        keyData: undefined,
        signedIdentity: DEFAULT_IDENTITY,
      },
    ]);
    assert.deepEqual(policy.get('quay.io/ns'), [
      {
        type: 'signedBy',
        keyPaths: [],
        keyData: Buffer.from('key'),
        signedIdentity: { type: 'matchExact' },
      },
      { type: 'insecureAcceptAnything' },
    ]);
  });

  for (const [title, keyData, expected] of [
    ['line breaks', '"a2\\n\\r\\nV5\\n"', 'key'],
    ['line breaks in its padding', '"a2V5a2V5MQ=\\n=\\n"', 'keykey1'],
    ['nothing in it', '""', ''],
    ['its bytes as numbers', '[107,101,null]', 'ke\0'],
  ] as const) {
    it(`takes keyData with ${title}, as encoding/json does`, () => {
      const [requirement] = parsePolicyFile(signedBy(`${GPG},"keyData":${keyData}`)).get('') ?? [];
      assert.ok(requirement?.type === 'signedBy' && requirement.keyData);
      assert.equal(Buffer.from(requirement.keyData).toString(), expected);
    });
  }

  it('has what the transport says of all else before the default', () => {
    const policy = parsePolicyFile(scoped('"":[{"type":"reject"}]'));
    assert.equal(policy.get('')?.[0]?.type, 'unmeetable');
    assert.equal(
      parsePolicyFile(`{"default":${ANYTHING}}`).get('')?.[0]?.type,
      'insecureAcceptAnything',
    );
  });

  const unmeetable: readonly (readonly [string, string])[] = [
    ['{"type":"reject"}', 'rejects every image'],
    [
      `{"type":"signedBy","keyType":"X509Certificates",${KEY_PATH}}`,
      'asks for X509Certificates keys',
    ],
    [
      `{"type":"signedBy","keyType":"signedByGPGKeys",${KEY_PATH}}`,
      'asks for signedByGPGKeys keys',
    ],
    [
      `{"type":"signedBy","keyType":"signedByX509CAs",${KEY_PATH}}`,
      'asks for signedByX509CAs keys',
    ],
    [`{"type":"signedBy",${GPG},"keyPaths":[]}`, 'names no keys'],
    [`{"type":"sigstoreSigned",${KEY_PATH}}`, 'asks for a sigstore signature'],
    ['{"type":"sigstoreSigned","keyData":"Zm9v\\nIGJhcg==\\n"}', 'asks for a sigstore signature'],
    [
      '{"type":"sigstoreSigned","keyData":"","rekorPublicKeyPath":null}',
      'asks for a sigstore signature',
    ],
    [
      '{"type":"sigstoreSigned","fulcio":{"caPath":"/ca","oidcIssuer":"i","subjectEmail":"e"},"rekorPublicKeyPath":"/r","signedIdentity":{"type":"matchRepository"}}',
      'asks for a sigstore signature',
    ],
    [
      '{"type":"sigstoreSigned","pki":{"caRootsPath":"/ca","subjectEmail":"e"}}',
      'asks for a sigstore signature',
    ],
    [
      '{"type":"sigstoreSigned","keyDatas":["a2V5"],"rekorPublicKeyDatas":["a2V5"]}',
      'asks for a sigstore signature',
    ],
    [
      '{"type":"signedBaseLayer","baseLayerIdentity":{"type":"matchExact"}}',
      'asks for signedBaseLayer',
    ],
  ];
  for (const [requirement, what] of unmeetable) {
    it(`takes for unmeetable: ${requirement}`, () => {
      const type = what.includes('sigstore') ? 'elsewhere' : 'unmeetable';
      assert.deepEqual(parsePolicyFile(one(requirement)).get(''), [{ type, what }]);
    });
  }

  const faults: readonly (readonly [string, string, RegExp])[] = [
    ['nothing', '', /^expected JSON$/],
    ['YAML', 'default: []', /^expected JSON$/],
    ['a comment', `{"default":${ANYTHING}} // x`, /^expected JSON$/],
    ['something behind', `{"default":${ANYTHING}} {}`, /^expected JSON$/],
    ['deep nesting', '['.repeat(20_000) + ']'.repeat(20_000), /^expected JSON$/],
    ['deep nesting inside', `{"default":${'['.repeat(9000)}${']'.repeat(9000)}}`, /^default/],
    ['an array', '[]', /the file/],
    ['null', 'null', /the file/],
    ['no default', '{"transports":{}}', /^default: /],
    ['no requirement', '{"default":[]}', /^default: expected at least one requirement$/],
    [
      'no requirement of a scope',
      scoped('"quay.io":[]'),
      /quay\.io: expected at least one requirement$/,
    ],
    ['a default that is no list', '{"default":{"type":"reject"}}', /^default: /],
    ['an unknown member', `{"default":${ANYTHING},"extra":1}`, /extra/],
    ['transports that are no object', `{"default":${ANYTHING},"transports":[]}`, /^transports: /],
    ['scopes that are no object', `{"default":${ANYTHING},"transports":{"docker":[]}}`, /docker: /],
    [
      'a fault in a scope of another transport',
      `{"default":${ANYTHING},"transports":{"atomic":{"x":[]}}}`,
      /^transports\.atomic\.x: /,
    ],
    [
      'a member twice',
      `{"default":${ANYTHING},"default":${ANYTHING}}`,
      /each member once, .* line 1$/,
    ],
    [
      'a scope twice',
      `{"default":${ANYTHING},\n"transports":{"docker":{"a":${ANYTHING},\n"a":${ANYTHING}}}}`,
      /each member once, got one twice in line 3$/,
    ],
    [
      'a member twice, once escaped',
      `{"default":${ANYTHING},"d\\u0065fault":${ANYTHING}}`,
      /each member once/,
    ],
    ['an unknown type', one('{"type":"Reject"}'), /default\.0/],
    ['no type', one('{}'), /default\.0/],
    ['a requirement that is a word', one('"reject"'), /default\.0/],
    ['more than a type', one('{"type":"reject","x":1}'), /default\.0.*x/],
    ['more than a type', one('{"type":"insecureAcceptAnything","keyType":"GPGKeys"}'), /keyType/],
    ['no keyType', signedBy(KEY_PATH), /keyType/],
    ['an unknown keyType', signedBy(`"keyType":"gpg",${KEY_PATH}`), /keyType/],
    ['no key', signedBy(GPG), /exactly one of keyPath, keyPaths and keyData/],
    ['two keys', signedBy(`${GPG},${KEY_PATH},"keyPaths":["/a"]`), /exactly one of keyPath/],
    ['two other keys', signedBy(`${GPG},${KEY_PATH},"keyData":"a2V5"`), /exactly one of keyPath/],
    [
      'an empty keyPath',
      signedBy(`${GPG},"keyPath":""`),
      /^default\.0\.keyPath: expected the path of a key file, got ""$/,
    ],
    [
      'an empty keyPath of sigstore',
      one('{"type":"sigstoreSigned","keyPath":""}'),
      /^default\.0: expected exactly one of .*, got an empty keyPath: skopeo 1\.9 takes it, newer clients do not$/,
    ],
    [
      'an empty keyPath and empty keyData of sigstore',
      one('{"type":"sigstoreSigned","keyPath":"","keyData":""}'),
      /^default\.0: expected keyPath or keyData, got both: skopeo 1\.9 refuses that$/,
    ],
    [
      'no key paths of sigstore',
      one('{"type":"sigstoreSigned","keyPaths":[]}'),
      /^default\.0\.keyPaths: expected at least one path, got none$/,
    ],
    [
      'the root as a path',
      `{"default":${ANYTHING},"transports":{"dir":{"/":${ANYTHING}}}}`,
      /^transports\.dir: expected "" for all paths, got "\/"$/,
    ],
    ['a keyPath of another type', signedBy(`${GPG},"keyPath":1`), /keyPath/],
    ['keyPaths that are null', signedBy(`${GPG},"keyPaths":null`), /keyPaths/],
    ['keyPaths of another type', signedBy(`${GPG},"keyPaths":"/a"`), /keyPaths/],
    ...['?', 'a2V', 'a2V5 ', 'a2==V5', '_-==', '===='].map(
      (text) =>
        [
          'keyData that is no base64',
          signedBy(`${GPG},"keyData":"${text}"`),
          /keyData: expected padded base64 without spaces$/,
        ] as const,
    ),
    ['keyData that is null', signedBy(`${GPG},"keyData":null`), /keyData/],
    ['keyData that is no list of bytes', signedBy(`${GPG},"keyData":[256]`), /keyData/],
    [
      'a scope of another transport',
      `{"default":${ANYTHING},"transports":{"docker":{},"oci":{"images":${ANYTHING}}}}`,
      /^transports\.oci: expected an absolute path, got "images"$/,
    ],
    ['an unknown field', signedBy(`${GPG},${KEY_PATH},"keyring":1`), /keyring/],
    [
      'a wrong identity',
      signedBy(`${GPG},${KEY_PATH},"signedIdentity":{"type":"x"}`),
      /signedIdentity/,
    ],
    ['a null identity', signedBy(`${GPG},${KEY_PATH},"signedIdentity":null`), /signedIdentity/],
    ['a sigstore field that is unknown', one('{"type":"sigstoreSigned","key":"/a"}'), /key/],
    ...(
      [
        ['no trust', '', /expected exactly one of keyPath, /],
        ['two trusts', '"keyPath":"/a","keyData":"a2V5"', /expected exactly one of keyPath, /],
        ['a path of another type', '"keyPath":5', /keyPath/],
        ['no path in a list', '"keyPaths":[]', /keyPaths/],
        ['data that is no base64', '"keyData":"#"', /keyData/],
        ['fulcio without a subject', '"fulcio":{"caPath":"/a","oidcIssuer":"i"}', /subjectEmail/],
        [
          'fulcio without Rekor',
          '"fulcio":{"caPath":"/a","oidcIssuer":"i","subjectEmail":"e"}',
          /Rekor public key/,
        ],
        [
          'pki with Rekor',
          '"pki":{"caRootsPath":"/a","subjectEmail":"e"},"rekorPublicKeyPath":"/r"',
          /no Rekor public key/,
        ],
        ['pki without a subject', '"pki":{"caRootsPath":"/a"}', /subjectEmail or subjectHostname/],
        ['pki without roots', '"pki":{"subjectEmail":"e"}', /exactly one of caRootsPath/],
        [
          'two Rekor keys',
          '"keyPath":"/a","rekorPublicKeyPath":"/r","rekorPublicKeyData":"a2V5"',
          /at most one of rekor/,
        ],
      ] as const
    ).map(
      ([title, fields, message]) =>
        [
          `sigstore with ${title}`,
          one(`{"type":"sigstoreSigned"${fields && `,${fields}`}}`),
          message,
        ] as const,
    ),
    ['no base layer', one('{"type":"signedBaseLayer"}'), /baseLayerIdentity/],
  ];
  for (const [title, text, message] of faults) {
    it(`is refused with ${title}: ${text.slice(0, 60)}`, () => {
      assert.throws(
        () => parsePolicyFile(text),
        (error) => {
          assert(error instanceof PolicyFileError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('has members of any name that JSON allows', () => {
    const text = `{"default":${ANYTHING},"transports":{"docker":{"toString":${ANYTHING},"constructor":[{"type":"reject"}]}}}`;
    assert.deepEqual([...parsePolicyFile(text).keys()].toSorted(), ['', 'constructor', 'toString']);
  });

  it('gives away a private key, also one that is written as numbers', () => {
    // The head of a version 4 secret key packet.
    const secret = Buffer.from([0x94, 0x03, 0x04, 0x00, 0x00]);
    for (const data of [secret.toString('base64'), [...secret]]) {
      const text = JSON.stringify({ transports: { atomic: { x: [{ keyData: data }] } } });
      assert.equal(findPrivateData(text)?.where, 'transports.atomic.x.0.keyData');
    }
  });
});
