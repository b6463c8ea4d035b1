import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type Judge, createJudge } from '../../generator/judge.ts';
import { createSimplePolicy } from '../../generator/policy/policy.ts';
import { isRejection } from '../../generator/rejection.ts';
import { describeWith } from '../with-tools.ts';
import {
  DIRECTORY,
  HEX,
  judgeOf,
  keyringOf,
  locationOf,
  openInProcess,
  readVector,
  rejectionOf,
} from './samples.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const LOCATION = locationOf(`${DIRECTORY}/signature-1`);

async function accept({ judge }: Judge, bytes: Uint8Array, now = NOW) {
  const signature = await judge(LOCATION, bytes, now);
  assert(!isRejection(signature), isRejection(signature) ? signature.message : '');
  return signature;
}

describe('generator: judge', () => {
  let judge: Judge;
  let good: Buffer;
  before(async () => {
    judge = await judgeOf(await keyringOf('lab/keys/lab.gpg'));
    good = await readVector('lab/openpgp/good-uncompressed.sig');
  });

  it('accepts a signature, with all that reports and nodes need', async () => {
    const signature = await accept(judge, good);
    assert.equal(signature.status, 'accepted');
    assert.equal(signature.bytes, good);
    assert.equal(signature.hash, createHash('sha256').update(good).digest('base64url'));
    assert.equal(signature.claims.manifestDigest, `sha256:${HEX}`);
    assert.match(signature.claims.dockerReference, /\/ns\/repo:/);
    assert.match(signature.signer?.fingerprint ?? '', /^[0-9A-F]{40}$/);
    assert.equal(signature.signer?.primaryFingerprint, signature.signer?.fingerprint);
    assert(signature.signedAt > Date.parse('2020-01-01') && signature.signedAt < NOW.getTime());
    assert.equal(signature.validUntil, Infinity);
    assert.deepEqual(signature.warnings, []);
  });

  it('checks the form only where there are no keys', async () => {
    const formOnly = await judgeOf(undefined);
    const signature = await accept(formOnly, good);
    assert.equal(signature.status, 'unverified');
    assert.equal('signer' in signature, false);
    assert.deepEqual(signature.meets, []);
    const wrongKey = await readVector('lab/openpgp/wrong-key.sig');
    assert.equal((await accept(formOnly, wrongKey)).status, 'unverified');
    const text = rejectionOf(await formOnly.judge(LOCATION, Buffer.from('text'), NOW));
    assert.equal(text.code, 'unknown-format');
  });

  it('trusts nobody with an empty keyring', async () => {
    const nobody = await judgeOf(await keyringOf());
    assert.equal(rejectionOf(await nobody.judge(LOCATION, good, NOW)).code, 'unknown-signer');
  });

  it('warns of a signing subkey, and names the primary key', async () => {
    const byName = await judgeOf(await keyringOf('lab/keys/with-subkey.gpg'));
    const { signer, warnings } = await accept(
      byName,
      await readVector('lab/openpgp/signing-subkey.sig'),
    );
    assert(signer && signer.fingerprint !== signer.primaryFingerprint);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['signing-subkey'],
    );
    assert.match(warnings[0]?.message ?? '', new RegExp(signer.fingerprint));
  });

  it('says when a signature must be judged again, and then refuses it', async () => {
    const limited = await readVector('lab/openpgp/unexpired-limited-signature.sig');
    const { validUntil } = await accept(judge, limited);
    assert(validUntil > NOW.getTime() && validUntil < Infinity);
    await accept(judge, limited, new Date(validUntil - 1));
    const { code } = rejectionOf(await judge.judge(LOCATION, limited, new Date(validUntil)));
    assert.equal(code, 'signature-expired');
  });

  for (const [title, path, code, message] of [
    [
      'digest',
      `ns/repo@sha256=${'0'.repeat(64)}`,
      'digest-mismatch',
      /expected the digest sha256:0{64}, got "sha256:0060/,
    ],
    [
      'repository',
      `ns/other@sha256=${HEX}`,
      'repository-mismatch',
      /expected a signature for "ns\/other", got one for/,
    ],
    ['host', `quay.io/ns/repo@sha256=${HEX}`, 'host-mismatch', /expected the host "quay.io", got/],
  ] as const) {
    it(`rejects a signature at another ${title}`, async () => {
      const rejection = rejectionOf(await judge.judge(locationOf(`${path}/signature-1`), good, NOW));
      assert.equal(rejection.code, code);
      assert.match(rejection.message, message);
      assert.notEqual(rejection.hint, '');
      assert.equal(rejection.breaksPulls, false);
    });
  }

  it('says first who did not sign, whatever the payload holds', async () => {
    const strange = locationOf(`ns/other@sha256=${'0'.repeat(64)}/signature-1`);
    const wrongKey = await readVector('lab/openpgp/wrong-key.sig');
    assert.equal(rejectionOf(await judge.judge(strange, wrongKey, NOW)).code, 'unknown-signer');
  });
});
