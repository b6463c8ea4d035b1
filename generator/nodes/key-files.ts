// Where nodes find the public keys of each scope.
import { createHash } from 'node:crypto';
import type { Keyring } from '../openpgp/keyring.ts';
import { armorKeys } from '../openpgp/openpgp-js.ts';
import type { Scope, SignedBy } from '../policy/policy.ts';
import type { NodeFile } from './node-file.ts';

/**
 * How keys reach nodes: as files beside the policy; as data inside it; or as the one file that
 * OpenShift's machine-config operator takes without starting the node anew.
 */
export type KeyForm = 'file' | 'data' | 'no-reboot';

export const KEY_DIRECTORY = 'etc/pki/containers';
/** machine-config-operator pkg/daemon/constants: GPGNoRebootPath, one file and no other beside it. */
const NO_REBOOT_PATH = 'etc/machine-config-daemon/no-reboot/containers-gpg.pub';

const HASH_DIGITS = 8;
/** Of 255 bytes that a file name may have, what a hash, a fingerprint and `.asc` leave. */
const MAX_READABLE = 200;
/** What names of files of single keys end with. */
const FINGERPRINT_END = /[0-9A-F]{40}$/;

/** The one file is there for all scopes, which ask for different keys. */
export class SharedKeyFileError extends Error {
  override readonly name = 'SharedKeyFileError';
}

/** What a `signedBy` requirement says of its keys. */
export type KeyMembers =
  | { readonly keyPath: string }
  | { readonly keyPaths: readonly string[] }
  | { readonly keyData: string };

/** Where the keys of some scopes are. */
export interface KeyPlaces {
  readonly files: readonly NodeFile[];
  /** The members for one of the scopes' requirements. */
  readonly membersFor: (requirement: SignedBy) => KeyMembers;
}

export interface KeyPlacesOptions {
  readonly form: KeyForm;
  /** What file names begin with. */
  readonly name: string;
  /** Whether all clients know `keyPaths` (containers/image 5.22). */
  readonly haveKeyPaths: boolean;
}

/**
 * Lays out the keys of scopes; those that nodes have already are named where they are.
 * @throws SharedKeyFileError if one file shall do for scopes with different keys.
 */
export function placeKeys(scopes: readonly Scope[], options: KeyPlacesOptions): KeyPlaces {
  const toBePlaced = scopes.filter((scope) => !hasKeysOnNodes(scope));
  const { files, membersFor } = placeOwnKeys(toBePlaced, options);
  return {
    files,
    membersFor: ({ keyring, keyPaths }) =>
      keyPaths ? toPathMembers(keyPaths) : membersFor(keyring),
  };
}

/** Whether nodes have the keys of a scope already. */
export function hasKeysOnNodes({ signedBy }: Pick<Scope, 'signedBy'>): boolean {
  return signedBy.some(({ keyPaths }) => keyPaths !== undefined);
}

function toPathMembers(keyPaths: readonly string[]): KeyMembers {
  const [keyPath = ''] = keyPaths;
  return keyPaths.length === 1 ? { keyPath } : { keyPaths };
}

interface OwnKeyPlaces extends Pick<KeyPlaces, 'files'> {
  readonly membersFor: (keyring: Keyring) => KeyMembers;
}

function placeOwnKeys(scopes: readonly Scope[], options: KeyPlacesOptions): OwnKeyPlaces {
  switch (options.form) {
    case 'data':
      return { files: [], membersFor: toKeyData };
    case 'no-reboot':
      return placeInOneFile(scopes);
    case 'file':
      return placeInFiles(scopes, options);
  }
}

function toKeyData({ packets }: Keyring): KeyMembers {
  return { keyData: Buffer.from(packets).toString('base64') };
}

function placeInOneFile(scopes: readonly Scope[]): OwnKeyPlaces {
  const keyrings = scopes.flatMap(({ signedBy }) => signedBy.map(({ keyring }) => keyring));
  const contents = new Map(keyrings.map((keyring) => [contentOf(keyring), keyring]));
  if (contents.size > 1) {
    throw new SharedKeyFileError(
      `/${NO_REBOOT_PATH} is one file for all scopes, but these have different keys`,
    );
  }
  return {
    files: [...contents.values()].map(({ packets }) => toKeyFile(NO_REBOOT_PATH, packets)),
    membersFor: () => ({ keyPath: `/${NO_REBOOT_PATH}` }),
  };
}

/** The same for the same keys, in whatever order they were given. */
function contentOf({ blocks }: Keyring): string {
  const texts = blocks.map((block) => Buffer.from(block).toString('base64'));
  return texts.toSorted().join(' ');
}

/** A file for each scope, or for each key where a scope has to tell them apart. */
function placeInFiles(
  scopes: readonly Scope[],
  { name, haveKeyPaths }: KeyPlacesOptions,
): OwnKeyPlaces {
  const files: NodeFile[] = [];
  const put = (stem: string, packets: Uint8Array): string => {
    const path = `${KEY_DIRECTORY}/${stem}.asc`;
    files.push(toKeyFile(path, packets));
    return `/${path}`;
  };
  const members = new Map<Keyring, KeyMembers>();
  const stemOf = nameFiles(name, scopes);
  for (const scope of scopes) {
    const stem = stemOf(scope);
    const isShared = scope.signedBy.length > 1;
    for (const { keyring } of scope.signedBy) {
      const { keys, blocks, packets } = keyring;
      const ofKey = (index: number) => `${stem}-${keys[index]?.fingerprint}`;
      members.set(
        keyring,
        haveKeyPaths && keys.length > 1
          ? { keyPaths: blocks.map((block, index) => put(ofKey(index), block)) }
          : { keyPath: put(isShared ? ofKey(0) : stem, packets) },
      );
    }
  }
  return { files, membersFor: (keyring) => members.get(keyring) ?? toKeyData(keyring) };
}

/** Gives the function that names the files of a scope, apart from those of all others. */
function nameFiles(name: string, scopes: readonly Scope[]): (scope: Scope) => string {
  const owners = new Map<string, number>();
  for (const scope of scopes) {
    const stem = toReadable(name, scope);
    owners.set(stem, (owners.get(stem) ?? 0) + 1);
  }
  return (scope) => {
    const stem = toReadable(name, scope);
    const isClear =
      owners.get(stem) === 1 && stem.length <= MAX_READABLE && !FINGERPRINT_END.test(stem);
    if (isClear) return stem;
    const hash = createHash('sha256').update(scope.name).digest('hex').slice(0, HASH_DIGITS);
    return `${stem.slice(0, MAX_READABLE)}-${hash}`;
  };
}

function toReadable(name: string, scope: Scope): string {
  if (scope.name === '') return name;
  return `${name}-${scope.name.replace('*.', 'any.').replaceAll(/[^A-Za-z0-9._-]/g, '-')}`;
}

function toKeyFile(path: string, packets: Uint8Array): NodeFile {
  return { path, bytes: Buffer.from(armorKeys(packets)) };
}
