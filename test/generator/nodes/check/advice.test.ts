import assert from 'node:assert/strict';
import {
  type AdviceOptions,
  adviseOn,
  adviseOnLayout,
} from '../../../../generator/nodes/check/advice.ts';
import type { NodeFilesOptions } from '../../../../generator/nodes/node-files.ts';
import { parseStoreUrl } from '../../../../generator/nodes/store-url.ts';
import type { Keyring } from '../../../../generator/openpgp/keyring.ts';
import { createPolicy, createScope } from '../../../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
} from '../../../../generator/policy/signed-identity.ts';
import { keyringOf } from '../../../kit/samples/samples.ts';

const DAY = 86_400_000;
const OPTIONS: AdviceOptions = {
  name: 'lookaside',
  url: parseStoreUrl('https://sigs.example'),
  clients: 'any',
  staging: undefined,
  isRootless: false,
  keyForm: 'file',
  byDefault: 'reject',
  existing: undefined,
  now: new Date('2026-01-01T00:00:00Z'),
  expiryWarning: 30 * DAY,
};

const at = (url: string) => ({ url: parseStoreUrl(url) });

describe('generator: advice on files for nodes', () => {
  let keyring: Keyring;
  let expiring: Keyring;
  let revoked: Keyring;
  before(async () => {
    keyring = await keyringOf('lab/keys/lab.gpg');
    expiring = await keyringOf('lab/keys/expired-key.gpg', 'lab/keys/lab.gpg');
    revoked = await keyringOf('lab/keys/revoked-key.gpg');
  });

  const advise = async (
    options: Partial<AdviceOptions> = {},
    name = 'quay.io',
    accepted = keyring,
    signedIdentity: SignedIdentity = DEFAULT_IDENTITY,
  ): Promise<string> => {
    const requirement = { type: 'signedBy', keyring: accepted, signedIdentity } as const;
    // The same keys in two scopes are told of once.
    const scopes = [name, 'other.example'].map((one) => createScope(one, undefined, [requirement]));
    return adviseOn(await createPolicy(scopes), { ...OPTIONS, ...options }).join('\n');
  };
  it('is none where all is well', async () => {
    assert.equal(await advise(), '');
    assert.equal(await advise(at('http://127.0.0.1:8080')), '');
    assert.equal(await advise(at('file:///srv/signatures')), '');
  });

  it('tells of what others can read or withhold', async () => {
    assert.match(
      await advise(at('http://sigs.example')),
      /^nodes read the store over http: .*https$/,
    );
    const secret =
      /^the address of the store has a password or a query in it, .* can read registries\.d$/;
    assert.match(await advise(at('https://a:b@sigs.example')), secret);
    assert.match(await advise(at('https://sigs.example?token=x')), secret);
    assert.doesNotMatch(await advise(at('https://me:s3cret@sigs.example')), /s3cret/);
  });

  it('tells of an address that is that of a registry', async () => {
    assert.match(
      await advise(at('https://quay.io')),
      /^the store has the address of the registry quay\.io: /,
    );
  });

  it("tells that the distribution's file is replaced, but not in a home directory", async () => {
    assert.match(await advise({}, ''), /^registries\.d\/default\.yaml replaces the distribution's/);
    const rootless = await advise({ isRootless: true }, '');
    assert.match(rootless, /^once a home directory has .* are not read for that user$/);
  });

  it('tells of what older clients do not know, where there may be any', async () => {
    const remap = { type: 'remapIdentity', prefix: 'quay.io', signedPrefix: 'h.example' } as const;
    assert.match(
      await advise({}, 'quay.io', keyring, remap),
      /^clients before .* refuse a policy with remapIdentity: for such nodes, /,
    );
    assert.match(await advise({}, '*.example'), /^clients before .* \*\.DOMAIN scopes$/);
    assert.equal(await advise({ clients: '5.22+' }, '*.example', keyring, remap), '');
  });

  it('tells what skopeo keeps of the signatures of others', async () => {
    // That the store is read over http does not matter: the machine does not read it.
    assert.match(
      await advise({ staging: '/srv', ...at('http://sigs.example') }),
      /^skopeo copy keeps the signatures in \/srv,.*podman push overwrites them/,
    );
  });

  const limited: Readonly<Record<string, readonly [any: RegExp, newer: RegExp]>> = {
    'lab.gpg': [/^$/, /^$/],
    'ecdsa-p256.gpg': [/^$/, /^$/],
    'ed25519.gpg': [
      /^the key [0-9A-F]{40} \(.*\) is for EdDSA, which .*containers_image_openpgp.*RSA$/,
      /^$/,
    ],
    'with-subkey.gpg': [
      /^the key [0-9A-F]{40} \(.*\) has a subkey that signs: podman before 5\.7 and skopeo before 1\.21 refuse .*$/,
      /^the key [0-9A-F]{40} \(.*\) has a subkey that signs: /,
    ],
    'rsa1024.gpg': [
      /^the key [0-9A-F]{40} \(.*\) is RSA-1024, which RHEL 9 and clients built with Sequoia refuse; .*$/,
      /^the key [0-9A-F]{40} \(.*\) is RSA-1024, /,
    ],
    'dsa2048.gpg': [
      /^the key [0-9A-F]{40} \(.*\) is DSA, which RHEL 9 /,
      /^the key [0-9A-F]{40} \(.*\) is DSA, which RHEL 9 /,
    ],
  };
  for (const [file, [any, newer]] of Object.entries(limited)) {
    it(`tells of a key that some clients cannot use, by its name: ${file}`, async () => {
      const accepted = await keyringOf(`lab/keys/${file}`);
      assert.match(await advise({}, 'quay.io', accepted), any);
      assert.match(await advise({ clients: '5.22+' }, 'quay.io', accepted), newer);
    });
  }

  it('tells of a key that is revoked, and of one that cannot sign', async () => {
    const [{ fingerprint } = { fingerprint: '' }] = revoked.keys;
    const sentence = / is revoked; nodes then refuse .*: sign with another key, and install/;
    assert.match(await advise({}, 'quay.io', revoked), sentence);
    const lives = new Map([[fingerprint, { isRevoked: false, signers: new Map() }]]);
    const mute = / cannot sign; nodes .*: give it a subkey that can sign, and install/;
    assert.match(await advise({}, 'quay.io', { ...revoked, lives }), mute);
  });

  it('tells of each key that expires, once', async () => {
    const [key] = expiring.keys;
    assert.ok(key?.expires);
    const expires = Date.parse(key.expires);
    const told = async (days: number, expiryWarning = 30 * DAY): Promise<string> =>
      advise({ now: new Date(expires - days * DAY), expiryWarning }, 'quay.io', expiring);
    const start = `the key ${key.fingerprint} (`;
    assert.equal(await told(31), '');
    assert.equal(await told(1, 0), '');
    assert.ok((await told(29)).startsWith(start));
    assert.match(await told(29), /\) expires on \S+Z; .* install the files again$/);
    assert.match(await told(-1), /\) expired on \S+Z; /);
    assert.match(await told(-1, 0), /\) expired on \S+Z; /);
    assert.equal((await told(29)).split('\n').length, 1);
  });
});

