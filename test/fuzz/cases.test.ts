import assert from 'node:assert/strict';
import { makeCases } from './cases.ts';
import { forgeKeys } from './forged-keys.ts';
import { forgePlainMessage } from './forged-message.ts';
import type { Material } from './material.ts';
import { validPayload } from './payload.ts';
import { PLACES } from './place.ts';
import { generateRsa } from '../kit/signer/generate-key.ts';

describe('fuzz: cases', () => {
  const privateKey = generateRsa(2048);
  const forgedKeys = forgeKeys(privateKey);
  const messages = forgedKeys.map((key) => ({
    what: `by ${key.name}`,
    bytes: forgePlainMessage(key, validPayload(PLACES[0])),
  }));
  const material: Material = { keyring: Buffer.alloc(0), messages, forgedKeys };

  it('are the same for the same seed', () => {
    assert.deepEqual([...makeCases(material, 7, 200)], [...makeCases(material, 7, 200)]);
  });

  it('are others for another seed', () => {
    assert.notDeepEqual([...makeCases(material, 7, 200)], [...makeCases(material, 8, 200)]);
  });

  it('are as many as asked for, and of every kind', () => {
    const cases = [...makeCases(material, 9, 2000)];
    assert.equal(cases.length, 2000);
    assert.equal([...makeCases(material, 9, 3)].length, 3);
    const kinds = new Set(cases.flatMap((one) => one.kinds));
    for (const kind of ['by gpg', 'forged', 'payload', 'frame', 'reframed', 'truncated']) {
      assert.ok(kinds.has(kind), kind);
    }
  });
});
