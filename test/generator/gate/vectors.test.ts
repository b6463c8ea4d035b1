import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createPolicy, createScope } from '../../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  signedIdentitySchema,
} from '../../../generator/policy/signed-identity.ts';
import { type RejectionCode, isRejection } from '../../../generator/terms/rejection.ts';
import { describeWith } from '../../with-tools.ts';
import { judgeOf, keyringOf, locationOf, readVector } from '../../kit/samples/samples.ts';

/** One line of `vectors.tsv`, whose README tells what it means. */
interface Vector {
  readonly name: string;
  readonly file: string;
  readonly keyring: string;
  readonly directory: string;
  readonly signedIdentity: string;
  readonly expected: string;
  readonly breaksPulls: string;
}

const VECTORS = readFileSync(new URL('../../fixtures/vectors/vectors.tsv', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line): Vector => {
    const [name = '', file = '', keyring = '', directory = '', ...rest] = line.split('\t');
    const [signedIdentity = '', expected = '', breaksPulls = ''] = rest;
    return { name, file, keyring, directory, signedIdentity, expected, breaksPulls };
  });

const NAMES_BY_CODE: Partial<Record<RejectionCode, readonly string[]>> = {
  empty: ['blob/empty'],
  html: ['blob/html'],
  'unknown-format': [
    'blob/leading-newline',
    'blob/prefix-non-ascii',
    'blob/prefix-unknown-format',
    'openpgp/literal-only',
    'openpgp/marker-prefix',
  ],
  'bad-signature': ['containers-image/corrupt', 'containers-image/corrupt-v3'],
  'signature-expired': ['containers-image/expired', 'openpgp/expired-signature'],
  'identity-without-tag': [
    'containers-image/image-default-identity',
    'payload/ref-no-tag',
    'payload/ref-no-tag-image-by-digest',
  ],
  'payload-not-json': [
    'containers-image/invalid-blob',
    'containers-image/invalid-blob-v3',
    'payload/trailing-nul',
    'payload/trailing-object',
  ],
  cleartext: ['containers-image/invalid-cleartext', 'openpgp/cleartext'],
  'invalid-identity': [
    'containers-image/invalid-reference',
    'payload/ref-empty',
    'payload/ref-null',
    'payload/ref-upper-repo',
  ],
  'key-revoked': ['containers-image/subkey-revoked', 'openpgp/key-revoked'],
  'unknown-signer': [
    'containers-image/unknown-key',
    'containers-image/unknown-key-v3',
    'openpgp/wrong-key',
  ],
  encrypted: ['containers-image/unsigned-encrypted'],
  'not-signed': ['containers-image/unsigned-literal'],
  armored: ['openpgp/armored'],
  'key-expired': ['openpgp/key-expired-after-signing'],
  malformed: ['openpgp/onepass-literal-no-signature', 'openpgp/truncated'],
  'multiple-signatures': [
    'openpgp/trailing-message-uncompressed',
    'openpgp/two-signatures-both-known',
    'openpgp/two-signatures-one-known',
  ],
  'payload-wrong-type': [
    'payload/creator-number',
    'payload/critical-identity-null',
    'payload/optional-null',
    'payload/timestamp-1e400',
    'payload/timestamp-fraction',
    'payload/timestamp-string',
    'payload/top-array',
    'payload/top-null',
  ],
  'payload-missing-member': [
    'payload/critical-identity-missing',
    'payload/critical-missing',
    'payload/critical-type-missing',
    'payload/optional-missing',
  ],
  'not-a-container-signature': ['payload/critical-type-null', 'payload/type-case'],
  'digest-mismatch': ['payload/digest-other', 'payload/digest-sha512-of-manifest'],
  'payload-duplicate-key': ['payload/dup-reference', 'payload/optional-dup-unknown'],
  'payload-unknown-member': [
    'payload/identity-unknown',
    'payload/image-unknown',
    'payload/key-case',
    'payload/top-unknown',
  ],
};
const CODES = new Map(
  Object.entries(NAMES_BY_CODE).flatMap(([code, names]) => names.map((name) => [name, code])),
);

/** A time after all of them were made, but for the one of 2099. */
const NOW = new Date('2026-01-01T00:00:00Z');

async function judge(vector: Vector) {
  const keyring = await keyringOf(vector.keyring);
  const rule = vector.signedIdentity;
  const signedIdentity =
    rule === '' ? DEFAULT_IDENTITY : signedIdentitySchema.parse(JSON.parse(rule));
  const requirement = { type: 'signedBy', keyring, signedIdentity } as const;
  const { judge: judgeAs } = await judgeOf(
    await createPolicy([createScope('', undefined, [requirement])]),
  );
  return judgeAs(locationOf(`${vector.directory}/signature-1`), await readVector(vector.file), NOW);
}

describeWith(['gpgv'], 'generator: vectors', () => {
  for (const vector of VECTORS) {
    const { name, expected } = vector;
    const code = CODES.get(name);
    it(`${name}: ${code ?? expected}`, async () => {
      const verdict = await judge(vector);
      if (!isRejection(verdict)) {
        assert.equal(verdict.status, 'accepted');
        assert.equal(expected, 'accept');
      }
      const got = isRejection(verdict) ? verdict.code : undefined;
      assert.equal(got, code);
      const harm = isRejection(verdict) && verdict.breaksPulls;
      assert.equal(harm, vector.breaksPulls === 'yes');
      if (isRejection(verdict)) assert.notEqual(verdict.hint, '');
    });
  }

  it('names a code for each that nodes refuse, and for no other', () => {
    const refused = VECTORS.filter(({ expected }) => expected === 'reject').map(({ name }) => name);
    assert.deepEqual([...CODES.keys()].toSorted(), refused.toSorted());
  });

  for (const vector of VECTORS.filter((row) => row.expected === 'accept')) {
    it(`${vector.name}: not accepted with keys of strangers, nor for another digest`, async () => {
      const bytes = await readVector(vector.file);
      const stranger = 'containers-image/public-key-with-revoked-subkey.gpg';
      const { judge: strangers } = await judgeOf(await keyringOf(stranger));
      const location = locationOf(`${vector.directory}/signature-1`);
      assert(isRejection(await strangers(location, bytes, NOW)));

      const other = `${vector.directory.replace(/=.*/, '=')}${'0'.repeat(64)}/signature-1`;
      const { judge: own } = await judgeOf(await keyringOf(vector.keyring));
      assert(isRejection(await own(locationOf(other), bytes, NOW)));
    });
  }
});
