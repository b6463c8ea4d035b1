/** Keyrings and files of release signatures, each with one thing to look at, and what clusters make of it. */
import { deflateRawSync, deflateSync } from 'node:zlib';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatClaims } from '../../kit/signer/claims.ts';
import { type Signer, type SigningKey } from '../../kit/signer/signer.ts';
import { formatArmor } from '../../fuzz/keys/armor-text.ts';

export const HEX = '3f'.repeat(32);
export const DIGEST = `sha256:${HEX}`;
const REFERENCE = 'quay.io/openshift-release-dev/ocp-release:4.15.0-x86_64';
const OPTIONAL = { creator: 'atomic 5.23.1', timestamp: 1_700_000_000 };

/** One file, judged with one keyring. */
export interface ReleaseCase {
  readonly title: string;
  readonly keyring: Uint8Array;
  readonly bytes: Uint8Array;
  /** Undefined where the cluster-version operator accepts it; `keyring` where it cannot load the keys. */
  readonly code: string | undefined;
}

interface Keys {
  readonly good: SigningKey;
  readonly second: SigningKey;
  readonly stranger: SigningKey;
  readonly dsa: SigningKey;
  readonly p256: SigningKey;
  readonly p384: SigningKey;
  readonly p521: SigningKey;
  readonly ed25519: SigningKey;
  readonly subkey: SigningKey;
  readonly expired: SigningKey;
  readonly revoked: SigningKey;
}

const LONG_AGO = new Date('2020-01-01T00:00:00Z');
const LATER = new Date('2020-01-02T00:00:00Z');

async function makeKeys(signer: Signer): Promise<Keys> {
  const make = signer.makeKey;
  const keys = {
    good: await make({ algorithm: 'rsa2048' }),
    second: await make({ algorithm: 'rsa2048' }),
    stranger: await make({ algorithm: 'rsa2048' }),
    dsa: await make({ algorithm: 'dsa2048' }),
    p256: await make({ algorithm: 'nistp256' }),
    p384: await make({ algorithm: 'nistp384' }),
    p521: await make({ algorithm: 'nistp521' }),
    ed25519: await make({ algorithm: 'ed25519' }),
    subkey: await make({ algorithm: 'rsa2048', subkey: true }),
    expired: await make({ algorithm: 'rsa2048', at: LONG_AGO, expires: '30d' }),
    revoked: await make({ algorithm: 'rsa2048' }),
  };
  return keys;
}

/** The payload of a signature, with members in place of those that it would have. */
function payloadWith(
  critical: Readonly<Record<string, unknown>>,
  optional: unknown = OPTIONAL,
  more: Readonly<Record<string, unknown>> = {},
): string {
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': REFERENCE },
      image: { 'docker-manifest-digest': DIGEST },
      type: 'atomic container signature',
      ...critical,
    },
    optional,
    ...more,
  });
}

/** Payloads by what is odd about them, and the code that they get. */
function payloads(): readonly (readonly [string, string, string?])[] {
  const plain = payloadWith({});
  const identity = (name: string) => payloadWith({ identity: { 'docker-reference': name } });
  const time = (json: string) => plain.replace('1700000000', json);
  return [
    ['an identity that is no image name', identity('utter nonsense !')],
    ['an identity of white space', identity(' ')],
    ['an empty identity', identity(''), 'payload-missing-member'],
    ['no identity', payloadWith({ identity: {} }), 'payload-missing-member'],
    ['an identity that is null', payloadWith({ identity: null }), 'payload-missing-member'],
    ['no optional', payloadWith({}, undefined)],
    ['an optional that is null', payloadWith({}, null)],
    ['an empty optional', payloadWith({}, {})],
    [
      'an additional member in optional',
      payloadWith({}, { approved: 'qa' }),
      'payload-unknown-member',
    ],
    ['an additional member in critical', payloadWith({ more: 1 }), 'payload-unknown-member'],
    ['an additional member at the top', payloadWith({}, {}, { more: 1 }), 'payload-unknown-member'],
    ['names in upper case', plain.replace('"critical"', '"CRITICAL"').replace('"type"', '"Type"')],
    ['a Kelvin sign in a name', plain.replace('docker-reference', 'doc\u212aer-reference')],
    ['a long s in a name', plain.replace('timestamp', 'time\u017ftamp')],
    ['an accent in a name', plain.replace('"type"', '"typé"'), 'payload-unknown-member'],
    [
      'a digest twice, the last one right',
      plain.replace('"image":{', '"image":{"docker-manifest-digest":"x",'),
    ],
    [
      'a digest twice, the last one wrong',
      plain.replace(`"${DIGEST}"`, `"${DIGEST}","docker-manifest-digest":"x"`),
      'digest-mismatch',
    ],
    ['objects in two parts', plain.replace('"critical":{', '"critical":{"type":"x"},"critical":{')],
    ['anything behind the object', `${plain} and more {`],
    ['white space in front', `\n\t ${plain}`],
    ['a byte order mark', `\ufeff${plain}`, 'payload-not-json'],
    ['an array', '[]', 'payload-not-json'],
    ['nothing', '', 'payload-not-json'],
    ['half an object', plain.slice(0, 100), 'payload-not-json'],
    ['a comma too many', plain.replace('}}', ',}}'), 'payload-not-json'],
    [
      'another type',
      payloadWith({ type: 'cosign container image signature' }),
      'not-a-container-signature',
    ],
    [
      'a type in upper case',
      payloadWith({ type: 'ATOMIC CONTAINER SIGNATURE' }),
      'not-a-container-signature',
    ],
    ['a type that is a number', payloadWith({ type: 1 }), 'payload-wrong-type'],
    [
      'another digest',
      payloadWith({ image: { 'docker-manifest-digest': `sha256:${'0'.repeat(64)}` } }),
      'digest-mismatch',
    ],
    [
      'a digest in upper case',
      payloadWith({ image: { 'docker-manifest-digest': DIGEST.toUpperCase() } }),
      'digest-mismatch',
    ],
    ['a time of 1.0', time('1.0'), 'payload-wrong-type'],
    ['a time of 1e3', time('1e3'), 'payload-wrong-type'],
    ['a time of a string', time('"1"'), 'payload-wrong-type'],
    ['a time before 1970', time('-1')],
    ['the last time that there is', time('9223372036854775807')],
    ['a time beyond it', time('9223372036854775808'), 'payload-wrong-type'],
    ['no time', time('null')],
    ['a creator that is a list', payloadWith({}, { creator: [] }), 'payload-wrong-type'],
  ];
}

