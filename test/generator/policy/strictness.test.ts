import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  formatReference,
  type SignedIdentity,
  matchesIdentity,
} from '../../../generator/policy/signed-identity.ts';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import type { Requirement } from '../../../generator/policy/policy.ts';
import { isAsStrictAs } from '../../../generator/policy/strictness.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { keyringOf } from '../../kit/samples/samples.ts';
import { identities } from '../nodes/random-scopes.ts';

const ANYTHING: Requirement = { type: 'insecureAcceptAnything' };
const REJECT: Requirement = { type: 'unmeetable', what: 'rejects every image' };
const SIGSTORE: Requirement = { type: 'elsewhere', what: 'asks for a sigstore signature' };
const EXACT: SignedIdentity = { type: 'matchExact' };
const DEFAULT: SignedIdentity = { type: 'matchRepoDigestOrExact' };
const LOOSE: SignedIdentity = { type: 'matchRepository' };

const by = (
  keyring: Keyring | undefined,
  signedIdentity: SignedIdentity = DEFAULT,
): Requirement => {
  assert.ok(keyring);
  return { type: 'signedBy', keyring, signedIdentity };
};

const at = (keyring: Keyring | undefined, ...keyPaths: string[]): readonly Requirement[] => {
  assert.ok(keyring);
  return [{ type: 'signedBy', keyring, signedIdentity: DEFAULT, keyPaths }];
};

describe('generator: strictness of requirements', () => {
  let [one, other, both]: Keyring[] = [];
  before(async () => {
    const [first, second] = ['lab/keys/ed25519.gpg', 'lab/keys/lab.gpg'] as const;
    [one, other, both] = await Promise.all([
      keyringOf(first),
      keyringOf(second),
      keyringOf(first, second),
    ]);
  });
  const sets = (): Record<string, readonly Requirement[]> => ({
    nothing: [ANYTHING],
    one: [by(one)],
    other: [by(other)],
    either: [by(both)],
    'one and other': [by(one), by(other)],
    'one exactly': [by(one, EXACT)],
    'one loosely': [by(one, LOOSE)],
    sigstore: [SIGSTORE],
    'one and sigstore': [by(one), SIGSTORE],
    rejecting: [REJECT],
  });

  it('of keys that only nodes have goes by where they are', async () => {
    const nothing = await readKeyring([]);
    const here = at(nothing, '/etc/key');
    assert.ok(isAsStrictAs(here, here));
    assert.ok(isAsStrictAs(here, at(one, '/etc/key', '/etc/second')));
    assert.ok(isAsStrictAs(at(one, '/etc/key'), here));
    assert.ok(isAsStrictAs(here, [ANYTHING]));
    for (const others of [at(nothing, '/etc/other'), at(one, '/etc/other'), [by(one)], [REJECT]]) {
      assert.equal(isAsStrictAs(here, others), false);
      assert.equal(isAsStrictAs(others, here), others[0] === REJECT);
    }
  });

  const stricter: Readonly<Record<string, readonly string[]>> = {
    nothing: ['nothing'],
    one: ['nothing', 'one', 'either', 'one loosely'],
    other: ['nothing', 'other', 'either'],
    either: ['nothing', 'either'],
    'one and other': ['nothing', 'one', 'other', 'either', 'one and other', 'one loosely'],
    'one exactly': ['nothing', 'one', 'either', 'one exactly', 'one loosely'],
    'one loosely': ['nothing', 'one loosely'],
    sigstore: ['nothing'],
    'one and sigstore': ['nothing', 'one', 'either', 'one loosely'],
  };
  for (const [name, known] of Object.entries(stricter)) {
    it(`is known for ${name}`, () => {
      const all = sets();
      const found = Object.keys(all).filter((than) =>
        isAsStrictAs(all[name] ?? [], all[than] ?? []),
      );
      assert.deepEqual(found, known);
    });
  }

  it('is the greatest where nothing is let through', () => {
    const all = sets();
    for (const than of Object.values(all)) assert.ok(isAsStrictAs([REJECT], than));
    for (const than of Object.values(all)) assert.ok(isAsStrictAs([ANYTHING, REJECT], than));
  });

  it('is never found in a rule that takes more', () => {
    const names = ['', ':v1', ':v2', `@sha256:${'ab'.repeat(32)}`].flatMap((end) =>
      ['quay.io/team', 'quay.io/team/app', 'localhost/app'].map((name) => `${name}${end}`),
    );
    const references = names
      .map((name) => parseDockerReference(name))
      .filter((name) => name !== undefined);
    const images = references.filter(
      ({ tag, digest }) => tag !== undefined || digest !== undefined,
    );
    const check = (own: SignedIdentity, than: SignedIdentity): void => {
      if (!isAsStrictAs([by(one, own)], [by(one, than)])) return;
      for (const image of images) {
        for (const identity of references) {
          const isTaken = matchesIdentity(own, image, identity);
          const what = `${formatReference(identity)} for ${formatReference(image)}`;
          assert.ok(!isTaken || matchesIdentity(than, image, identity), what);
        }
      }
    };
    fc.assert(fc.property(identities, identities, check));
  });
});
