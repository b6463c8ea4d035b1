import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { loadStore } from '../../../generator/store/load-store.ts';
import type { SignatureStore } from '../../../generator/store/store.ts';
import { parseLocation } from '../../../generator/terms/location.ts';
import { findSignature } from '../../../server/lookups/find-signature.ts';
import { DIRECTORY, HEX, at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { createMemorySource } from '../../kit/server/memory-source.ts';

describe('finding a signature', () => {
  let store: SignatureStore;
  before('load', async () => {
    const files = { [at(1)]: 'one', [at(2)]: 'two', [`prefix/${at(1)}`]: 'three' };
    const snapshot = await createMemorySource({ commit: 'a', files }).refresh();
    store = await loadStore(snapshot, createFakeJudge(), new Date());
  });

  /** The same, parsed first. */
  const reference = (path: string): string => {
    const location = parseLocation(path);
    if (!location) return 'unknown';
    const signature = store.find(location.directory, location.number);
    if (signature) return Buffer.from(signature.bytes).toString();
    return location.number === 1 ? 'unsigned' : 'end';
  };
  const find = (path: string): string => {
    const found = findSignature(store, path);
    return typeof found === 'string' ? found : Buffer.from(found.bytes).toString();
  };

  const rows: Readonly<Record<string, string>> = {
    [at(1)]: 'one',
    [at(2)]: 'two',
    [at(3)]: 'end',
    [at(127)]: 'end',
    [at(128)]: 'end',
    [at(999_999_999)]: 'end',
    [`prefix/${at(1)}`]: 'three',
    [`prefix/${at(2)}`]: 'end',
    [`team/none@sha256=${HEX}/signature-1`]: 'unsigned',
    [`team/none@sha256=${HEX}/signature-2`]: 'end',
    [`${DIRECTORY}/signature-0`]: 'unknown',
    [`${DIRECTORY}/signature-01`]: 'unknown',
    [`${DIRECTORY}/signature-1000000000`]: 'unknown',
    [`${DIRECTORY}/`]: 'unknown',
    [DIRECTORY]: 'unknown',
    'signature-1': 'unknown',
    '/signature-1': 'unknown',
    'team/app/signature-1': 'unknown',
    [`../${at(1)}`]: 'unknown',
    '': 'unknown',
  };
  for (const [path, outcome] of Object.entries(rows)) {
    it(`${outcome}: ${JSON.stringify(path.replace(HEX, 'HEX'))}`, () => {
      assert.equal(find(path), outcome);
      assert.equal(reference(path), outcome);
    });
  }

  for (const [path, prefixes, outcome] of [
    [`sha256=${HEX}/signature-1`, [''], 'unsigned'],
    [`sha256=${HEX}/signature-2`, [''], 'end'],
    [`a/b/sha256=${HEX}/signature-1`, [''], 'unsigned'],
    [`a/sha256=${HEX}/signature-1`, ['a'], 'unsigned'],
    [`a/b/sha256=${HEX}/signature-1`, ['a'], 'unsigned'],
    [`ab/sha256=${HEX}/signature-1`, ['a'], 'unknown'],
    [`sha256=${HEX}/signature-1`, ['a', 'b'], 'unknown'],
    [`sha256=${HEX}/signature-1`, [], 'unknown'],
    [`sha256=${HEX}/signature-0`, [''], 'unknown'],
    [`sha256=${HEX.toUpperCase()}/signature-1`, [''], 'unknown'],
    [`../sha256=${HEX}/signature-1`, [''], 'unknown'],
    [`a//sha256=${HEX}/signature-1`, [''], 'unknown'],
    [`a@sha256=${HEX}/sha256=${HEX}/signature-1`, [''], 'unknown'],
    [`sha256=${HEX}/sha256=${HEX}/signature-1`, [''], 'unknown'],
    [`@sha256=${HEX}/signature-1`, [''], 'unknown'],
  ] as const) {
    const name = path.replaceAll(HEX, 'HEX');
    it(`${outcome}: ${name} of releases below ${JSON.stringify(prefixes)}`, () => {
      assert.equal(findSignature(store, path, prefixes), outcome);
      const isKnown = outcome !== 'unknown';
      assert.equal(findSignature(undefined, path, prefixes), isKnown ? 'loading' : 'unknown');
    });
  }

  it('is the same as parsing first, for any path', () => {
    const piece = fc.constantFrom(
      DIRECTORY,
      '/',
      'prefix/',
      '/signature-',
      '1',
      '2',
      '0',
      '@',
      HEX,
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 2 }))), (parts) => {
        const path = parts.join('');
        assert.equal(find(path), reference(path));
      }),
      { numRuns: 5000 },
    );
  });

  it('tells before the first generation what is a location', () => {
    assert.equal(findSignature(undefined, at(1)), 'loading');
    assert.equal(findSignature(undefined, at(200)), 'loading');
    assert.equal(findSignature(undefined, DIRECTORY), 'unknown');
  });
});
