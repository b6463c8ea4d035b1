import assert from 'node:assert/strict';
import { adviseOnReleaseStores } from '../../../generator/nodes/release-stores.ts';
import { parseStoreUrl } from '../../../generator/nodes/store-url.ts';

describe('the release areas of a store', () => {
  it('are told to clusters with their addresses, which end in a slash', () => {
    const url = parseStoreUrl('https://signatures.example.com/store');
    const [configMaps = '', patch = ''] = adviseOnReleaseStores(['', 'openshift'], url);
    assert.match(configMaps, /lookaside release configmap/);
    assert.match(patch, /feature gate SignatureStores/);
    const [, json = ''] = /--patch '(.*)'$/.exec(patch) ?? [];
    assert.deepEqual(JSON.parse(json), {
      spec: {
        signatureStores: [
          { url: 'https://signatures.example.com/store/' },
          { url: 'https://signatures.example.com/store/openshift/' },
        ],
      },
    });
  });

  it('are no matter where there are none, and where the store is a directory', () => {
    assert.deepEqual(adviseOnReleaseStores([], parseStoreUrl('https://a.example')), []);
    assert.deepEqual(adviseOnReleaseStores([''], parseStoreUrl('file:///srv')), []);
  });
});
