import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  type KeyPlacesOptions,
  SharedKeyFileError,
  placeKeys,
} from '../../../generator/nodes/key-files.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { type Scope, type SignedBy, createScope } from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { keyringOf } from '../../kit/samples/samples.ts';
import { scopeLists } from './random-scopes.ts';

const FILES: KeyPlacesOptions = { form: 'file', name: 'lookaside', haveKeyPaths: false };
const NEWER: KeyPlacesOptions = { ...FILES, haveKeyPaths: true };

function requirementOf(keyring: Keyring): SignedBy {
  return { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY };
}

function scopeOf(name: string, ...keyrings: readonly Keyring[]): Scope {
  return createScope(name, undefined, keyrings.map(requirementOf));
}

const fingerprintsOf = ({ keys }: Keyring): string[] => keys.map(({ fingerprint }) => fingerprint);

const pathsOf = (scopes: readonly Scope[], options = FILES): string[] =>
  placeKeys(scopes, options).files.map(({ path }) => path.replace('etc/pki/containers/', ''));

describe('generator: key files for nodes', () => {
  let one: Keyring;
  let other: Keyring;
  let both: Keyring;
  before(async () => {
    const [first, second] = ['lab/keys/ed25519.gpg', 'lab/keys/lab.gpg'] as const;
    [one, other, both] = await Promise.all([
      keyringOf(first),
      keyringOf(second),
      keyringOf(first, second),
    ]);
  });

  it('hold all keys of a scope in one armored block', async () => {
    const { files, membersFor } = placeKeys([scopeOf('quay.io/team', both)], FILES);
    const [file] = files;
    assert.ok(file);
    assert.equal(files.length, 1);
    assert.equal(file.path, 'etc/pki/containers/lookaside-quay.io-team.asc');
    assert.deepEqual(membersFor(requirementOf(both)), { keyPath: `/${file.path}` });
    const text = Buffer.from(file.bytes).toString();
    assert.equal(text.match(/BEGIN PGP PUBLIC KEY BLOCK/g)?.length, 1);
    assert.match(text, /\n=[A-Za-z0-9+/]{4}\n-----END/);
    assert.deepEqual(fingerprintsOf(await readKeyring([file])), fingerprintsOf(both));
  });

  it('are one for each key where all clients know keyPaths', async () => {
    const { files, membersFor } = placeKeys([scopeOf('quay.io/team', both)], NEWER);
    const stems = fingerprintsOf(both).map(
      (print) => `etc/pki/containers/lookaside-quay.io-team-${print}.asc`,
    );
    assert.deepEqual(
      files.map(({ path }) => path),
      stems,
    );
    assert.deepEqual(membersFor(requirementOf(both)), {
      keyPaths: stems.map((path) => `/${path}`),
    });
    assert.deepEqual(pathsOf([scopeOf('quay.io/team', one)], NEWER), [
      'lookaside-quay.io-team.asc',
    ]);
  });

  it('are one for each key where all must have signed, whatever the clients', () => {
    for (const options of [FILES, NEWER]) {
      const { membersFor } = placeKeys([scopeOf('quay.io/team', one, other)], options);
      for (const keyring of [one, other]) {
        const [print] = fingerprintsOf(keyring);
        const keyPath = `/etc/pki/containers/lookaside-quay.io-team-${print}.asc`;
        assert.deepEqual(membersFor(requirementOf(keyring)), { keyPath });
      }
    }
  });

  it('have names that can be read', () => {
    const names = ['', '*.example.com', 'h.example:5000/a/b', 'h.example/a:v1', '[::1]:80/x'];
    assert.deepEqual(pathsOf(names.map((name) => scopeOf(name, one))), [
      'lookaside.asc',
      'lookaside-any.example.com.asc',
      'lookaside-h.example-5000-a-b.asc',
      'lookaside-h.example-a-v1.asc',
      'lookaside----1--80-x.asc',
    ]);
    assert.deepEqual(pathsOf([scopeOf('', one)], { ...FILES, name: 'acme' }), ['acme.asc']);
  });

  it('are told apart where two scopes read alike, in whatever order they come', () => {
    const scopes = [
      'h.example/a-b',
      'h.example/a/b',
      'h.example/c',
      'any.example',
      '*.example',
    ].map((name) => scopeOf(name, one));
    const paths = pathsOf(scopes);
    assert.equal(new Set(paths).size, scopes.length);
    assert.deepEqual(pathsOf(scopes.toReversed()).toReversed(), paths);
    assert.equal(paths[2], 'lookaside-h.example-c.asc');
    assert.match(paths[0] ?? '', /^lookaside-h\.example-a-b-[0-9a-f]{8}\.asc$/);
    const [print] = fingerprintsOf(one);
    const disguised = [scopeOf('h.example/c', one, other), scopeOf(`h.example/c:${print}`, other)];
    assert.equal(new Set(pathsOf(disguised)).size, 3);
  });

  it('have names that file systems take', () => {
    const long = `h.example/${'a'.repeat(240)}`;
    const names = [`${long}:v1`, `${long}:v2`, `${long}@sha256:${'ab'.repeat(32)}`];
    const scopes = names.map((name) => scopeOf(name, one, other));
    const paths = pathsOf(scopes, { ...FILES, name: 'x'.repeat(63) });
    assert.equal(new Set(paths).size, 6);
    for (const path of paths) assert.ok(path.length <= 255, path);
  });

  it('are none where the policy holds the keys', () => {
    const { files, membersFor } = placeKeys([scopeOf('h.example', both)], {
      ...FILES,
      form: 'data',
    });
    assert.deepEqual(files, []);
    const keyData = Buffer.from(both.packets).toString('base64');
    assert.deepEqual(membersFor(requirementOf(both)), { keyData });
  });

  it('are one for all scopes that OpenShift takes without a reboot', async () => {
    const swapped = await keyringOf('lab/keys/lab.gpg', 'lab/keys/ed25519.gpg');
    const scopes = [scopeOf('h.example', both), scopeOf('i.example', swapped)];
    const { files, membersFor } = placeKeys(scopes, { ...FILES, form: 'no-reboot' });
    const path = 'etc/machine-config-daemon/no-reboot/containers-gpg.pub';
    assert.deepEqual(
      files.map((file) => file.path),
      [path],
    );
    for (const keyring of [both, swapped]) {
      assert.deepEqual(membersFor(requirementOf(keyring)), { keyPath: `/${path}` });
    }
  });

  it('cannot be one for scopes with different keys', () => {
    const options: KeyPlacesOptions = { ...FILES, form: 'no-reboot' };
    for (const scopes of [
      [scopeOf('h.example', one), scopeOf('i.example', both)],
      [scopeOf('h.example', one, other)],
    ]) {
      assert.throws(() => placeKeys(scopes, options), SharedKeyFileError);
    }
  });

  it('never share a name', () => {
    fc.assert(
      fc.property(scopeLists, fc.boolean(), (scopes, haveKeyPaths) => {
        const paths = pathsOf(scopes, { ...FILES, haveKeyPaths });
        assert.equal(new Set(paths).size, paths.length);
        for (const path of paths) assert.match(path, /^[\w.-]+\.asc$/);
      }),
    );
  });
});
