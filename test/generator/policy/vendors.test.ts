import assert from 'node:assert/strict';
import { formatStoreUrl, parseStoreUrl } from '../../../generator/nodes/store-url.ts';
import { isScopeName } from '../../../generator/policy/scope-name.ts';
import {
  VENDORS,
  VENDOR_NAMES,
  type VendorScope,
  findVendorScope,
  listVendorScopes,
} from '../../../generator/policy/vendors.ts';

describe('generator: the entries of vendors', () => {
  it('are all named', () => {
    assert.deepEqual([...VENDOR_NAMES].toSorted(), Object.keys(VENDORS).toSorted());
  });

  for (const vendor of VENDOR_NAMES) {
    for (const [scope, entry] of Object.entries<VendorScope>(VENDORS[vendor])) {
      it(`have a scope and an address that nodes take: ${scope}`, () => {
        assert.ok(isScopeName(scope));
        assert.equal(formatStoreUrl(parseStoreUrl(entry.store), ''), entry.store);
        assert.match(entry.store, /^https:/);
        assert.match(entry.keyPath ?? '/', /^\//);
      });
    }
  }

  it('hold for parts of their scopes, and for nothing else', () => {
    const entry = VENDORS.redhat['registry.redhat.io'];
    for (const scope of ['registry.redhat.io', 'registry.redhat.io/ubi9/ubi:9.4']) {
      assert.equal(findVendorScope('redhat', scope), entry);
    }
    for (const scope of ['', '*.redhat.io', 'redhat.io', 'mirror.example/registry.redhat.io']) {
      assert.equal(findVendorScope('redhat', scope), undefined);
    }
    assert.deepEqual(listVendorScopes('suse'), ['registry.opensuse.org', 'registry.suse.com']);
  });
});
