import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describeWith } from '../../with-tools.ts';
import { run } from '../process/run.ts';
import { makeSigner, type Signer, type SigningKey } from './signer.ts';
import { writeSignature } from './signature-tree.ts';
import { useTemporary } from '../temporary.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const CLAIMS = { dockerReference: 'registry.example/team/app:v1', manifestDigest: DIGEST };

describeWith(['gpg', 'gpgv'], 'the harness: signer', () => {
  const directory = useTemporary();
  let signer: Signer;
  before(async () => {
    signer = await makeSigner();
  });
  after(() => signer.stop());

  async function verify(key: SigningKey, signature: Uint8Array): Promise<string> {
    const keyring = await signer.exportKeys(join(directory(), 'key.gpg'), key);
    const at = { repository: 'team/app', digest: DIGEST, number: 1 };
    const location = await writeSignature(directory(), at, signature);
    assert.equal(location, `team/app@sha256=${'ab'.repeat(32)}/signature-1`);
    const file = join(directory(), location);
    return (await run('gpgv', ['--status-fd', '1', '--keyring', keyring, file])).stdout;
  }

  it('signs as container tools do', async () => {
    const key = await signer.makeKey();
    const signature = await signer.sign(key, CLAIMS);
    assert.equal(signature[0], 0xa3);
    assert.match(await verify(key, signature), new RegExp(`VALIDSIG ${key.fingerprint}`));
  });

  it('signs by a subkey', async () => {
    const key = await signer.makeKey({ algorithm: 'ed25519', subkey: true });
    assert.notEqual(key.signingFingerprint, key.fingerprint);
    const status = await verify(key, await signer.sign(key, CLAIMS));
    assert.match(status, new RegExp(`VALIDSIG ${key.signingFingerprint} .*${key.fingerprint}`));
  });

  it('makes keys that have expired', async () => {
    const at = new Date('2020-01-01T00:00:00Z');
    const key = await signer.makeKey({ algorithm: 'ed25519', expires: 'seconds=86400', at });
    assert.match(await verify(key, await signer.sign(key, CLAIMS, { at })), /EXPKEYSIG/);
  });

  for (const what of ['primary', 'subkey'] as const) {
    it(`revokes a ${what} key`, async () => {
      const key = await signer.makeKey({ algorithm: 'ed25519', subkey: what === 'subkey' });
      const signature = await signer.sign(key, CLAIMS);
      await signer.revoke(key, what);
      assert.match(await verify(key, signature), /REVKEYSIG/);
    });
  }

  it('signs any bytes in any way', async () => {
    const key = await signer.makeKey({ algorithm: 'ed25519' });
    const command = '--clear-sign';
    const signature = await signer.sign(key, Buffer.from('no claims'), { command });
    assert.match(signature.toString(), /^-----BEGIN PGP SIGNED MESSAGE-----/);
  });
});
