import assert from 'node:assert/strict';
import type { Signer } from '../../../../generator/openpgp/open-message.ts';
import { readKeyring } from '../../../../generator/openpgp/read-keyring.ts';
import {
  type Requirement,
  type Scope,
  type SignedBy,
  createPolicy,
  createScope,
} from '../../../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
} from '../../../../generator/policy/signed-identity.ts';
import { createVerdictIds } from '../../../../generator/store/checkpoint/shared-verdict.ts';
import type { ForgedKey } from '../../../fuzz/forged-key.ts';
import { forgeSigner } from '../../../kit/samples/forged.ts';
import { readVector } from '../../../kit/samples/samples.ts';

type PublicKey = Pick<ForgedKey, 'publicKey'>;

const DAY = 86_400;
const ENGINES = 'lookaside 1, gpgv 2';
const ANYTHING: Requirement = { type: 'insecureAcceptAnything' };

const keyOfDay = (day: number, expires?: number) => {
  const created = Date.UTC(2023, 0, day) / 1000;
  return forgeSigner({ created, ...(expires !== undefined && { expires }) });
};

async function by(keys: readonly PublicKey[], identity = DEFAULT_IDENTITY): Promise<SignedBy> {
  const files = keys.map(({ publicKey }, at) => ({ path: `${at}.gpg`, bytes: publicKey }));
  return { type: 'signedBy', keyring: await readKeyring(files), signedIdentity: identity };
}

const toSigner = ({ fingerprint }: ForgedKey): Signer => {
  const name = fingerprint.toString('hex').toUpperCase();
  return { fingerprint: name, primaryFingerprint: name };
};

async function idIn(
  scopes: readonly Scope[],
  signer: Signer | undefined,
  engines = ENGINES,
): Promise<string> {
  return createVerdictIds(await createPolicy(scopes), engines)(signer);
}

