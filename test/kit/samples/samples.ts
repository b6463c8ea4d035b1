import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { PublishableFile } from '../../../generator/gate/checked-file.ts';
import type { Location } from '../../../generator/terms/location.ts';
import { parseAnyLocation } from '../../../generator/terms/release-location.ts';
import { type Judge, type Signature, PolicyJudge } from '../../../generator/gate/judge.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Gpgv, openGpgv } from '../../../generator/openpgp/gpgv.ts';
import { createOpenMessage } from '../../../generator/openpgp/open-message.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { type Policy, createScope, createSimplePolicy } from '../../../generator/policy/policy.ts';
import { type Rejection, isRejection } from '../../../generator/terms/rejection.ts';
import { eventually } from '../eventually.ts';
import { findTool } from '../../with-tools.ts';
import type { Entry, FileEntry, Snapshot } from '../../../generator/sources/source.ts';

/** The digest and directory of the signatures in `fixtures/vectors/lab`. */
export const HEX = '0060a26e22b4722dae2e2dcf7b9c32bab27325b3eea3739d623a3df3ba500f9d';
export const DIRECTORY = `ns/repo@sha256=${HEX}`;

const VECTORS = new URL('../../fixtures/vectors/', import.meta.url);

export async function readVector(name: string): Promise<Buffer> {
  return readFile(new URL(name, VECTORS));
}

/** The keyring made of key files among the vectors. */
export async function keyringOf(...names: readonly string[]): Promise<Keyring> {
  return readKeyring(
    await Promise.all(names.map(async (path) => ({ path, bytes: await readVector(path) }))),
  );
}

const gpgvFiles = mkdtempSync(join(tmpdir(), 'la-gpgv-'));
// Not after the tests of a file: those of another may follow in this process.
process.once('exit', () => rmSync(gpgvFiles, { recursive: true, force: true }));
/** The engines as they are on this machine. */
export const gpgv = await openInstalled();

/** On a machine with much to do it may not answer in time, which would be as if it were missing. */
async function openInstalled(): Promise<Gpgv | undefined> {
  if (findTool('gpgv') === undefined) return undefined;
  return eventually(async () => {
    const opened = await openGpgv({ path: process.env['PATH'], directory: gpgvFiles });
    return opened ?? assert.fail('gpgv did not say which version it is');
  });
}

/** OpenPGP.js alone, and with gpgv where it is installed. */
export const openInProcess = createOpenMessage(undefined);
export const openMessage = createOpenMessage(gpgv);

/** A judge with both engines: for a policy, or any signature by a key of a keyring. */
export async function judgeOf(
  accepted: Policy | Keyring | undefined,
  expiryWarning = 0,
): Promise<Judge> {
  const policy = accepted && 'scopes' in accepted ? accepted : await createSimplePolicy(accepted);
  return new PolicyJudge({ policy, openMessage, expiryWarning });
}

export function locationOf(path: string): Location {
  const location = parseAnyLocation(path);
  assert(location, `${path} is no location`);
  return location;
}

/** A file that was accepted, with a signature that nothing looks into. */
export function publishable(path: string, signature: Partial<Signature> = {}): PublishableFile {
  const bytes = signature.bytes ?? Buffer.from(path);
  const hash = createHash('sha256').update(bytes).digest('base64url');
  const manifestDigest = `sha256:${HEX}`;
  const claims = { dockerReference: 'r/a:b', manifestDigest, creator: null, timestamp: null };
  const judged = { scope: createScope('', undefined, []), meets: [], warnings: [] } as const;
  const made = {
    status: 'accepted',
    signer: undefined,
    signedAt: 0,
    validFrom: -Infinity,
    validUntil: Infinity,
    gpgv: undefined,
    ...judged,
  } as const;
  const { directory, number } = locationOf(path);
  return {
    kind: 'publishable',
    path,
    directory,
    number,
    signature: { ...made, bytes, hash, claims, ...signature },
  };
}

/** The entry of a file of one byte, as snapshotOf has it. */
export function entryOf(path: string): FileEntry {
  return { kind: 'file', path, size: 1, id: path };
}

/** A snapshot that lies in memory: regular files, and entries of other kinds. */
export function snapshotOf(
  files: Readonly<Record<string, Uint8Array>>,
  others: readonly Entry[] = [],
): Snapshot {
  const entries = async function* (): AsyncGenerator<Entry> {
    for (const [path, bytes] of Object.entries(files)) {
      yield { kind: 'file', path, size: bytes.length, id: path };
    }
    yield* others;
  };
  return {
    entries,
    count: async () => Object.keys(files).length + others.length,
    changesSince: entries,
    read: async ({ path }) => files[path] ?? new Uint8Array(),
    close: async () => {},
  };
}

/** Asserts that a result is a rejection, and gives it. */
export function rejectionOf(result: object | undefined): Rejection {
  assert(result !== undefined && isRejection(result), 'it was not rejected');
  return result;
}
