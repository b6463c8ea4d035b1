import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import {
  type Policy,
  createPolicy,
  createScope,
  createSimplePolicy,
  keepIn,
} from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { findNewKeys, findWithdrawnKeys } from '../../../generator/proposal/key-changes.ts';
import { type Publisher, makePublisher } from '../../kit/signer/publisher.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

/** The keys of scopes, by their names; a string has a letter for each keyring that must have signed. */
type Scopes = Readonly<Record<string, string>>;

describeWith(['gpg'], 'the keys of two policies', () => {
  const directory = useTemporary('suite');
  let publisher: Publisher;
  const keyrings = new Map<string, Keyring>();
  before('make two keys', async () => {
    publisher = await makePublisher();
    for (const name of ['A', 'B']) {
      const key = await publisher.signer.makeKey({ algorithm: 'ed25519', name });
      const path = await publisher.signer.exportKeys(join(directory(), `${name}.asc`), key);
      keyrings.set(name, await readKeyring([{ path, bytes: await readFile(path) }]));
    }
  });
  after(() => publisher.stop());

  async function toPolicy(scopes: Scopes | undefined): Promise<Policy> {
    if (!scopes) return createSimplePolicy(undefined);
    return createPolicy(
      Object.entries(scopes).map(([name, letters]) => {
        const signedBy = letters.split('').flatMap((letter) => {
          const keyring = keyrings.get(letter);
          return keyring
            ? [{ type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const]
            : [];
        });
        return createScope(
          name,
          undefined,
          letters === '*' ? [{ type: 'insecureAcceptAnything' }] : signedBy,
        );
      }),
    );
  }

  it('are none of ours where the signatures are in another store', async () => {
    const own = await toPolicy({ 'r.test': 'A' });
    const scopes = [...own.scopes.values()].map((scope) => keepIn('https://v.test', scope));
    const elsewhere = await createPolicy(scopes);
    const nothing = await toPolicy({});
    assert.deepEqual(findNewKeys(nothing, elsewhere, new Date()), []);
    assert.deepEqual(findWithdrawnKeys(elsewhere, nothing, 'lookaside.yaml'), []);
    assert.equal(findWithdrawnKeys(own, elsewhere, 'lookaside.yaml').length, 1);
    assert.equal(findNewKeys(elsewhere, own, new Date()).length, 1);
  });

  const rows: readonly (readonly [
    title: string,
    old: Scopes | undefined,
    now: Scopes | undefined,
    missing: readonly string[],
  ])[] = [
    ['nothing where nothing changes', { 'r.test': 'AB' }, { 'r.test': 'BA' }, []],
    ['a key that is gone', { 'r.test': 'AB' }, { 'r.test': 'A' }, ['B for r.test']],
    ['a scope that is gone', { 'r.test': 'A' }, { 'other.test': 'A' }, ['A for r.test']],
    ['nothing where a wider scope has the key', { 'r.test/team': 'A' }, { 'r.test': 'A' }, []],
    [
      'a key that a wider scope lacks',
      { 'r.test/team': 'AB' },
      { 'r.test': 'A' },
      ['B for r.test/team'],
    ],
    ['the default', { '': 'AB' }, { '': 'B' }, ['A for all other images']],
    ['nothing where nodes take anything now', { 'r.test': 'A' }, { 'r.test': '*' }, []],
    [
      'all keys where there are no rules any more',
      { '': 'A' },
      undefined,
      ['A for all other images'],
    ],
    ['nothing where there were no rules', undefined, { '': 'A' }, []],
  ];
  for (const [title, old, now, missing] of rows) {
    it(`tell ${title}`, async () => {
      const [before, after] = [await toPolicy(old), await toPolicy(now)];
      const withdrawn = findWithdrawnKeys(before, after, 'lookaside.yaml');
      assert.deepEqual(
        withdrawn.map(({ message }) =>
          message.replace(/^expected the key [0-9A-F]{40} \((\w).*\) (for .*), got none$/, '$1 $2'),
        ),
        missing,
      );
      for (const { path, code } of withdrawn) {
        assert.deepEqual([path, code], ['lookaside.yaml', 'key-withdrawn']);
      }
      // The other way round, they are new.
      assert.deepEqual(
        findNewKeys(after, before, new Date()).map(({ message }) =>
          message.replace(/^accepts the new key [0-9A-F]{40} \((\w).*\) (for .*)$/, '$1 $2'),
        ),
        missing,
      );
    });
  }
});
