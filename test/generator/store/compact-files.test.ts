import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import type { PublishableFile } from '../../../generator/gate/checked-file.ts';
import type { Signature, Warning } from '../../../generator/gate/judge.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { type Scope, type SignedBy, createScope } from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { createKeeper } from '../../../generator/store/compact-files.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { DIRECTORY, publishable } from '../../kit/samples/samples.ts';

const BLOCK_BYTES = 256 * 1024;
const LAST_MILLISECOND = (2 ** 32 - 1) * 1000;

/** Every field by name, read now. */
function readAll({ kind, path, directory, number, signature }: PublishableFile) {
  const { status, bytes, hash, claims, signer, scope, meets, warnings } = signature;
  const { signedAt, validUntil } = signature;
  const judged = { status, hash, claims, signer, scope, meets, signedAt, validUntil, warnings };
  return { kind, path, directory, number, ...judged, bytes: Buffer.from(bytes) };
}

async function makeScope(name: string): Promise<Scope> {
  const keyring = await readKeyring([]);
  const requirement = (): SignedBy => ({
    type: 'signedBy',
    keyring,
    signedIdentity: DEFAULT_IDENTITY,
  });
  return createScope(name, undefined, [requirement(), requirement()]);
}

const digit = fc.constantFrom(...Array.from('0123456789abcdef'));
const hex = fc.string({ unit: digit, minLength: 64, maxLength: 64 });
const fingerprint = fc.constantFrom('A'.repeat(40), 'B'.repeat(40), 'C'.repeat(40));
/** Equal ones are kept once, whatever their prototypes. */
const plain = { noNullPrototype: true };
const signer = fc.option(fc.record({ fingerprint, primaryFingerprint: fingerprint }, plain), {
  nil: undefined,
});
const warning: fc.Arbitrary<Warning> = fc.record(
  {
    code: fc.constantFrom('signing-subkey', 'weak-algorithm', 'expires-soon'),
    message: fc.string({ maxLength: 5 }),
  },
  plain,
);
const seconds = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value) => value * 1000);
const milliseconds = fc.integer({ min: 1, max: LAST_MILLISECOND });

function signatureOf(scopes: readonly Scope[]): fc.Arbitrary<PublishableFile> {
  const parts = fc.record({
    hex,
    number: fc.integer({ min: 1, max: 999_999_999 }),
    bytes: fc.uint8Array({ maxLength: 300 }),
    status: fc.constantFrom('accepted' as const, 'unverified' as const),
    dockerReference: fc.string({ unit: 'binary' }),
    creator: fc.option(fc.string({ unit: 'binary', maxLength: 3 })),
    timestamp: fc.option(fc.double({ noNaN: true })),
    signer,
    scope: fc.constantFrom(...scopes),
    places: fc.subarray([0, 1]),
    signedAt: seconds,
    validUntil: fc.oneof(seconds, milliseconds, fc.constant(Infinity)).filter((at) => at > 0),
    warnings: fc.array(warning, { maxLength: 2 }),
  });
  return parts.map(({ number, dockerReference, creator, timestamp, places, ...rest }) => {
    const directory = formatDirectory('ns/repo', rest.hex);
    const manifestDigest = `sha256:${rest.hex}`;
    return publishable(formatLocation(directory, number), {
      ...rest,
      claims: { dockerReference, manifestDigest, creator, timestamp },
      meets: places.flatMap((place) => rest.scope.signedBy[place] ?? []),
    });
  });
}

const ofSize = (size: number, number = 1) =>
  publishable(formatLocation(DIRECTORY, number), { bytes: randomBytes(size) });

