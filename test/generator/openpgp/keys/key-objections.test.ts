// What kind of key a key is, by keys that gpg and crafted ones make, and who takes none of that kind.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readKeyPart } from '../../../../generator/openpgp/import/key-part.ts';
import {
  type KeyAlgorithm,
  readKeyAlgorithm,
} from '../../../../generator/openpgp/keys/key-algorithm.ts';
import {
  KEY_JUDGES,
  type KeyJudge,
  listObjections,
} from '../../../../generator/openpgp/keys/key-objections.ts';
import { reportAllKeys } from '../../../../generator/forecast/key-report.ts';
import { readKeyring } from '../../../../generator/openpgp/read-keyring.ts';
import { createSimplePolicy } from '../../../../generator/policy/policy.ts';
import {
  type CraftedAlgorithm,
  type CraftedKey,
  craftKey,
  crossCertify,
  packetOf,
  signMessage,
  signSubkey,
  signUser,
} from '../../../fuzz/keys/crafted-key.ts';
import { run } from '../../../kit/process/run.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { describeWith } from '../../../with-tools.ts';

const BORN = 1_700_000_000;
/** Curves that want a long hash. */
const LONG: ReadonlySet<CraftedAlgorithm> = new Set(['p384', 'p521']);

function algorithmOf(algorithm: CraftedAlgorithm): KeyAlgorithm {
  const part = readKeyPart('primary', craftKey(algorithm, BORN).body);
  assert.ok(part);
  return readKeyAlgorithm(part);
}

function clientsOf(key: KeyAlgorithm, brokenHash?: string): readonly KeyJudge[] {
  return listObjections({ ...key, brokenHash }).map(({ client }) => client);
}

const POLICIES = [
  'rhel-8-default',
  'rhel-9-default',
  'rhel-10-default',
  'rhel-fips',
  'rhel-future',
] as const;
const ROWS: readonly (readonly [CraftedAlgorithm, string, readonly KeyJudge[]])[] = [
  ['rsa', 'RSA-2048', ['rhel-future']],
  ['ed25519', 'Ed25519', ['rhel-fips', 'gnupg-fips', 'go']],
  ['p256', 'ECDSA NIST P-256', []],
  ['p384', 'ECDSA NIST P-384', []],
  ['p521', 'ECDSA NIST P-521', []],
  ['secp256k1', 'ECDSA secp256k1', [...POLICIES, 'sequoia', 'gnupg-fips', 'go']],
  ['brainpoolP256', 'ECDSA brainpoolP256r1', [...POLICIES, 'sequoia', 'gnupg-fips', 'go']],
  ['dsa', 'DSA-2048', [...POLICIES, 'gnupg-fips']],
  ['oldDsa', 'DSA-1024', [...POLICIES, 'sequoia', 'gnupg-fips']],
];

