import assert from 'node:assert/strict';
import { Pages } from '../../../server/landing/prepared.ts';
import { findStoreAddress } from '../../../server/landing/store-address.ts';

describe('prepared pages', () => {
  it('are made once for an address, a generation and a minute', () => {
    const pages = new Pages();
    let made = 0;
    const read = (host: string, generation: number, minute: number): Buffer =>
      pages.read(
        findStoreAddress(undefined, 'http', host),
        { generation, minute },
        ({ url }) => `${url.base} ${++made}`,
      );
    const first = read('a.example', 1, 5);
    assert.equal(first.toString(), 'http://a.example 1');
    for (let time = 0; time < 100; time++) assert.equal(read('a.example', 1, 5), first);
    assert.equal(read('b.example', 1, 5).toString(), 'http://b.example 2');
    assert.equal(read('a.example', 2, 5).toString(), 'http://a.example 3');
    assert.equal(read('a.example', 2, 6).toString(), 'http://a.example 4');
    assert.equal(made, 4);
  });
});