/** All cases, with keys of gpg's own making. */
export async function makeReleaseCases(signer: Signer): Promise<readonly ReleaseCase[]> {
  const keys = await makeKeys(signer);
  const claims = formatClaims({ dockerReference: REFERENCE, manifestDigest: DIGEST });
  const payload = Buffer.from(claims);
  const exported = async (name: string, ...wanted: SigningKey[]) =>
    readFile(await signer.exportKeys(join(signer.home, name), ...wanted));
  const ring = await exported('good.asc', keys.good);
  const sign = async (key: SigningKey, args: readonly string[] = [], at?: Date) =>
    signer.sign(key, payload, { args, ...(at && { at }) });
  const good = await sign(keys.good);
  const plain = await sign(keys.good, ['--compress-algo', 'none']);
  const cases: ReleaseCase[] = [];
  const add = (title: string, bytes: Uint8Array, code?: string, keyring: Uint8Array = ring) =>
    cases.push({ title, bytes, code, keyring });

  for (const [title, text, code] of payloads()) {
    add(title, await signer.sign(keys.good, Buffer.from(text)), code);
  }
  await addForms(add, { good, plain, sign, keys, signer, payload, exported });
  await addKeyrings(add, { exported, sign, keys, good, signer });
  return cases;
}

type Add = (title: string, bytes: Uint8Array, code?: string, keyring?: Uint8Array) => void;

interface FormParts {
  readonly good: Buffer;
  readonly plain: Buffer;
  readonly sign: (key: SigningKey, args?: readonly string[], at?: Date) => Promise<Buffer>;
  readonly keys: Keys;
  readonly signer: Signer;
  readonly payload: Buffer;
  readonly exported: (name: string, ...keys: SigningKey[]) => Promise<Buffer>;
}

/** The same claims in messages of many forms. */
async function addForms(
  add: Add,
  { good, plain, sign, keys, signer, payload, exported }: FormParts,
): Promise<void> {
  add('as skopeo writes it', good);
  add('not compressed', plain);
  add('compressed with zlib', await sign(keys.good, ['--compress-algo', 'zlib']));
  add('as text', await sign(keys.good, ['--textmode']));
  add('SHA-512', await sign(keys.good, ['--digest-algo', 'SHA512']));
  add('SHA-1', await sign(keys.good, ['--digest-algo', 'SHA1']));
  add('in a frame', Buffer.concat([Buffer.from('\0simple-signing\n'), good]), 'framed');
  add('armored', formatArmor('MESSAGE', good), 'armored');
  add('empty', Buffer.alloc(0), 'empty');
  add('a web page', Buffer.from('<!DOCTYPE html><html></html>'), 'html');
  add('the payload itself', payload, 'bare-json');
  add('a newline behind it', Buffer.concat([plain, Buffer.from('\n')]));
  add('a second message behind it', Buffer.concat([plain, good]));
  add('the message twice within one compressed packet', compressed(Buffer.concat([plain, plain])));
  add('a checksum of zlib that is wrong', zlibWithSum(plain, 0));
  add('compressed twice', compressed(compressed(plain)));
  add('cut in the middle', plain.subarray(0, -40), 'malformed');
  add(
    'one bit changed in the payload',
    withFlipped(plain, plain.indexOf('ocp-release')),
    'bad-signature',
  );
  const detached = await signer.sign(keys.good, payload, { command: '--detach-sign' });
  add('a detached signature', detached, 'detached');
  add('not signed', await signer.sign(keys.good, payload, { command: '--store' }), 'not-signed');
  add('by a stranger', await sign(keys.stranger), 'unknown-signer');
  const shortLived = await sign(keys.expired, ['--default-sig-expire', '1d'], LATER);
  add('expired', shortLived, 'signature-expired', await exported('expired.asc', keys.expired));
  const two = await sign(keys.good, ['--local-user', keys.second.fingerprint]);
  add('signed twice', two, 'multiple-signatures');
  const critical = ['--sig-notation', '!seen@example.test=1'];
  add('a critical notation', await sign(keys.good, critical), 'unsupported-signature');
  add('a notation', await sign(keys.good, ['--sig-notation', 'seen@example.test=1']));
}

