import assert from 'node:assert/strict';
import {
  type NodeFilesOptions,
  createNodeFiles,
  signedScopes,
} from '../../../generator/nodes/node-files.ts';
import { readPolicyJson } from '../../../generator/nodes/policy-file.ts';
import { parseStoreUrl } from '../../../generator/nodes/store-url.ts';
import { type Policy, createPolicy, createScope } from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { keyringOf } from '../../kit/samples/samples.ts';

const OPTIONS: NodeFilesOptions = {
  name: 'acme',
  url: parseStoreUrl('https://sigs.example'),
  clients: 'any',
  staging: undefined,
  isRootless: false,
  keyForm: 'file',
  byDefault: 'reject',
  existing: undefined,
};

/** What the policy says of images that no scope covers. */
function defaultOf(policy: Policy, options: Partial<NodeFilesOptions>): unknown {
  const file = createNodeFiles(policy, { ...OPTIONS, ...options }).at(-1);
  return readPolicyJson(Buffer.from(file?.bytes ?? []).toString()).default;
}

describe('generator: the files for nodes', () => {
  let policy: Policy;
  before(async () => {
    const keyring = await keyringOf('lab/keys/ed25519.gpg');
    const signedBy = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const;
    policy = await createPolicy([
      createScope('quay.io', undefined, [signedBy]),
      createScope('', undefined, [signedBy]),
      createScope('mixed.example', undefined, [signedBy, { type: 'elsewhere', what: 'x' }]),
      createScope('open.example', undefined, [{ type: 'insecureAcceptAnything' }]),
      createScope('shut.example', undefined, [{ type: 'unmeetable', what: 'x' }]),
    ]);
  });
  const pathsOf = (options: Partial<NodeFilesOptions> = {}): string[] =>
    createNodeFiles(policy, { ...OPTIONS, ...options }).map(({ path }) => path);

  it('lie where clients look for them, the policy last', () => {
    assert.deepEqual(pathsOf(), [
      'etc/pki/containers/acme-quay.io.asc',
      'etc/pki/containers/acme.asc',
      'etc/containers/registries.d/acme.yaml',
      'etc/containers/registries.d/default.yaml',
      'etc/containers/policy.json',
    ]);
  });

  it('lie in a home directory, with the keys in the policy', () => {
    assert.deepEqual(pathsOf({ isRootless: true, keyForm: 'data' }), [
      '.config/containers/registries.d/acme.yaml',
      '.config/containers/registries.d/default.yaml',
      '.config/containers/policy.json',
    ]);
  });

  it('are for scopes that ask for nothing but signatures', () => {
    assert.deepEqual(
      signedScopes(policy).map(({ name }) => name),
      ['quay.io', ''],
    );
  });

  it('reject what no scope covers where nothing else is said', () => {
    assert.deepEqual(defaultOf(policy, { byDefault: undefined }), [{ type: 'reject' }]);
    const existing = { default: [{ type: 'insecureAcceptAnything' }], transports: {} };
    assert.deepEqual(defaultOf(policy, { byDefault: undefined, existing }), existing.default);
    assert.deepEqual(defaultOf(policy, { existing }), [{ type: 'reject' }]);
  });
});
