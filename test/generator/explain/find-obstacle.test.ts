import assert from 'node:assert/strict';
import { findObstacle } from '../../../generator/explain/find-obstacle.ts';
import { findFault } from '../../../generator/explain/find-fault.ts';
import type { Signature } from '../../../generator/gate/judge.ts';
import { parseDockerReference, parsePulledImage } from '../../../generator/terms/image-name.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { createPolicy, createScope } from '../../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
} from '../../../generator/policy/signed-identity.ts';
import { DIRECTORY, HEX, keyringOf, publishable } from '../../kit/samples/samples.ts';

const NAME = 'quay.io/team/app';
const NOW = new Date('2026-01-02T03:04:05Z');

const by = (keyring: Keyring, signedIdentity: SignedIdentity = DEFAULT_IDENTITY) =>
  ({ type: 'signedBy', keyring, signedIdentity }) as const;

function signed(keyring: Keyring, dockerReference: string, more: Partial<Signature> = {}) {
  const fingerprint = keyring.keys[0]?.fingerprint ?? '';
  const manifestDigest = `sha256:${HEX}`;
  const { signature } = publishable(`${DIRECTORY}/signature-1`, {
    claims: { dockerReference, manifestDigest, creator: null, timestamp: null },
    signer: { fingerprint, primaryFingerprint: fingerprint },
    ...more,
  });
  return signature;
}

/** What a keyring says of its key once that has ended. */
function ended(keyring: Keyring, isRevoked: boolean): Keyring {
  const [key] = keyring.keys;
  const until = NOW.getTime() - (isRevoked ? 0 : 1000);
  const signers = new Map(key ? [[key.fingerprint, until]] : []);
  return { ...keyring, lives: new Map(key ? [[key.fingerprint, { isRevoked, signers }]] : []) };
}

async function explain(
  requirements: readonly ReturnType<typeof by>[],
  signatures: readonly Signature[],
  { image: name = `${NAME}:v1`, isUniform = true } = {},
) {
  const image = parsePulledImage(name) ?? assert.fail(name);
  const scope = createScope('', undefined, requirements);
  const policy = { ...(await createPolicy([scope])), isUniform };
  const pull = { policy, scope, image, now: NOW };
  const obstacle = findObstacle(pull, signatures);
  assert(obstacle !== 'unsigned');
  return { ...obstacle, faults: signatures.map((one) => findFault(pull, one)) };
}

describe('generator: what nodes hold against signatures', () => {
  let red: Keyring;
  let blue: Keyring;
  before(async () => {
    [red, blue] = await Promise.all([
      keyringOf('lab/keys/ed25519.gpg'),
      keyringOf('lab/keys/ecdsa-p256.gpg'),
    ]);
  });

  it('that have expired since they were judged', async () => {
    const at = (validUntil: number) => [signed(red, `${NAME}:v1`, { validUntil })];
    const { code, next, faults } = await explain([by(red)], at(NOW.getTime()));
    assert.equal(code, 'no-longer-good');
    assert.match(next ?? '', /^Sign the image again with a valid key, or extend the key/);
    assert.match(faults[0] ?? '', /has expired/);
    assert.equal((await explain([by(red)], at(NOW.getTime() + 1))).code, undefined);
  });

  it("that are by a key which is no longer good in the scope's own copy", async () => {
    const signatures = [signed(red, `${NAME}:v1`)];
    for (const isRevoked of [false, true]) {
      const own = by(ended(red, isRevoked));
      const { code } = await explain([own], signatures, { isUniform: false });
      assert.equal(code, 'no-longer-good');
      const judged = [signed(red, `${NAME}:v1`, { meets: [own] })];
      assert.equal((await explain([own], judged, { isUniform: false })).code, undefined);
    }
    assert.equal((await explain([by(red)], signatures, { isUniform: false })).code, undefined);
  });

  it("that are by a subkey which the scope's own copy does not have", async () => {
    const primaryFingerprint = red.keys[0]?.fingerprint ?? '';
    const signer = { fingerprint: 'F'.repeat(40), primaryFingerprint };
    const { code } = await explain([by(red)], [signed(red, `${NAME}:v1`, { signer })]);
    assert.equal(code, 'other-signer');
  });

  it('that are of another name than the rule wants', async () => {
    const reference = parseDockerReference('example.test/a:v9') ?? assert.fail();
    const remap = {
      type: 'remapIdentity',
      prefix: 'quay.io',
      signedPrefix: 'example.test',
    } as const;
    const cases: readonly (readonly [SignedIdentity, image: string, wanted: string])[] = [
      [{ type: 'exactReference', reference }, `${NAME}:v1`, 'example.test/a:v9'],
      [
        { type: 'exactRepository', repository: reference },
        `${NAME}:v1`,
        'example.test/a with any tag',
      ],
      [remap, `${NAME}:v1`, 'example.test/team/app:v1'],
      [remap, `${NAME}@sha256:${HEX}`, 'example.test/team/app with any tag'],
      [{ type: 'matchRepository' }, `${NAME}:v1`, `${NAME} with any tag`],
      [DEFAULT_IDENTITY, `${NAME}@sha256:${HEX}`, `${NAME} with any tag`],
    ];
    for (const [rule, image, wanted] of cases) {
      const { code, message, next } = await explain([by(red, rule)], [signed(red, 'x.test/y:z')], {
        image,
      });
      assert.equal(code, 'other-name');
      assert.equal(
        message,
        `it is signed as x.test/y:z, but pulled as ${image}; nodes want it signed as ${wanted}`,
      );
      assert.equal(next, `Sign it as ${wanted}.`);
    }
    const plain = await explain([by(red, { type: 'matchExact' })], [signed(red, `${NAME}:v0`)]);
    assert.equal(plain.next, `Sign it as ${NAME}:v1 too, or pull it as it is signed.`);
  });

  it('of which another signer has made one for another name', async () => {
    const signatures = [signed(red, `${NAME}:v1`), signed(blue, `${NAME}:v0`)];
    const { code, message } = await explain([by(red), by(blue)], signatures);
    assert.equal(code, 'co-signature-missing');
    const fingerprint = blue.keys[0]?.fingerprint;
    assert.ok(message?.endsWith(`; ${fingerprint} has signed it as ${NAME}:v0, not as ${NAME}:v1`));
  });
});
