import assert from 'node:assert/strict';
import { type KeyObject, createHash, createPublicKey, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { chooseInstances, parseManifest } from '../../../generator/resolve/manifest.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { generateEc } from '../../kit/signer/generate-key.ts';

const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const HEXES = ['ab', 'cd', 'ef'].map((pair) => pair.repeat(32));
const [A, B, C] = HEXES.map((hex) => `sha256:${hex}`);

const parse = (value: unknown) => parseManifest(Buffer.from(JSON.stringify(value)));
const instancesOf = (value: unknown) => {
  const found = parse(value) ?? assert.fail('it is no manifest');
  return found.instances?.map(({ platform, digestHex }) => [platform, HEXES.indexOf(digestHex)]);
};
const on = (digest: unknown, platform?: unknown) => ({ digest, platform });
const linux = (architecture: string, variant?: string) => ({ os: 'linux', architecture, variant });

describe('generator: manifests', () => {
  it('are taken for lists by their type, or for what they hold', () => {
    const manifests = [on(A, linux('amd64')), on(B, linux('arm', 'v7'))];
    const expected = [
      ['linux/amd64', 0],
      ['linux/arm/v7', 1],
    ];
    for (const mediaType of [LIST, INDEX, undefined]) {
      assert.deepEqual(instancesOf({ schemaVersion: 2, mediaType, manifests }), expected);
    }
    assert.deepEqual(instancesOf({ schemaVersion: 2, mediaType: INDEX }), []);
  });

  it('of other types are plain, a chart too', () => {
    const config = { mediaType: 'application/vnd.cncf.helm.config.v1+json', digest: A, size: 2 };
    for (const mediaType of [undefined, 'application/vnd.oci.image.manifest.v1+json', 'x/y']) {
      const chart = { schemaVersion: 2, mediaType, config, layers: [] };
      assert.equal(instancesOf(chart), undefined);
    }
    const odd = { schemaVersion: 2, mediaType: 'x/y', manifests: [on(A, linux('amd64'))] };
    assert.equal(instancesOf(odd), undefined);
  });

  it('of which no node has the platform are left out', () => {
    const manifests = [
      on(A, { os: 'unknown', architecture: 'unknown' }),
      on(A, { os: 'linux' }),
      on(A, { os: 'linux', architecture: '' }),
      on(A, { os: 'lin/ux', architecture: 'a' }),
      on('sha512:ab', linux('amd64')),
      on(`${A}x`, linux('amd64')),
      on(7, linux('amd64')),
      7,
      null,
      on(C, linux('arm64', '')),
    ];
    assert.deepEqual(instancesOf({ schemaVersion: 2, manifests }), [['linux/arm64', 2]]);
    assert.equal(parse({ schemaVersion: 2, manifests })?.companions, manifests.length - 1);
  });

  it('without a platform are for any other, in an index', () => {
    const manifests = [on(A, linux('amd64')), on(B), on(C, null)];
    const named = [['linux/amd64', 0]];
    const all = [...named, ['any other', 1]];
    assert.deepEqual(instancesOf({ schemaVersion: 2, manifests }), all);
    assert.deepEqual(instancesOf({ schemaVersion: 2, mediaType: INDEX, manifests }), all);
    assert.deepEqual(instancesOf({ schemaVersion: 2, mediaType: LIST, manifests }), named);
  });

  it('of one platform may be several, of which the first counts', () => {
    const manifests = [A, B, A].map((digest) => on(digest, linux('amd64')));
    assert.deepEqual(instancesOf({ schemaVersion: 2, manifests }), [['linux/amd64', 0]]);
  });

  it('may be lists again', () => {
    const manifests = [{ ...on(A, linux('amd64')), mediaType: INDEX }];
    assert.equal(parse({ schemaVersion: 2, manifests })?.instances?.[0]?.isList, true);
  });

  it('have the digest of their bytes', () => {
    const text = ' {"schemaVersion": 2}\n';
    const hex = createHash('sha256').update(text).digest('hex');
    assert.equal(parseManifest(Buffer.from(text))?.digestHex, hex);
  });

  it('are never what merely looks like one, and nothing throws', () => {
    for (const value of [null, 7, 'x', [], {}, { schemaVersion: '2' }]) {
      assert.equal(parse(value), undefined);
    }
    const signatures = fc.array(
      fc.record({ protected: fc.oneof(fc.string(), fc.base64String()) }, { requiredKeys: [] }),
    );
    const made = fc.record({
      schemaVersion: fc.constantFrom(1, 2),
      manifests: fc.array(fc.jsonValue()),
      signatures,
    });
    fc.assert(fc.property(made, (value) => assert.ok(parse(value))));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseManifest(bytes)));
  });
});

