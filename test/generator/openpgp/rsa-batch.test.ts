import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import { packTasks, unpackTasks } from '../../../generator/openpgp/rsa-batch.ts';

const KEYS = [1024, 1536].map(
  (modulusLength) => generateKeyPairSync('rsa', { modulusLength }).publicKey,
);

describe('generator: OpenPGP: RSA tasks on their way to a thread', () => {
  it('come out as they went in', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const task = fc.record(
      {
        key: fc.constantFrom(...KEYS),
        hashName: fc.constantFrom('sha256', 'sha512'),
        signed: bytes,
        digestStart: bytes,
        signature: bytes,
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(task), (tasks) => {
        assert.deepEqual(unpackTasks(structuredClone(packTasks(tasks))), tasks);
      }),
    );
  });
});
