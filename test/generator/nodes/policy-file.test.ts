// What is written is read back as it was meant, and a merge changes nothing else.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type KeyPlaces, placeKeys } from '../../../generator/nodes/key-files.ts';
import {
  type DefaultRequirement,
  type PolicyJson,
  createPolicyJson,
  formatPolicyJson,
  mergePolicyJson,
  readPolicyJson,
} from '../../../generator/nodes/policy-file.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import type { Scope } from '../../../generator/policy/policy.ts';
import { type UnreadRequirement, parsePolicyFile } from '../../../generator/policy/policy-json.ts';
import { identities, scopeLists, scopeNames } from './random-scopes.ts';
import {
  toSignedIdentityJson,
  signedIdentitySchema,
} from '../../../generator/policy/signed-identity.ts';

const defaults = fc.constantFrom<DefaultRequirement>('reject', 'insecureAcceptAnything');
const forms = fc.constantFrom(
  { form: 'data', haveKeyPaths: false, name: 'x' } as const,
  { form: 'file', haveKeyPaths: false, name: 'x' } as const,
  { form: 'file', haveKeyPaths: true, name: 'x' } as const,
);

/** What a node would read: rules, and keys by their fingerprints. */
async function toMeaning(requirement: UnreadRequirement, { files }: KeyPlaces): Promise<unknown> {
  if (requirement.type !== 'signedBy') return requirement;
  const { keyPaths, keyData, signedIdentity } = requirement;
  const found = keyPaths.flatMap((path) => files.filter((file) => `/${file.path}` === path));
  assert.equal(found.length, keyPaths.length);
  const data = keyData === undefined ? [] : [{ path: 'keyData', bytes: keyData }];
  const { keys } = await readKeyring([...found, ...data]);
  return { prints: keys.map(({ fingerprint }) => fingerprint), signedIdentity };
}

function meaningOf({ signedBy }: Scope): unknown {
  return signedBy.map(({ keyring, signedIdentity }) => ({
    prints: keyring.keys.map(({ fingerprint }) => fingerprint),
    signedIdentity,
  }));
}

const requirement = fc.constantFrom(
  { type: 'reject' },
  { type: 'insecureAcceptAnything' },
  { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/etc/keys/a.gpg' },
  {
    type: 'signedBy',
    keyType: 'GPGKeys',
    keyPaths: ['/a', '/b'],
    signedIdentity: { type: 'matchExact' },
  },
  { type: 'sigstoreSigned', keyData: 'a2V5' },
  { type: 'signedBaseLayer', baseLayerIdentity: { type: 'matchRepository' } },
);
const requirements = fc.array(requirement, { minLength: 1, maxLength: 2 });
const transports = fc.dictionary(
  fc.constantFrom('docker', 'docker-daemon', 'unknown'),
  fc.dictionary(scopeNames, requirements, { noNullPrototype: true }),
  { noNullPrototype: true },
);
/** Policies that nodes have. */
const policies = fc
  .record(
    { default: requirements, transports },
    { requiredKeys: ['default'], noNullPrototype: true },
  )
  .map((policy) => JSON.stringify(policy));

const merge = (existing: PolicyJson, scopes: readonly Scope[], byDefault?: DefaultRequirement) =>
  mergePolicyJson(
    existing,
    scopes,
    placeKeys(scopes, { form: 'file', name: 'x', haveKeyPaths: true }),
    byDefault,
  );

describe("generator: a node's policy.json", () => {
  it('is read back with the same scopes, keys and rules', async () => {
    await fc.assert(
      fc.asyncProperty(scopeLists, forms, defaults, async (scopes, options, byDefault) => {
        const places = placeKeys(scopes, options);
        const text = formatPolicyJson(createPolicyJson(scopes, places, byDefault));
        const read = parsePolicyFile(text);
        const outside = scopes.some(({ name }) => name === '');
        assert.equal(read.size, scopes.length + (outside ? 0 : 1));
        for (const scope of scopes) {
          const unread = read.get(scope.name) ?? [];
          const meaning = await Promise.all(unread.map(async (one) => toMeaning(one, places)));
          assert.deepEqual(meaning, meaningOf(scope));
        }
        assert.deepEqual(readPolicyJson(text).default, [{ type: byDefault }]);
      }),
    );
  });

  it('has rules that the schema reads back', () => {
    fc.assert(
      fc.property(identities, (rule) => {
        assert.deepEqual(signedIdentitySchema.parse(toSignedIdentityJson(rule)), rule);
      }),
    );
  });

  it('lets nodes use what a daemon of their own holds', () => {
    const places = placeKeys([], { form: 'data', name: 'x', haveKeyPaths: false });
    const { transports: written } = createPolicyJson([], places, 'reject');
    assert.deepEqual(written['docker-daemon'], { '': [{ type: 'insecureAcceptAnything' }] });
  });

  it('keeps what is not ours, and nodes take the whole', () => {
    fc.assert(
      fc.property(
        policies,
        scopeLists,
        fc.option(defaults, { nil: undefined }),
        (text, scopes, byDefault) => {
          const existing = readPolicyJson(text);
          const merged = merge(existing, scopes, byDefault);
          parsePolicyFile(formatPolicyJson(merged));
          const { docker: ours = {}, ...others } = merged.transports;
          const { docker: before = {}, ...othersBefore } = existing.transports;
          assert.deepEqual(others, othersBefore);
          const names = new Set(scopes.map(({ name }) => name));
          const withoutOurs = (all: object) =>
            Object.entries(all).filter(([name]) => !names.has(name));
          assert.deepEqual(withoutOurs(ours), withoutOurs(before));
          for (const name of names) assert.ok(Object.hasOwn(ours, name));
          assert.deepEqual(merged.default, byDefault ? [{ type: byDefault }] : existing.default);
        },
      ),
    );
  });

  it('is the same when it is merged again', () => {
    fc.assert(
      fc.property(policies, scopeLists, (text, scopes) => {
        const once = formatPolicyJson(merge(readPolicyJson(text), scopes));
        assert.equal(formatPolicyJson(merge(readPolicyJson(once), scopes)), once);
      }),
    );
  });
});
