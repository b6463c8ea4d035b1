import assert from 'node:assert/strict';
import { type KeyLife, toKeyState } from '../../../generator/openpgp/key-state.ts';
import type { SignedIdentity } from '../../../generator/policy/signed-identity.ts';
import {
  describeIdentity,
  describeKeyState,
  describeSigners,
} from '../../../server/landing/words.ts';
import { BLUE, GREEN, RED, policyOf, signedBy } from './policies.ts';

const LIFE = { isRevoked: false, signers: new Map([['A', Infinity]]) };
const NOW = new Date('2026-11-22T12:00:00Z');
const reference = { host: 'r.example', repository: 'a/b', tag: 'v1', digest: undefined };

const tell = (life: KeyLife | undefined): string =>
  describeKeyState(toKeyState(null, life, NOW), NOW);

describe('the words of the page', () => {
  const expiries: readonly (readonly [string | null, string])[] = [
    [null, 'does not expire'],
    ['2026-11-22T12:00:00Z', 'expired today'],
    ['2026-11-21T12:00:01Z', 'expired today'],
    ['2026-11-21T12:00:00Z', 'expired 1 day ago'],
    ['2026-11-02T12:00:00Z', 'expired 20 days ago'],
    ['2026-11-22T12:00:01Z', 'expires within a day'],
    ['2026-11-23T12:00:00Z', 'expires in 1 day'],
    ['2026-12-31T00:00:00Z', 'expires in 38 days'],
  ];
  for (const [expires, words] of expiries) {
    it(`of a key until ${expires}: ${words}`, () => {
      assert.equal(describeKeyState(toKeyState(expires, LIFE, NOW), NOW), words);
    });
  }

  it('of keys that are no good, or that nobody can read here', () => {
    assert.equal(tell({ ...LIFE, isRevoked: true }), 'revoked: what it signed is refused');
    const mute = 'cannot sign any more: what it signed is refused';
    assert.equal(tell({ ...LIFE, signers: new Map() }), mute);
    assert.equal(tell(undefined), 'not known here');
  });

  const identities: readonly (readonly [SignedIdentity, RegExp])[] = [
    [{ type: 'matchRepoDigestOrExact' }, /name and tag that is pulled; for a pull by digest/],
    [{ type: 'matchExact' }, /exactly the name that is pulled/],
    [{ type: 'matchRepository' }, /with any tag or none/],
    [{ type: 'exactReference', reference }, /signed as r\.example\/a\/b:v1, whatever/],
    [{ type: 'exactRepository', repository: reference }, /an image of r\.example\/a\/b, whatever/],
    [
      { type: 'remapIdentity', prefix: 'm.example/x', signedPrefix: 'r.example/y' },
      /pulled from m\.example\/x must be signed .* below r\.example\/y/,
    ],
  ];
  for (const [rule, words] of identities) {
    it(`of ${rule.type}`, () => {
      assert.match(describeIdentity(rule), words);
    });
  }

  const signers: readonly (readonly [readonly (readonly string[])[], RegExp])[] = [
    [[[RED]], /^An image needs a signature by this key\.$/],
    [[[RED, BLUE]], /one of these 2 keys; any one is enough/],
    [[[RED], [BLUE]], /signatures by both of these keys/],
    [[[RED], [BLUE], [GREEN]], /signatures by all 3 of these keys/],
    [[[RED, GREEN], [BLUE]], /2 signatures: one by a key of each group/],
  ];
  for (const [keys, words] of signers) {
    it(`of keys ${JSON.stringify(keys)}`, async () => {
      const requirements = await Promise.all(keys.map(async (names) => signedBy(names)));
      const { scopes } = await policyOf({ 'r.example': requirements });
      assert.match(describeSigners(scopes.get('r.example')?.signedBy ?? []), words);
    });
  }
});
