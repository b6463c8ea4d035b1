import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createJudge } from '../../generator/judge.ts';
import { type RejectionCode, isRejection } from '../../generator/rejection.ts';
import { keyringOf, locationOf, readVector } from './samples.ts';

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

const VECTORS = readFileSync(new URL('../fixtures/vectors/vectors.tsv', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line): Vector => {
    const [name = '', file = '', keyring = '', directory = '', ...rest] = line.split('\t');
    const [signedIdentity = '', expected = '', breaksPulls = ''] = rest;
    return { name, file, keyring, directory, signedIdentity, expected, breaksPulls };
  });

/** Nodes accept these; OpenPGP.js alone cannot judge them. */
const BEYOND_THE_ENGINE: ReadonlySet<string> = new Set([
  'containers-image/subkey-v3',
  'openpgp/digest-ripemd160',
  'openpgp/digest-sha1',
  'openpgp/future-signature',
  'openpgp/key-dsa2048',
  'openpgp/key-rsa1024',
  'redhat/rhel7-7.6',
]);

/** What the default rule for names says where the vector has another one. */
const BY_DEFAULT_RULE: ReadonlyMap<string, RejectionCode> = new Map([
  ['containers-image/image', 'identity-without-tag'],
  ['containers-image/no-optional-fields', 'identity-without-tag'],
  ['payload/matchRepository-no-tag', 'identity-without-tag'],
  ['payload/exactReference', 'repository-mismatch'],
  ['payload/remapIdentity', 'repository-mismatch'],
]);

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
  'bad-signature': ['containers-image/corrupt'],
  'cannot-verify': [
    'containers-image/corrupt-v3',
    'containers-image/invalid-blob-v3',
    'containers-image/unknown-key-v3',
  ],
  'signature-expired': ['containers-image/expired', 'openpgp/expired-signature'],
  'identity-without-tag': [
    'containers-image/image-default-identity',
    'payload/ref-no-tag',
    'payload/ref-no-tag-image-by-digest',
  ],
  'payload-not-json': [
    'containers-image/invalid-blob',
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
  'unknown-signer': ['containers-image/unknown-key', 'openpgp/wrong-key'],
  encrypted: ['containers-image/unsigned-encrypted'],
  'not-signed': ['containers-image/unsigned-literal'],
  armored: ['openpgp/armored'],
  'key-expired': ['openpgp/key-expired-after-signing'],
  malformed: [
    'openpgp/onepass-literal-no-signature',
    'openpgp/trailing-message-uncompressed',
    'openpgp/truncated',
  ],
  'multiple-signatures': ['openpgp/two-signatures-both-known', 'openpgp/two-signatures-one-known'],
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
  const judgeAs = createJudge(await keyringOf(vector.keyring));
  return judgeAs(locationOf(`${vector.directory}/signature-1`), await readVector(vector.file), NOW);
}

describe('generator: vectors', () => {
  for (const vector of VECTORS) {
    const { name, expected } = vector;
    const byRule = BY_DEFAULT_RULE.get(name);
    const code = BEYOND_THE_ENGINE.has(name) ? 'cannot-verify' : (byRule ?? CODES.get(name));
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

  it('lists as exceptions only what nodes accept', () => {
    const accepted = new Set(
      VECTORS.filter((row) => row.expected === 'accept').map((row) => row.name),
    );
    for (const name of [...BEYOND_THE_ENGINE, ...BY_DEFAULT_RULE.keys()])
      assert(accepted.has(name), name);
    const special = VECTORS.filter(({ signedIdentity }) => signedIdentity !== '').map(
      ({ name }) => name,
    );
    assert.deepEqual(special.toSorted(), [...BY_DEFAULT_RULE.keys()].toSorted());
  });

  for (const vector of VECTORS.filter((row) => row.expected === 'accept')) {
    it(`${vector.name}: not accepted with keys of strangers, nor for another digest`, async () => {
      const bytes = await readVector(vector.file);
      const stranger = 'containers-image/public-key-with-revoked-subkey.gpg';
      const strangers = createJudge(await keyringOf(stranger));
      const location = locationOf(`${vector.directory}/signature-1`);
      assert(isRejection(await strangers(location, bytes, NOW)));

      const other = `${vector.directory.replace(/=.*/, '=')}${'0'.repeat(64)}/signature-1`;
      const own = createJudge(await keyringOf(vector.keyring));
      assert(isRejection(await own(locationOf(other), bytes, NOW)));
    });
  }
});
