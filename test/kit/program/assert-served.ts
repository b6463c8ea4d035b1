import assert from 'node:assert/strict';
import { lookUp } from './look-up.ts';
import type { SignedFile } from '../signer/publisher.ts';

/** Throws unless a store gives exactly these bytes at the location. */
export async function assertServed(
  server: { readonly baseUrl: string },
  { location, bytes }: SignedFile,
): Promise<void> {
  const answer = await lookUp(server, location);
  assert.equal(answer.status, 200);
  assert.ok(answer.bytes.equals(bytes), 'the bytes that were signed');
}

/** Throws unless a store says that there is nothing at the location. */
export async function assertMissing(
  server: { readonly baseUrl: string },
  { location }: SignedFile,
): Promise<void> {
  assert.equal((await lookUp(server, location)).status, 404);
}
