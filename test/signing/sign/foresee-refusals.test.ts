import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { createPolicy, createScope } from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { foreseeRefusals } from '../../../signing/sign/foresee-refusals.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const HOST = 'registry.example';
const AT = new Date('2020-02-01T00:00:00Z');

describeWith(['gpg'], 'what is foreseen of a signature', () => {
  const directory = useTemporary();
  let signer: Signer;
  before(async () => {
    signer = await makeSigner();
  });
  after(() => signer.stop());

  /** What is said of one by `key`, for an image in the scope of `own` or that of `other`. */
  const foresee = async (
    key: SigningKey,
    own: SigningKey,
    other: SigningKey,
    repository = 'own/app',
  ): Promise<string | undefined> => {
    const scopes = Object.entries({ own, other }).map(async ([name, accepted]) => {
      const path = await signer.exportKeys(join(directory(), `${name}-${Math.random()}`), accepted);
      const keyring = await readKeyring([{ path, bytes: await readFile(path) }]);
      const signedBy = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const;
      return createScope(`${HOST}/${name}`, undefined, [signedBy]);
    });
    const policy = await createPolicy(await Promise.all(scopes));
    const identity = `${HOST}/${repository}:v1`;
    const statement = { image: identity, part: null, identity, digestHex: 'ab'.repeat(32) };
    const refusals = await foreseeRefusals([statement], policy, key.fingerprint, new Date());
    return [...refusals.values()][0]?.code;
  };

  it('is what the rules say of the key', async () => {
    const make = async (options: Parameters<Signer['makeKey']>[0]): Promise<SigningKey> =>
      signer.makeKey({ algorithm: 'ed25519', ...options });
    const [own, other, stranger] = [await make({}), await make({}), await make({})];
    const parted = await make({ subkey: true });
    const expired = await make({ at: AT, expires: '1y' });
    const ended = await make({ at: AT, expires: 'none', subkey: true, subkeyExpires: '1y' });
    const certifying = await make({ usage: 'cert' });
    const revoked = await make({});
    await signer.revoke(revoked);
    assert.equal(await foresee(own, own, other), undefined);
    assert.equal(await foresee(parted, parted, other), undefined);
    assert.equal(await foresee(stranger, own, other), 'unknown-signer');
    assert.equal(await foresee(other, own, other), 'signer-not-accepted');
    assert.equal(await foresee(own, own, other, 'else/app'), 'out-of-scope');
    assert.equal(await foresee(expired, expired, other), 'key-expired');
    assert.equal(await foresee(ended, ended, other), 'key-expired');
    assert.equal(await foresee(certifying, certifying, other), 'unknown-signer');
    assert.equal(await foresee(revoked, revoked, other), 'key-revoked');
  });
});
