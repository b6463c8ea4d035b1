import assert from 'node:assert/strict';
import { lookUp } from '../program/look-up.ts';
import type { Lookaside } from '../program/lookaside.ts';

/** Asks for paths: each gives these bytes, or this status. */
export async function assertServed(
  server: Lookaside,
  served: Readonly<Record<string, Uint8Array | number>>,
): Promise<void> {
  for (const [path, expected] of Object.entries(served)) {
    const { status, bytes } = await lookUp(server, path);
    if (typeof expected === 'number') assert.deepEqual([path, status], [path, expected]);
    else assert.deepEqual([path, status, bytes], [path, 200, Buffer.from(expected)]);
  }
}