describe('generator: kept files', () => {
  let scopes: readonly Scope[];
  before(async () => {
    // The first two have one name, as those of a policy before and after a reload.
    scopes = await Promise.all(['a.example', 'a.example', 'b.example'].map(makeScope));
  });

  it('are what was given, in every field', () => {
    const property = fc.property(fc.array(signatureOf(scopes), { maxLength: 20 }), (files) => {
      const keep = createKeeper();
      const kept = files.map((file) => keep(file, file.directory));
      for (const [at, file] of files.entries()) {
        const found = kept[at] ?? assert.fail();
        assert.deepEqual(readAll(found), readAll(file));
        assert.equal(found.signature.scope, file.signature.scope);
        for (const [place, requirement] of found.signature.meets.entries()) {
          assert.equal(requirement, file.signature.meets[place]);
        }
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('keep every time to the millisecond', () => {
    const keep = createKeeper();
    const property = fc.property(milliseconds, (validUntil) => {
      const file = publishable(`${DIRECTORY}/signature-1`, { validUntil });
      assert.equal(keep(file, DIRECTORY).signature.validUntil, validUntil);
    });
    fc.assert(property, { numRuns: 10_000 });
  });

  it('do not mix, whatever their sizes', () => {
    const size = fc.oneof(
      { weight: 10, arbitrary: fc.integer({ min: 0, max: 2000 }) },
      { weight: 3, arbitrary: fc.integer({ min: BLOCK_BYTES / 4, max: BLOCK_BYTES }) },
      { weight: 2, arbitrary: fc.integer({ min: BLOCK_BYTES - 100, max: BLOCK_BYTES + 100 }) },
      fc.integer({ min: BLOCK_BYTES, max: 3 * BLOCK_BYTES }),
    );
    const property = fc.property(fc.array(size, { maxLength: 40 }), (sizes) => {
      const keep = createKeeper();
      const files = sizes.map((length, at) => ofSize(length, at + 1));
      const kept = files.map((file) => keep(file, DIRECTORY));
      for (const [at, { signature }] of kept.entries()) {
        assert.deepEqual(Buffer.from(signature.bytes), files[at]?.signature.bytes);
        assert.equal(signature.hash, files[at]?.signature.hash);
        const hash = createHash('sha256').update(signature.bytes).digest('base64url');
        assert.equal(signature.hash, hash);
      }
    });
    fc.assert(property, { numRuns: 50 });
  });

  it('fill a block to its last byte', () => {
    const keep = createKeeper();
    const hashLength = ofSize(0).signature.hash.length;
    const sizes = [1000, BLOCK_BYTES - 1000 - 2 * hashLength, 1000, BLOCK_BYTES - hashLength, 1];
    const files = sizes.map((size, at) => ofSize(size, at + 1));
    const kept = files.map((file) => keep(file, DIRECTORY).signature.bytes);
    assert.deepEqual(
      kept.map((bytes) => Buffer.from(bytes)),
      files.map(({ signature }) => signature.bytes),
    );
    const [first, second, third] = kept;
    assert.equal(first?.buffer, second?.buffer);
    assert.notEqual(second?.buffer, third?.buffer);
  });

  it('have bytes of their own', () => {
    const bytes = Buffer.from('as they were');
    const kept = createKeeper()(publishable(`${DIRECTORY}/signature-1`, { bytes }), DIRECTORY);
    bytes.fill(0);
    assert.equal(Buffer.from(kept.signature.bytes).toString(), 'as they were');
  });

  it('take the string that is given for the directory', () => {
    const file = publishable(`mirror/${DIRECTORY}/signature-7`);
    const kept = createKeeper()(file, `other/${DIRECTORY}`);
    assert.equal(kept.directory, `other/${DIRECTORY}`);
    assert.equal(kept.path, `other/${DIRECTORY}/signature-7`);
    assert.equal(kept.signature.claims.manifestDigest, file.signature.claims.manifestDigest);
  });

  it('are kept once', () => {
    const keep = createKeeper();
    const kept = keep(publishable(`${DIRECTORY}/signature-1`), DIRECTORY);
    assert.equal(keep(kept, DIRECTORY), kept);
    assert.equal(createKeeper()(kept, DIRECTORY), kept);
  });

  it('share what they have in common', () => {
    const keep = createKeeper();
    const keepWith = (number: number, signature: Partial<Signature>) =>
      keep(publishable(`${DIRECTORY}/signature-${number}`, signature), DIRECTORY).signature;
    const [scope] = scopes;
    const terms = () => ({
      signer: { fingerprint: 'A', primaryFingerprint: 'B' },
      ...(scope && { scope, meets: [...scope.signedBy] }),
    });
    const [one, two] = [keepWith(1, terms()), keepWith(2, terms())];
    assert.equal(one.signer, two.signer);
    assert.equal(one.meets, two.meets);
    assert.equal(one.warnings, two.warnings);
  });

  it('are told apart where there are more terms than are shared', () => {
    const keep = createKeeper();
    const files = Array.from({ length: 2500 }, (_, at) => {
      const by = { fingerprint: `${at % 1250}`, primaryFingerprint: `${at}` };
      return publishable(`${DIRECTORY}/signature-${at + 1}`, { signer: by });
    });
    const kept = files.map((file) => keep(file, DIRECTORY));
    assert.deepEqual(kept.map(readAll), files.map(readAll));
  });
});
