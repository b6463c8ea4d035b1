import assert from 'node:assert/strict';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { findLoosenings } from '../../../generator/policy/strictness.ts';
import { type Requirement, createScope } from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { keyringOf } from '../../kit/samples/samples.ts';

const ANYTHING: readonly Requirement[] = [{ type: 'insecureAcceptAnything' }];
const REJECT: readonly Requirement[] = [{ type: 'unmeetable', what: 'rejects every image' }];
const SIGSTORE: readonly Requirement[] = [{ type: 'elsewhere', what: 'asks for sigstore' }];

const by = (keyring: Keyring): readonly Requirement[] => [
  { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY },
];

describe('generator: what scopes loosen in a policy', () => {
  let red: readonly Requirement[];
  let blue: readonly Requirement[];
  before(async () => {
    red = by(await keyringOf('lab/keys/ed25519.gpg'));
    blue = by(await keyringOf('lab/keys/lab.gpg'));
  });

  /** What a scope of images signed by red loosens: `KIND OTHER (REASON)`. */
  const loosened = (
    name: string,
    installed: Readonly<Record<string, readonly Requirement[]>>,
    byDefault = REJECT,
  ): readonly string[] => {
    const scopes = new Map(Object.entries(installed));
    const found = findLoosenings([createScope(name, undefined, red)], { scopes, byDefault });
    return found.map(({ kind, scope, other = 'the default', reason }) => {
      assert.equal(scope, name);
      return `${kind} ${other}${reason === undefined ? '' : ` (${reason})`}`;
    });
  };
  const IN = 'quay.io/team';

  it('is nothing where a scope asks for the same or more', () => {
    assert.deepEqual(loosened(IN, { [IN]: red }), []);
    assert.deepEqual(loosened(IN, { [IN]: ANYTHING }), []);
    assert.deepEqual(loosened(IN, { 'quay.io': red, '': blue }), []);
    assert.deepEqual(loosened('', { '': red }, blue), []);
  });

  it('is a scope that loses requirements', () => {
    assert.deepEqual(loosened(IN, { [IN]: blue }), [`replaced ${IN}`]);
    assert.deepEqual(loosened(IN, { [IN]: REJECT }), [`replaced ${IN} (rejects every image)`]);
    assert.deepEqual(loosened(IN, { [IN]: SIGSTORE }), [`replaced ${IN} (asks for sigstore)`]);
    assert.deepEqual(loosened('', { '': blue }), ['replaced ']);
  });

  it('is the scope around a new one that asks less', () => {
    assert.deepEqual(loosened(IN, { 'quay.io': blue, '': red }), ['taken out quay.io']);
    assert.deepEqual(loosened(IN, { '*.io': SIGSTORE }), ['taken out *.io (asks for sigstore)']);
    assert.deepEqual(loosened(IN, { '': blue }), ['taken out ']);
    assert.deepEqual(loosened(IN, {}, blue), ['taken out the default']);
    assert.deepEqual(loosened(`${IN}/app:v1`, { [`${IN}/app`]: blue }), [`taken out ${IN}/app`]);
    assert.deepEqual(loosened('*.b.example', { '*.example': blue }), ['taken out *.example']);
    assert.deepEqual(loosened('', {}, blue), ['taken out the default']);
  });

  it('is not what let nothing through, and is opened on purpose', () => {
    assert.deepEqual(loosened(IN, { 'quay.io': REJECT }, blue), []);
    assert.deepEqual(loosened(IN, {}), []);
    assert.deepEqual(loosened('', {}), []);
  });

  it('is a scope within a new one that lets through what that keeps out', () => {
    const open = { [`${IN}/a`]: ANYTHING, 'quay.io/x': ANYTHING, [`${IN}/b`]: blue };
    assert.deepEqual(loosened(IN, open), [`left ${IN}/a`, `left ${IN}/b`]);
    const kept = { [`${IN}/a`]: red, [`${IN}/b`]: REJECT, [`${IN}/c`]: [...blue, ...red] };
    assert.deepEqual(loosened(IN, kept), []);
    const sigstore = { [`${IN}/a`]: SIGSTORE };
    assert.deepEqual(loosened(IN, sigstore), [`left ${IN}/a (asks for sigstore)`]);
    assert.deepEqual(loosened('*.io', { 'quay.io:5000/x': ANYTHING }), ['left quay.io:5000/x']);
    assert.deepEqual(loosened('', open), []);
  });

  it('is not a scope within one that is replaced with it', () => {
    const scopes = [IN, `${IN}/a`].map((name) => createScope(name, undefined, red));
    const installed = { scopes: new Map([[`${IN}/a`, ANYTHING]]), byDefault: REJECT };
    assert.deepEqual(findLoosenings(scopes, installed), []);
  });
});