const LAYOUT: NodeFilesOptions = { ...OPTIONS, byDefault: 'insecureAcceptAnything' };

const adviseBeside = (options: Partial<NodeFilesOptions> = {}, name = 'quay.io'): string => {
  const scopes = [createScope(name, undefined, [{ type: 'insecureAcceptAnything' }])];
  return adviseOnLayout(scopes, { ...LAYOUT, ...options }).join('\n');
};

describe('generator: advice on what nodes already have', () => {
  const existing = { default: [{ type: 'reject' }], transports: {} };

  it('tells of other files with the same scopes', () => {
    assert.match(
      adviseBeside({ existing }),
      /^nodes fail every pull if another file .* has one of .*$/,
    );
    assert.match(
      adviseBeside({}, ''),
      /^nodes fail every pull .* has default-docker or one of these/,
    );
  });

  it('tells that the policy is replaced, where it is not merged', () => {
    assert.match(
      adviseBeside(),
      /^the policy\.json of nodes is replaced as a whole: --merge FILE keeps/m,
    );
    assert.doesNotMatch(adviseBeside({ existing }), /replaced/);
  });

  it('tells what a rejecting default does to local images', () => {
    const rejecting = { byDefault: 'reject' } as const;
    assert.match(
      adviseBeside(rejecting),
      /^--default reject also refuses images from dir:, oci:, .*load/m,
    );
    assert.match(
      adviseBeside({ ...rejecting, staging: '/s' }),
      /so skopeo copy --sign-by fails: use --merge/,
    );
    assert.doesNotMatch(adviseBeside(), /--default reject/);
  });

  it('tells that --default does not hold beside keys for all images', () => {
    const kept = /^keys without a scope apply to all other images from registries: --default /m;
    assert.match(adviseBeside({ existing }, ''), kept);
    assert.doesNotMatch(adviseBeside(), kept);
    assert.doesNotMatch(adviseBeside({ existing, byDefault: undefined }, ''), kept);
  });

  it('tells users of Docker Hub from its official images', () => {
    assert.match(
      adviseBeside({}, 'docker.io/busybox'),
      /^docker\.io\/busybox covers images of the user busybox; .* docker\.io\/library\/busybox$/m,
    );
    for (const name of ['docker.io', 'docker.io/library', 'docker.io/a/b', 'quay.io/busybox']) {
      assert.doesNotMatch(adviseBeside({}, name), /of the user/);
    }
  });
});
