// What the configuration of a signature repository lacks for the signatures of an upstream.
import { basename } from 'node:path';
import { Document } from 'yaml';
import { nameOf } from '../../generator/policy/signed-identity.ts';
import type { RejectionCode } from '../../generator/terms/rejection.ts';
import type { MirroredName } from '../../signing/mirror/mirror-names.ts';
import { type MirroredDigest, isTaken } from '../../signing/mirror/mirror-report.ts';
import type { Renaming } from '../../signing/stage/renaming.ts';
import type { Settings } from '../base/options.ts';

/** What a scope for the upstream cures. */
const CURED: ReadonlySet<RejectionCode> = new Set([
  'out-of-scope',
  'unknown-signer',
  'signer-not-accepted',
  'identity-mismatch',
  'repository-mismatch',
  'host-mismatch',
  'other-store',
]);

/**
 * The scopes to add to `lookaside.yaml` of a repository that takes none of the signatures of some manifests;
 * undefined where that would not help.
 */
export function adviseTarget(
  digests: readonly MirroredDigest[],
  settings: Pick<Settings, 'map' | 'keys'>,
): string | undefined {
  const refused = digests.filter(
    ({ status, files }) =>
      status === 'refused' &&
      files.some(
        (file) => !isTaken(file) && file.by === 'target' && CURED.has(file.rejection.code),
      ),
  );
  const scopes = refused.flatMap((digest) => scopesFor(digest, settings));
  return scopes.length === 0 ? undefined : formatScopes(scopes);
}

type NamedScope = readonly [name: string, members: object];

/** One for the name upstream, and one for another name here. */
function scopesFor(
  { wanted, files }: MirroredDigest,
  { map, keys }: Pick<Settings, 'map' | 'keys'>,
): readonly NamedScope[] {
  const { image } = wanted;
  if (!image) return [];
  const { from, to } = findRenaming(image, map);
  const names = keys.map((file) => `keys/${basename(file)}`);
  const signers = { keys: names.length === 0 ? ['keys/upstream.asc'] : names };
  const signedIdentity = { type: 'remapIdentity', prefix: to, signedPrefix: from };
  // A scope that names the store of the upstream stays as it is.
  const isThere = files.some((file) => !isTaken(file) && file.rejection.code === 'other-store');
  return [
    ...(isThere ? [] : [[from, signers] as const]),
    ...(from === to ? [] : [[to, { ...signers, signedIdentity }] as const]),
  ];
}

/** By which an image got its name here; the host alone for one that keeps its own. */
function findRenaming({ upstream, local }: MirroredName, renamings: readonly Renaming[]): Renaming {
  const [name, copy] = [nameOf(upstream), nameOf(local)];
  const given = renamings.find(
    ({ from, to }) => `${name}/`.startsWith(`${from}/`) && `${copy}/`.startsWith(`${to}/`),
  );
  if (given) return given;
  return name === copy ? { from: upstream.host, to: upstream.host } : { from: name, to: copy };
}

/** As a part of `lookaside.yaml`. */
function formatScopes(scopes: readonly NamedScope[]): string {
  // Aliases of YAML would have to be understood before they can be copied.
  const document = new Document(
    { scopes: Object.fromEntries(scopes) },
    { aliasDuplicateObjects: false },
  );
  return document.toString({ lineWidth: 0 });
}
