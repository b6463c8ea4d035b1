import assert from 'node:assert/strict';
import { parseStoreUrl } from '../../../generator/nodes/store-url.ts';
import { toPrintable } from '../../../generator/terms/text.ts';
import { findStoreAddress } from '../../../server/landing/store-address.ts';

describe('the address of the store', () => {
  it('is the configured one, whatever was asked', () => {
    const url = parseStoreUrl('https://sigs.example/store?token=x');
    assert.deepEqual(findStoreAddress(url, 'http', 'other.example'), { url, origin: 'configured' });
  });

  const hosts = {
    'sigs.example': 'http://sigs.example',
    'sigs.example:8080': 'http://sigs.example:8080',
    'SIGS.example': 'http://sigs.example',
    my_store: 'http://my_store',
    '192.0.2.1:80': 'http://192.0.2.1',
    '[2001:db8::1]:8080': 'http://[2001:db8::1]:8080',
  };
  for (const [host, base] of Object.entries(hosts)) {
    it(`is the one that was asked: ${host}`, () => {
      const address = findStoreAddress(undefined, 'http', host);
      assert.deepEqual(address, { url: { base, query: '' }, origin: 'asked' });
    });
  }

  it('is asked over TLS too', () => {
    assert.equal(findStoreAddress(undefined, 'https', 'a').url.base, 'https://a');
  });

  const strange = [
    undefined,
    '',
    'a b',
    'user:password@sigs.example',
    "sigs.example';reboot;'",
    '$(reboot).example',
    '`reboot`.example',
    'a/../b',
    'a?b',
    'a#b',
    'a%2fb',
    'sigs.example:99999',
    'sigs.example:',
    '[::1',
    '[:::::]',
    'x'.repeat(254),
    '\u202esigs.example',
    '"><script>alert(1)</script>',
  ];
  for (const host of strange) {
    it(`is not known by the host ${toPrintable(String(host))}`, () => {
      const { url, origin } = findStoreAddress(undefined, 'https', host);
      assert.deepEqual([url.base, origin], ['https://this-host', 'unknown']);
    });
  }
});