describe('generator: by whom a signature was judged', () => {
  it('is another one where keys are read in another way, for keys of theirs and of nobody', async () => {
    const files = [{ path: 'a.gpg', bytes: ours.publicKey }];
    const idWith = async (signer: Signer | undefined, reading?: string) => {
      const keyring = await readKeyring(files, new Date(), reading);
      const requirement: SignedBy = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY };
      return idIn([createScope('a.example', undefined, [requirement])], signer);
    };
    for (const signer of [toSigner(ours), undefined]) {
      assert.equal(await idWith(signer), await idWith(signer));
      assert.notEqual(await idWith(signer), await idWith(signer, 'in another way'));
    }
  });

  const [ours, other, third] = [keyOfDay(1), keyOfDay(2), keyOfDay(3)];
  const [oursRenewed, otherRenewed] = [keyOfDay(1, 3000 * DAY), keyOfDay(2, 3000 * DAY)];
  const exact: SignedIdentity = { type: 'matchExact' };

  interface Parts {
    readonly a?: readonly PublicKey[];
    readonly b?: readonly PublicKey[];
    readonly identity?: SignedIdentity;
    readonly name?: string;
    readonly prefix?: string;
    readonly more?: readonly Requirement[];
    readonly scopes?: readonly Scope[];
    readonly isReversed?: boolean;
  }

  /** A policy of two scopes, `a.example` for both keys and `b.example` for the other one. */
  async function scopesOf({ a = [ours, other], b = [other], more = [], ...parts }: Parts = {}) {
    const first = [await by(a, parts.identity), ...more];
    const scopes = [
      createScope(parts.name ?? 'a.example', parts.prefix, first),
      createScope('b.example', undefined, [await by(b)]),
      ...(parts.scopes ?? []),
    ];
    return parts.isReversed === true ? scopes.toReversed() : scopes;
  }

  before(() => {
    assert.deepEqual(ours.fingerprint, oursRenewed.fingerprint);
    assert.deepEqual(other.fingerprint, otherRenewed.fingerprint);
  });

  const same: Readonly<Record<string, Parts>> = {
    'the policy is read again': {},
    'another key is added': { a: [ours, other, third] },
    'another key is added in front': { a: [third, ours, other] },
    'another key is added elsewhere': { b: [third, other] },
    'another key is removed': { a: [ours] },
    'another key is removed everywhere': { a: [ours], b: [] },
    'another key is renewed everywhere': { a: [ours, otherRenewed], b: [otherRenewed] },
  };
  for (const [what, parts] of Object.entries(same)) {
    it(`is the same for a signer when ${what}`, async () => {
      const before = await idIn(await scopesOf(), toSigner(ours));
      assert.equal(await idIn(await scopesOf(parts), toSigner(ours)), before);
    });
  }

  const changes: Readonly<Record<string, Parts>> = {
    'its key is renewed': { a: [oursRenewed, other] },
    'its key is removed': { a: [other] },
    'its key is replaced': { a: [third, other] },
    'its key is taken elsewhere too': { b: [other, ours] },
    'its key is moved elsewhere': { a: [other], b: [other, ours] },
    'its key is given elsewhere in another state': { b: [other, oursRenewed] },
    'another key is given in two states': { a: [ours, otherRenewed] },
    'other names are taken': { identity: exact },
    'the scope has another name': { name: 'c.example' },
    'the scope lies elsewhere in the tree': { prefix: 'a' },
    'the scope lies at the root of the tree': { prefix: '' },
    'more is asked for': { more: [ANYTHING] },
    'it can no longer be met': { more: [{ type: 'unmeetable', what: 'rejects every image' }] },
    'a scope is added': { scopes: [createScope('c.example', undefined, [ANYTHING])] },
    'all other images are taken': { scopes: [createScope('', undefined, [ANYTHING])] },
    'the scopes come in another order': { isReversed: true },
  };
  for (const [what, parts] of Object.entries(changes)) {
    it(`is another one for a signer when ${what}`, async () => {
      const before = await idIn(await scopesOf(), toSigner(ours));
      assert.notEqual(await idIn(await scopesOf(parts), toSigner(ours)), before);
    });
  }

  it('is another one when engines change', async () => {
    for (const signer of [toSigner(ours), undefined]) {
      const before = await idIn(await scopesOf(), signer);
      assert.notEqual(await idIn(await scopesOf(), signer, `${ENGINES}.1`), before);
    }
  });

  it('is another one for every signer', async () => {
    const idOf = createVerdictIds(await createPolicy(await scopesOf()), ENGINES);
    const { fingerprint: primaryFingerprint } = toSigner(ours);
    const signers = [
      undefined,
      toSigner(ours),
      toSigner(other),
      toSigner(third),
      { ...toSigner(other), primaryFingerprint },
    ];
    const ids = signers.map(idOf);
    assert.equal(new Set(ids).size, signers.length);
    assert.deepEqual(signers.map(idOf), ids);
    for (const id of ids) assert.match(id, /^[\w-]{16}$/);
  });

  it('is another one for a signer whose subkey is revoked', async () => {
    const [good = '', revoked = ''] = await Promise.all(
      ['public-key-with-subkey', 'public-key-with-revoked-subkey'].map(async (name) => {
        const publicKey = await readVector(`containers-image/${name}.gpg`);
        const requirement = await by([{ publicKey }]);
        const fingerprint = requirement.keyring.keys[0]?.fingerprint ?? assert.fail();
        const scopes = [createScope('', undefined, [requirement])];
        return idIn(scopes, { fingerprint, primaryFingerprint: fingerprint });
      }),
    );
    assert.notEqual(good, revoked);
  });

  describe('without a signer', () => {
    const withStrangers = async (parts: Parts) =>
      scopesOf({ ...parts, scopes: [createScope('c.example', undefined, [ANYTHING])] });

    const keyChanges: Readonly<Record<string, Parts>> = {
      'a key is added': { a: [ours, other, third] },
      'a key is removed': { a: [other] },
      'a key is renewed': { a: [oursRenewed, other] },
      'a key is taken elsewhere too': { b: [other, ours] },
      'names of others are taken': { identity: exact },
    };
    for (const [what, parts] of Object.entries(keyChanges)) {
      it(`is another one when ${what}`, async () => {
        const before = await idIn(await withStrangers({}), undefined);
        assert.notEqual(await idIn(await withStrangers(parts), undefined), before);
      });
    }

    it('is another one when a key changes its state in one of two places', async () => {
      const expired = keyOfDay(1, 366 * DAY);
      const id = async (a: readonly PublicKey[]) =>
        idIn(await withStrangers({ a, b: [expired] }), undefined);
      assert.notEqual(await id([ours]), await id([ours, expired]));
    });

    it('is the same when the policy is read again', async () => {
      const ids = [1, 2].map(async () => idIn(await withStrangers({}), undefined));
      assert.equal(new Set(await Promise.all(ids)).size, 1);
    });

    it('is another one when there are keys for the first time', async () => {
      const nothing = await idIn([createScope('', undefined, [ANYTHING])], undefined);
      const nobody = await idIn([createScope('', undefined, [await by([])])], undefined);
      const key = await idIn([createScope('', undefined, [await by([ours])])], undefined);
      assert.equal(new Set([nothing, nobody, key]).size, 3);
    });
  });
});