describe('who takes which keys', () => {
  for (const [algorithm, label, clients] of ROWS) {
    it(`knows ${label}`, () => {
      const key = algorithmOf(algorithm);
      assert.equal(key.label, label);
      assert.deepEqual(clientsOf(key), clients);
    });
  }

  it('knows short and long RSA keys', () => {
    const rsa = algorithmOf('rsa');
    assert.deepEqual(clientsOf({ ...rsa, bits: 1024 }), [...POLICIES, 'sequoia', 'gnupg-fips']);
    assert.deepEqual(clientsOf({ ...rsa, bits: 3072 }), []);
  });

  it('knows keys of which all self-signatures have a broken hash', async () => {
    const user = 'U <u@example.test>';
    const clients = async (...hashes: readonly number[]): Promise<readonly string[]> => {
      const key = craftKey('ed25519', BORN);
      const certify = (hash: number) => signUser(key, user, { type: 0x13, created: BORN, hash });
      const bytes = Buffer.concat([
        packetOf.primary(key),
        packetOf.user(user),
        ...hashes.map(certify),
      ]);
      const policy = await createSimplePolicy(await readKeyring([{ path: 'key.gpg', bytes }]));
      const [report] = reportAllKeys(policy, () => false, new Date());
      return report?.objections.map(({ client }) => client) ?? ['none'];
    };
    const others = ['rhel-fips', 'gnupg-fips', 'go'];
    assert.deepEqual(await clients(8), others);
    assert.deepEqual(await clients(2, 8), others);
    const policies = POLICIES.filter((one) => one !== 'rhel-8-default');
    const all = [...policies, 'sequoia', 'gnupg-fips', 'go'];
    assert.deepEqual(await clients(2), all);
  });

  it('knows keys whose signing subkey is bound with a broken hash', async () => {
    const [key, subkey] = [craftKey('rsa', BORN), craftKey('p256', BORN)];
    const user = 'U <u@example.test>';
    const clients = async (...hashes: readonly number[]): Promise<readonly string[]> => {
      const back = crossCertify(key, subkey, { created: BORN });
      const bindings = hashes.map((hash) =>
        signSubkey(key, subkey, { type: 0x18, created: BORN, hash, hashedMore: [back] }),
      );
      const bytes = Buffer.concat([
        packetOf.primary(key),
        packetOf.user(user),
        signUser(key, user, { type: 0x13, created: BORN, flags: 1 }),
        packetOf.subkey(subkey),
        ...bindings,
      ]);
      const policy = await createSimplePolicy(await readKeyring([{ path: 'key.gpg', bytes }]));
      const [report] = reportAllKeys(policy, () => false, new Date());
      return report?.objections.map(({ client }) => client) ?? ['none'];
    };
    assert.deepEqual(await clients(8), []);
    assert.ok((await clients(2)).includes('sequoia'));
  });

  it('names each with what it takes, and a source with a version', () => {
    const all = listObjections({ ...algorithmOf('oldDsa'), brokenHash: 'SHA-1' });
    for (const { client, message, source } of all) {
      assert.ok(message.startsWith(`${KEY_JUDGES[client].name} takes `), message);
      assert.match(source, /[0-9]/);
    }
    assert.deepEqual(clientsOf(algorithmOf('p256'), 'SHA-1'), [
      ...POLICIES.filter((one) => one !== 'rhel-8-default'),
      'sequoia',
    ]);
    assert.deepEqual(clientsOf(algorithmOf('p256'), 'RIPEMD-160'), [
      ...POLICIES,
      'sequoia',
      'gnupg-fips',
    ]);
  });
});

/** Whether gpg calls a message good, by a key that it has just imported. */
async function isGood(
  home: string,
  key: CraftedKey,
  { hash, isFips }: { readonly hash: number; readonly isFips: boolean },
): Promise<boolean> {
  await mkdir(home, { mode: 0o700 });
  const env = isFips ? { LIBGCRYPT_FORCE_FIPS_MODE: '1' } : {};
  const args = ['--batch', '--quiet', '--no-auto-check-trustdb', '--homedir', home];
  const user = 'U <u@example.test>';
  const certification = signUser(key, user, { type: 0x13, created: BORN, hash });
  const input = Buffer.concat([packetOf.primary(key), packetOf.user(user), certification]);
  await run('gpg', [...args, '--import'], { input, env });
  const verify = [...args, '--status-fd', '1', '--verify'];
  const message = signMessage(key, 'payload', BORN + 1, { isUsual: true });
  const { stdout } = await run('gpg', verify, { input: message, env });
  return stdout.includes('[GNUPG:] GOODSIG ');
}

describeWith(['gpg'], 'GnuPG in FIPS mode', () => {
  const directory = useTemporary('suite');

  const samples: readonly (readonly [CraftedAlgorithm, hash: number, string | undefined])[] = [
    ...ROWS.map(([algorithm]) => [algorithm, LONG.has(algorithm) ? 10 : 8, undefined] as const),
    ['rsa', 2, 'SHA-1'],
    ['rsa', 3, 'RIPEMD-160'],
  ];
  for (const [algorithm, hash, brokenHash] of samples) {
    it(`takes ${algorithm} with ${brokenHash ?? 'a good hash'} or not, as is said of it`, async () => {
      const key = craftKey(algorithm, BORN);
      const home = join(directory(), `${algorithm}-${hash}`);
      const objects = clientsOf(algorithmOf(algorithm), brokenHash).includes('gnupg-fips');
      assert.equal(await isGood(`${home}-plain`, key, { hash, isFips: false }), true);
      assert.equal(await isGood(home, key, { hash, isFips: true }), !objects);
    });
  }
});
