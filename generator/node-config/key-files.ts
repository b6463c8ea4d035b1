// Where nodes find the public keys of each scope.
import { createHash } from 'node:crypto';
import { type Keyring, armorKeys } from '../openpgp/openpgp-js.ts';
import type { Scope } from '../policy/policy.ts';
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
  /** The members for a requirement with one of the scopes' keyrings. */
  readonly membersFor: (keyring: Keyring) => KeyMembers;
}

export interface KeyPlacesOptions {
  readonly form: KeyForm;
  /** What file names begin with. */
  readonly name: string;
  /** Whether all clients know `keyPaths` (containers/image 5.22). */
  readonly haveKeyPaths: boolean;
}

/**
 * Lays out the keys of scopes.
 * @throws SharedKeyFileError if one file shall do for scopes with different keys.
 */
export function placeKeys(scopes: readonly Scope[], options: KeyPlacesOptions): KeyPlaces {
  switch (options.form) {
    case 'data':
      return {
        files: [],
        membersFor: ({ packets }) => ({ keyData: Buffer.from(packets).toString('base64') }),
      };
    case 'no-reboot':
      return placeInOneFile(scopes);
    case 'file':
      return placeInFiles(scopes, options);
  }
}

function placeInOneFile(scopes: readonly Scope[]): KeyPlaces {
  const keyrings = scopes.flatMap(({ signedBy }) => signedBy.map(({ keyring }) => keyring));
  const [first] = keyrings;
  if (!first || keyrings.some(({ id }) => id !== first.id)) {
    throw new SharedKeyFileError(`/${NO_REBOOT_PATH} holds the same keys for all scopes`);
  }
  return {
    files: [toKeyFile(NO_REBOOT_PATH, first.packets)],
    membersFor: () => ({ keyPath: `/${NO_REBOOT_PATH}` }),
  };
}

/** A file for each scope, or for each key where a scope has to tell them apart. */
function placeInFiles(
  scopes: readonly Scope[],
  { name, haveKeyPaths }: KeyPlacesOptions,
): KeyPlaces {
  const files: NodeFile[] = [];
  const place = (stem: string, packets: Uint8Array): string => {
    const path = `${KEY_DIRECTORY}/${stem}.asc`;
    files.push(toKeyFile(path, packets));
    return `/${path}`;
  };
  const members = new Map<Keyring, KeyMembers>();
  const stems = toStems(name, scopes);
  for (const { name: scopeName, signedBy } of scopes) {
    const stem = stems.get(scopeName) ?? name;
    for (const { keyring } of signedBy) {
      const { keys, blocks, packets } = keyring;
      const isAlone = signedBy.length === 1 && (keys.length === 1 || !haveKeyPaths);
      const paths = isAlone
        ? [place(stem, packets)]
        : keys.map(({ fingerprint }, index) =>
            place(`${stem}-${fingerprint}`, blocks[index] ?? packets),
          );
      const [keyPath = ''] = paths;
      members.set(keyring, paths.length === 1 ? { keyPath } : { keyPaths: paths });
    }
  }
  return { files, membersFor: (keyring) => members.get(keyring) ?? { keyPaths: [] } };
}

/** A file name for each scope, told apart by a hash where two would get the same. */
function toStems(name: string, scopes: readonly Scope[]): ReadonlyMap<string, string> {
  const stems = new Map<string, string>();
  const taken = new Set<string>();
  for (const scope of scopes) {
    const readable = scope.name.replace('*.', 'any.').replaceAll(/[^A-Za-z0-9._-]/g, '-');
    const plain = scope.name === '' ? name : `${name}-${readable}`;
    const hash = createHash('sha256').update(scope.name).digest('hex').slice(0, HASH_DIGITS);
    const stem = taken.has(plain) ? `${plain}-${hash}` : plain;
    taken.add(stem);
    stems.set(scope.name, stem);
  }
  return stems;
}

function toKeyFile(path: string, packets: Uint8Array): NodeFile {
  return { path, bytes: Buffer.from(armorKeys(packets)) };
}
