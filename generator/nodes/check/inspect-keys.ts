// The keys that a policy names, as they lie on the node.
import { messageOf } from '../../terms/errors.ts';
import { asSentence } from '../../terms/text.ts';
import { type KeyFile, KeyFileError } from '../../openpgp/keys/key-file.ts';
import type { Keyring } from '../../openpgp/keyring.ts';
import { readKeyring, readUsableKeyring } from '../../openpgp/read-keyring.ts';
import { KEY_NOTES, describeNote } from '../../openpgp/import/key-notes.ts';
import { findPrivateKey } from '../../openpgp/packets/private-keys.ts';
import type { Requirement } from '../../policy/policy.ts';
import type { UnreadRequirement, UnreadSignedBy } from '../../policy/policy-json.ts';
import { type NodeFinding, createFinding } from './finding.ts';
import type { FoundContent } from './node-state.ts';

/** A key file of a requirement; for its `keyData`, that of the policy. */
export interface PlacedKeys extends KeyFile {
  readonly keyring: Keyring;
  /** With the other files of the requirement, as nodes put them together. */
  readonly merged: Keyring;
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
  readonly keyFiles: ReadonlyMap<string, FoundContent>;
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
    const listed = listKeys(one, lookup);
    const read = await Promise.all(listed.map(async (file) => readPlace(file)));
    const good = read.filter((place) => 'keyring' in place);
    const { merged, added } = await mergeFiles(listed, read);
    const faults = read.flatMap((place, index) =>
      'code' in place && !added.has(index) ? toFault(place, listed[index], good.length > 0) : [],
    );
    findings.push(...faults);
    places.push(...good.map((place) => ({ ...place, merged })));
    requirements.push(
      faults.some(({ severity }) => severity === 'fault') || good.length === 0
        ? { type: 'unmeetable', what: 'has keys that cannot be read' }
        : {
            type: 'signedBy',
            keyring: merged,
            signedIdentity: one.signedIdentity,
            ...(one.keyPaths.length > 0 && { keyPaths: one.keyPaths }),
          },
    );
  }
  return { requirements, places, findings };
}

/**
 * The keys of all files, as nodes put them together, and which files count beside others only: they add
 * to a key of a file before them, as a revocation does.
 */
async function mergeFiles(
  listed: readonly ListedKeys[],
  read: readonly (ReadPlace | NodeFinding)[],
): Promise<{ readonly merged: Keyring; readonly added: ReadonlySet<number> }> {
  const files = listed.flatMap(({ path, found }, index) => {
    const place = read[index];
    const isPublic = place && ('keyring' in place || place.code === 'key-file-unreadable');
    return isPublic && found.kind === 'file' ? [{ index, path, bytes: found.bytes }] : [];
  });
  const { keyring: merged, faults } = await readUsableKeyring(files);
  const added = files.filter((file) => !faults.has(file)).map(({ index }) => index);
  return { merged, added: new Set(added) };
}

/** Nodes pass over a file without keys beside others (containers/image signature/mechanism_gpgme.go). */
function toFault(
  fault: NodeFinding,
  listed: ListedKeys | undefined,
  hasOthers: boolean,
): NodeFinding {
  const isPassedOver =
    hasOthers && fault.code === 'key-file-unreadable' && listed?.found.kind === 'file';
  return isPassedOver ? { ...fault, severity: 'warning' } : fault;
}

type ReadPlace = Omit<PlacedKeys, 'merged'>;

interface ListedKeys {
  readonly path: string;
  readonly found: FoundContent;
}

function listKeys(
  { keyPaths, keyData }: UnreadSignedBy,
  { policyPath, keyFiles }: KeyLookup,
): readonly ListedKeys[] {
  if (keyData) return [{ path: policyPath, found: { kind: 'file', bytes: keyData } }];
  return keyPaths.map((path) => ({
    path: toPlace(path),
    found: keyFiles.get(path) ?? { kind: 'missing' },
  }));
}

async function readPlace({ path, found }: ListedKeys): Promise<ReadPlace | NodeFinding> {
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

async function parseKeys(path: string, bytes: Uint8Array): Promise<ReadPlace | NodeFinding> {
  try {
    return { path, bytes, keyring: await readKeyring([{ path, bytes }]) };
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error;
    if (error.isPrivate) return privateKeyAt(path);
    const hint = error.hint === undefined ? undefined : asSentence(error.hint);
    const message = messageOf(error).replace(`${path}: `, '');
    return createFinding('key-file-unreadable', path, message, { hint });
  }
}

/** What of key files nodes do not take, or other clients do not. */
export function inspectKeyNotes(places: readonly PlacedKeys[]): readonly NodeFinding[] {
  return places.flatMap(({ path, keyring }) =>
    keyring.notes.map((note) => {
      const message = `expected a key file that all nodes take whole, but ${describeNote(note).slice(note.path.length + 2)}`;
      const hint = asSentence(KEY_NOTES[note.code].cure);
      return createFinding('key-not-taken', path, message, { severity: 'warning', hint });
    }),
  );
}

/** Key files with a private key, whatever requirement names them and whether or not it is ours. */
export function inspectPrivacy(
  requirements: readonly UnreadRequirement[],
  { keyFiles }: KeyLookup,
): readonly NodeFinding[] {
  return [...new Set(keyPathsOf(requirements))].flatMap((path) => {
    const found = keyFiles.get(path);
    const isPrivate = found?.kind === 'file' && findPrivateKey(found.bytes) === 'private';
    return isPrivate ? [privateKeyAt(toPlace(path))] : [];
  });
}

/** The finding of a file, or of a policy with keys in it, that holds a private key. */
export function privateKeyAt(path: string): NodeFinding {
  return createFinding('private-key', path, 'expected public keys, got a private key');
}

/** A path of a policy, relative to the node. */
function toPlace(path: string): string {
  return path.replace(/^\/+/, '');
}