type KeyringParts = Omit<FormParts, 'plain' | 'payload'>;

/** The same claims by keys of many kinds, in keyrings of many forms. */
async function addKeyrings(add: Add, parts: KeyringParts): Promise<void> {
  const { exported, sign, keys, signer, good } = parts;
  for (const kind of ['second', 'dsa', 'p256', 'p384', 'p521', 'subkey'] as const) {
    add(
      `by a key ${kind}`,
      await sign(keys[kind]),
      undefined,
      await exported(`${kind}.asc`, keys[kind]),
    );
  }
  const byExpired = await sign(keys.expired, [], LATER);
  add('by a key that has expired', byExpired, undefined, await exported('old.asc', keys.expired));
  const byRevoked = await sign(keys.revoked);
  await signer.revoke(keys.revoked);
  add('by a revoked key', byRevoked, 'key-revoked', await exported('revoked.asc', keys.revoked));
  const ed25519 = await exported('ed.gpg', keys.ed25519);
  const binary = await exported('good.gpg', keys.good);
  const second = await exported('second.gpg', keys.second);
  const rings: readonly (readonly [string, Uint8Array, string?])[] = [
    ['binary', binary],
    ['an Ed25519 key alone', armor(ed25519), 'keyring'],
    ['an Ed25519 key behind the good one', armor(binary, ed25519), 'keyring'],
    ['an Ed25519 key behind the good one, binary', Buffer.concat([binary, ed25519]), 'keyring'],
    ['an Ed25519 key in front of the good one', armor(ed25519, binary)],
    ['an Ed25519 key behind another', armor(binary, second, ed25519)],
    ['an Ed25519 key between two', armor(binary, ed25519, second), 'unknown-signer'],
    ['two keys in one block', armor(second, binary)],
    ['two blocks, the good key in the first', Buffer.concat([armor(binary), armor(second)])],
    [
      'two blocks, the good key in the second',
      Buffer.concat([armor(second), armor(binary)]),
      'unknown-signer',
    ],
    [
      'text in front of the block',
      Buffer.concat([Buffer.from('Release keys:\n\n'), armor(binary)]),
    ],
    ['no key', Buffer.from('nothing\n'), 'keyring'],
    [
      'a block with a wrong checksum',
      formatArmor('PUBLIC KEY BLOCK', binary, { checksum: '=AAAA' }),
      'keyring',
    ],
    ['a block without a checksum', formatArmor('PUBLIC KEY BLOCK', binary, { checksum: '' })],
    ['a block of another type', formatArmor('MESSAGE', binary), 'keyring'],
    ['a block that is cut', armor(binary).subarray(0, 600), 'keyring'],
    ['line ends of Windows', formatArmor('PUBLIC KEY BLOCK', binary, { newline: '\r\n' })],
  ];
  for (const [title, keyring, code] of rings) add(`keyring: ${title}`, good, code, keyring);
}

/** Keyrings in one armor block. */
function armor(...rings: readonly Uint8Array[]): Buffer {
  return formatArmor('PUBLIC KEY BLOCK', Buffer.concat(rings));
}

/** One compressed packet around bytes, as gpg writes it. */
function compressed(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0xa3, 1]), deflateRawSync(bytes)]);
}

function zlibWithSum(bytes: Uint8Array, sum: number): Buffer {
  const stream = deflateSync(bytes);
  stream.writeUInt32BE(sum, stream.length - 4);
  return Buffer.concat([Buffer.from([0xa3, 2]), stream]);
}

function withFlipped(bytes: Buffer, at: number): Buffer {
  return Buffer.from(bytes.with(at, (bytes[at] ?? 0) ^ 1));
}
