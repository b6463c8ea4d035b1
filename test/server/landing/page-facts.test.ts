import assert from 'node:assert/strict';
import type { SignedIdentity } from '../../../generator/policy/signed-identity.ts';
import { describeIdentity, describeSigners } from '../../../server/landing/page-facts.ts';
import { BLUE, GREEN, RED, policyOf, signedBy } from './policies.ts';

const reference = { host: 'r.example', repository: 'a/b', tag: 'v1', digest: undefined };

describe('the words of the page', () => {
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
