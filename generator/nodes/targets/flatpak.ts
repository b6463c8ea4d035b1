// Flatpak asks a store for the signatures of OCI images too, but knows less than a policy.json
// (flatpak common/flatpak-oci-signatures.c): for each remote it has one store and one keyring, any
// key of which will do, and the signed repository must be that of the image.
import { basename } from 'node:path/posix';
import { type Scope, describeScope } from '../../policy/policy.ts';
import { hasKeysOnNodes, placeKeys } from '../key-files.ts';
import type { NodeFile } from '../node-file.ts';
import { storeOf } from '../registries-d.ts';
import { parseStoreUrl } from '../store-url.ts';
import { TargetError, type TargetOptions, type WrittenFile } from './target.ts';

/** Those that a comparison of repositories cannot be wrong for: flatpak pulls by digest. */
const KNOWN_IDENTITIES: ReadonlySet<string> = new Set([
  'matchRepoDigestOrExact',
  'matchRepository',
]);

/**
 * For each scope the options of `flatpak remote-add` and `remote-modify`, one a line, and the keys
 * that they name.
 * @throws TargetError for a scope or an address that flatpak would understand otherwise.
 */
export function writeFlatpakOptions(
  _files: readonly NodeFile[],
  { name, scopes, url }: TargetOptions,
): readonly WrittenFile[] {
  const stores = scopes.map((scope) => storeOf(scope, { url, staging: undefined }));
  for (const store of stores) checkStore(store);
  for (const scope of scopes) checkScope(scope);
  const { files } = placeKeys(scopes, { form: 'file', name, haveKeyPaths: false });
  return files.flatMap(({ path, bytes }, index) => {
    const { name: scopeName = '' } = scopes[index] ?? {};
    const keys = basename(path);
    const images = scopeName === '' ? 'all that no other scope covers' : scopeName;
    const text = `# Written by lookaside node-config, for remotes of flatpak 1.17 or later with the images of
# ${images}
--signature-lookaside=${stores[index]}
--gpg-import=${keys}
`;
    const options = `${basename(keys, '.asc')}.flatpak`;
    return [
      { path: keys, bytes },
      { path: options, bytes: Buffer.from(text) },
    ];
  });
}

function checkStore(store: string): void {
  const { base, query } = parseStoreUrl(store);
  if (/^https?:/i.test(base) && query === '') return;
  throw new TargetError('expected an https:// address of a store without a query');
}

function checkScope(wanted: Scope): void {
  const { signedBy } = wanted;
  const scope = describeScope(wanted);
  if (signedBy.length !== 1) {
    throw new TargetError(
      `${scope} requires signatures by several keys, but for flatpak any one of them is enough`,
    );
  }
  if (hasKeysOnNodes(wanted)) {
    throw new TargetError(
      `${scope} names keys by the keyPath that nodes have, and flatpak copies them`,
      'take keyPath out of the scope, or vendor, and give its store and its keys',
    );
  }
  const unknown = signedBy.find(({ signedIdentity: { type } }) => !KNOWN_IDENTITIES.has(type));
  if (!unknown) return;
  const { type } = unknown.signedIdentity;
  throw new TargetError(`${scope} has a signedIdentity that flatpak does not know: ${type}`);
}
