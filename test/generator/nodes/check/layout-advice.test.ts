import assert from 'node:assert/strict';
import { adviseOnLayout } from '../../../../generator/nodes/check/layout-advice.ts';
import type { NodeFilesOptions } from '../../../../generator/nodes/node-files.ts';
import { parseStoreUrl } from '../../../../generator/nodes/store-url.ts';
import { createScope } from '../../../../generator/policy/policy.ts';

const OPTIONS: NodeFilesOptions = {
  name: 'lookaside',
  url: parseStoreUrl('https://sigs.example'),
  clients: 'any',
  staging: undefined,
  isRootless: false,
  keyForm: 'file',
  byDefault: 'insecureAcceptAnything',
  existing: undefined,
};

const advise = (options: Partial<NodeFilesOptions> = {}, name = 'quay.io'): string => {
  const scopes = [createScope(name, undefined, [{ type: 'insecureAcceptAnything' }])];
  return adviseOnLayout(scopes, { ...OPTIONS, ...options }).join('\n');
};

describe('generator: advice on what nodes already have', () => {
  const existing = { default: [{ type: 'reject' }], transports: {} };

  it('tells of other files with the same scopes', () => {
    assert.match(advise({ existing }), /^nodes fail every pull if another file .* has one of .*$/);
    assert.match(advise({}, ''), /^nodes fail every pull .* has default-docker or one of these/);
  });

  it('tells that the policy is replaced, where it is not merged', () => {
    assert.match(
      advise(),
      /^the policy\.json of nodes is replaced as a whole: --merge FILE keeps/m,
    );
    assert.doesNotMatch(advise({ existing }), /replaced/);
  });

  it('tells what a rejecting default does to local images', () => {
    const rejecting = { byDefault: 'reject' } as const;
    assert.match(
      advise(rejecting),
      /^--default reject also refuses images from dir:, oci:, .*load/m,
    );
    assert.match(advise({ ...rejecting, staging: '/s' }), /skopeo copy --sign-by fails there/);
    assert.doesNotMatch(advise(), /--default reject/);
  });

  it('tells that --default does not hold beside keys for all images', () => {
    const kept = /^keys without a scope hold for all other images from registries: --default /m;
    assert.match(advise({ existing }, ''), kept);
    assert.doesNotMatch(advise(), kept);
    assert.doesNotMatch(advise({ existing, byDefault: undefined }, ''), kept);
  });

  it('tells users of Docker Hub from its official images', () => {
    assert.match(
      advise({}, 'docker.io/busybox'),
      /^docker\.io\/busybox covers images of the user busybox; .* docker\.io\/library\/busybox$/m,
    );
    for (const name of ['docker.io', 'docker.io/library', 'docker.io/a/b', 'quay.io/busybox']) {
      assert.doesNotMatch(advise({}, name), /of the user/);
    }
  });
});
