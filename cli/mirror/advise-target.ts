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
  if (refused.length === 0) return undefined;
  return formatScopes(
    refused.flatMap(({ wanted: { image } }) => (image ? [findRenaming(image, settings.map)] : [])),
    settings.keys,
  );
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
export function formatScopes(renamings: readonly Renaming[], keyFiles: readonly string[]): string {
  const keys = keyFiles.map((file) => `keys/${basename(file)}`);
  const signers = { keys: keys.length === 0 ? ['keys/upstream.asc'] : keys };
  const scopes = renamings.flatMap(({ from, to }) => {
    const own = [[from, signers] as const];
    if (from === to) return own;
    const signedIdentity = { type: 'remapIdentity', prefix: to, signedPrefix: from };
    return [...own, [to, { ...signers, signedIdentity }] as const];
  });
  const document = { scopes: Object.fromEntries(scopes) };
  // Aliases of YAML would have to be understood before they can be copied.
  return new Document(document, { aliasDuplicateObjects: false }).toString({ lineWidth: 0 });
}
