// The keys that a policy names, as they lie on the node.
import { messageOf } from '../message-of.ts';
import { type KeyFile, KeyFileError, type Keyring, readKeyring } from '../openpgp/openpgp-js.ts';
import type { Requirement } from '../policy/policy.ts';
import type { UnreadRequirement, UnreadSignedBy } from '../policy/policy-json.ts';
import { toPrintable } from '../printable.ts';
import { type NodeFinding, createFinding } from './finding.ts';
import type { Found } from './node-state.ts';
import type { WantedNode } from './wanted-node.ts';

/** A key file of a requirement; for its `keyData`, that of the policy. */
export interface PlacedKeys extends KeyFile {
  readonly keyring: Keyring;
}

/** Requirements with the keys that they name. */
export interface ReadRequirements {
  readonly requirements: readonly Requirement[];
  readonly places: readonly PlacedKeys[];
  /** Why some keys could not be read; such requirements are then unmeetable, as on nodes. */
  readonly findings: readonly NodeFinding[];
}

/** Where keys are looked up. */
export interface KeyLookup {
  readonly policyPath: string;
  readonly keyFiles: ReadonlyMap<string, Found>;
}

/** The key files that requirements name, as written. */
export function keyPathsOf(requirements: readonly UnreadRequirement[]): readonly string[] {
  return requirements.flatMap((one) => (one.type === 'signedBy' ? one.keyPaths : []));
}

/** Reads the keys of requirements. */
export async function readRequirements(
  unread: readonly UnreadRequirement[],
  lookup: KeyLookup,
): Promise<ReadRequirements> {
  const requirements: Requirement[] = [];
  const places: PlacedKeys[] = [];
  const findings: NodeFinding[] = [];
  for (const one of unread) {
    if (one.type !== 'signedBy') {
      requirements.push(one);
      continue;
    }
    const read = await Promise.all(listKeys(one, lookup).map(async (file) => readPlace(file)));
    const good = read.filter((place) => 'keyring' in place);
    findings.push(...read.filter((place) => 'code' in place));
    places.push(...good);
    requirements.push(
      good.length < read.length
        ? { type: 'unmeetable', what: 'has keys that cannot be read' }
        : {
            type: 'signedBy',
            keyring: await readKeyring(good),
            signedIdentity: one.signedIdentity,
          },
    );
  }
  return { requirements, places, findings };
}

interface ListedKeys {
  readonly path: string;
  readonly found: Found;
}

function listKeys(
  { keyPaths, keyData }: UnreadSignedBy,
  { policyPath, keyFiles }: KeyLookup,
): readonly ListedKeys[] {
  if (keyData) return [{ path: policyPath, found: { kind: 'file', bytes: keyData } }];
  return keyPaths.map((path) => ({
    path: path.replace(/^\/+/, ''),
    found: keyFiles.get(path) ?? { kind: 'missing' },
  }));
}

async function readPlace({ path, found }: ListedKeys): Promise<PlacedKeys | NodeFinding> {
  switch (found.kind) {
    case 'missing':
      return createFinding('key-file-missing', path, 'expected a file of public keys, got none');
    case 'unreadable': {
      const message = `expected a file of public keys, got ${found.reason}`;
      return createFinding('key-file-unreadable', path, message);
    }
    case 'file':
      return parseKeys(path, found.bytes);
  }
}

async function parseKeys(path: string, bytes: Uint8Array): Promise<PlacedKeys | NodeFinding> {
  try {
    return { path, bytes, keyring: await readKeyring([{ path, bytes }]) };
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error;
    const message = messageOf(error).replace(`${path}: `, '');
    return createFinding(error.isPrivate ? 'private-key' : 'key-file-unreadable', path, message);
  }
}

/** Which of the wanted keys have expired where they lie, or will soon. */
export function inspectExpiry(
  places: readonly PlacedKeys[],
  wantedKeys: ReadonlySet<string>,
  { now, expiryWarning }: WantedNode,
): readonly NodeFinding[] {
  const keys = places.flatMap(({ path, keyring }) => keyring.keys.map((key) => ({ ...key, path })));
  return keys.flatMap(({ path, fingerprint, userIds, expires }) => {
    if (expires === null || !wantedKeys.has(fingerprint)) return [];
    const left = Date.parse(expires) - now.getTime();
    if (left > 0 && left > expiryWarning) return [];
    const key = `${fingerprint} (${toPrintable(userIds.join(', '))})`;
    if (left > 0) {
      const message = `the key ${key} expires on ${expires}`;
      return [createFinding('key-expires-soon', path, message, { severity: 'warning' })];
    }
    return [
      createFinding(
        'key-expired',
        path,
        `expected a key that is good, got ${key}, which expired on ${expires}`,
      ),
    ];
  });
}