/** As libtrust names a key: 240 bits of a hash in base32, in groups of four. */
function keyIdOf(key: KeyObject): string {
  const hash = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest();
  const bits = [...hash.subarray(0, 30)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = bits.replaceAll(/.{5}/g, (five) => {
    return 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.charAt(Number.parseInt(five, 2));
  });
  return letters.replaceAll(/.{4}(?=.)/g, '$&:');
}

describeWith(['skopeo'], 'generator: the digest of a signed manifest of schema 1', () => {
  const directory = useTemporary();

  it('is that which skopeo computes', async () => {
    const payload = '{\n   "schemaVersion": 1,\n   "name": "team/app",\n   "tag": "v1"\n}';
    const formatLength = payload.length - 2;
    const formatTail = Buffer.from(payload.slice(formatLength)).toString('base64url');
    const header = JSON.stringify({ formatLength, formatTail, time: '2026-01-01T00:00:00Z' });
    const protectedHeader = Buffer.from(header).toString('base64url');
    const privateKey = generateEc('P-256');
    const publicKey = createPublicKey(privateKey);
    const input = `${protectedHeader}.${Buffer.from(payload).toString('base64url')}`;
    const bytes = sign('sha256', Buffer.from(input), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    const signature = {
      header: {
        jwk: { ...publicKey.export({ format: 'jwk' }), kid: keyIdOf(publicKey) },
        alg: 'ES256',
      },
      signature: bytes.toString('base64url'),
      protected: protectedHeader,
    };
    const head = payload.slice(0, formatLength);
    const text = `${head},\n   "signatures": [${JSON.stringify(signature)}]\n}`;
    const file = join(directory(), 'manifest.json');
    await writeFile(file, text);
    const { stdout } = await runOrThrow('skopeo', ['manifest-digest', file]);
    assert.equal(`sha256:${parseManifest(Buffer.from(text))?.digestHex}`, stdout.trim());
    const plain = createHash('sha256').update(payload).digest('hex');
    assert.equal(stdout.trim(), `sha256:${plain}`);
  });
});

const choose = (platforms: readonly string[], wanted: string) =>
  chooseInstances(
    platforms.map((platform) => ({ platform, digestHex: '', isList: false })),
    wanted,
  ).map(({ platform }) => platform);

describe('generator: what nodes choose of a list', () => {
  const cases: readonly (readonly [readonly string[], wanted: string, readonly string[]])[] = [
    [['linux/amd64', 'linux/arm64'], 'linux/arm64', ['linux/arm64']],
    [['linux/amd64', 'linux/arm64'], 'linux/arm64/v8', ['linux/arm64']],
    [['linux/arm64', 'linux/arm64/v8'], 'linux/arm64/v8', ['linux/arm64/v8']],
    [['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v7', ['linux/arm/v6']],
    [['linux/arm/v7'], 'linux/arm/v6', []],
    [['linux/arm/v6', 'linux/arm/v7'], 'linux/arm', ['linux/arm/v6', 'linux/arm/v7']],
    [['linux/amd64', 'linux/amd64/v3'], 'linux/amd64/v2', ['linux/amd64']],
    [['linux/amd64', 'any other'], 'linux/s390x', ['any other']],
    [['linux/amd64', 'any other'], 'linux/arm64/v8', ['any other']],
    [['linux/amd64', 'any other'], 'linux/amd64', ['linux/amd64']],
    [['linux/arm64'], 'linux/arm', []],
  ];
  for (const [platforms, wanted, chosen] of cases) {
    it(`${wanted} of ${platforms.join(', ')}`, () => {
      assert.deepEqual(choose(platforms, wanted), chosen);
    });
  }
});
