import assert from 'node:assert/strict';
import type { Judge } from '../../../generator/gate/judge.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import {
  type SignedBy,
  createPolicy,
  createScope,
  keepIn,
} from '../../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
} from '../../../generator/policy/signed-identity.ts';
import { parseLocation } from '../../../generator/terms/location.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { judgeOf, keyringOf, readVector } from '../../kit/samples/samples.ts';
import { describeWith } from '../../with-tools.ts';

const HEX = 'e3f12513a4b22a2d7c0e7c9207f52128113758d9d68c7d06b11a0ac7672966f7';
const STORE = 'https://access.redhat.com/webassets/docker/content/sigstore';

const by = (keyring: Keyring, signedIdentity: SignedIdentity = DEFAULT_IDENTITY): SignedBy => ({
  type: 'signedBy',
  keyring,
  signedIdentity,
});
const vendor = (requirement: SignedBy) =>
  keepIn(STORE, createScope('registry.access.redhat.com', undefined, [requirement]));
const mirror = (keyring: Keyring) =>
  createScope('mirror.example/redhat', undefined, [
    by(keyring, {
      type: 'remapIdentity',
      prefix: 'mirror.example/redhat',
      signedPrefix: 'registry.access.redhat.com',
    }),
  ]);
const all = (keyring: Keyring) => createScope('', undefined, [by(keyring)]);

/** A signature of registry.access.redhat.com/rhel7:7.6 by Red Hat. */
describeWith(['gpgv'], 'generator: the gate, for images of another store', () => {
  let redHat: Keyring;
  let lab: Keyring;
  let bytes: Buffer;
  before(async () => {
    [redHat, lab] = await Promise.all([
      keyringOf('redhat/release-key.asc'),
      keyringOf('lab/keys/lab.gpg'),
    ]);
    bytes = await readVector('redhat/rhel7-7.6.signature');
  });

  const verdictAt = async (repository: string, judge: Judge): Promise<string> => {
    const location = parseLocation(`${repository}@sha256=${HEX}/signature-1`);
    assert.ok(location);
    const verdict = await judge.judge(location, bytes, new Date());
    return isRejection(verdict) ? verdict.code : verdict.scope.name;
  };
  it('rejects what its keys have signed, and what others have', async () => {
    for (const keyring of [redHat, lab]) {
      const judge = await judgeOf(await createPolicy([vendor(by(keyring))]));
      assert.equal(await verdictAt('rhel7', judge), 'other-store');
    }
  });

  it('rejects it where nodes have the keys and nobody here does', async () => {
    const { keyring, ...requirement } = by(lab);
    const none = { ...keyring, keys: [], find: () => [], parts: [], blocks: [], imported: [] };
    const unknown = { ...requirement, keyring: none, keyPaths: ['/etc/pki/key'] };
    const judge = await judgeOf(await createPolicy([vendor(unknown), all(lab)]));
    assert.equal(await verdictAt('rhel7', judge), 'other-store');
  });

  it('accepts it where a mirror has it, by keys of its own', async () => {
    const judge = await judgeOf(await createPolicy([vendor(by(redHat)), mirror(redHat), all(lab)]));
    assert.equal(await verdictAt('redhat/rhel7', judge), 'mirror.example/redhat');
    assert.equal(await verdictAt('rhel7', judge), 'other-store');
    const strict = await judgeOf(await createPolicy([vendor(by(redHat)), mirror(lab)]));
    assert.notEqual(await verdictAt('redhat/rhel7', strict), 'mirror.example/redhat');
  });

  it('does not lend its keys to other scopes', async () => {
    const { keyring } = await createPolicy([vendor(by(redHat)), all(lab)]);
    assert.deepEqual(
      keyring?.keys.map(({ fingerprint }) => fingerprint),
      lab.keys.map(({ fingerprint }) => fingerprint),
    );
  });
});
