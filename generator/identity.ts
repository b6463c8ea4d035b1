// Whether a signature lies where nodes that accept it will ask for it. The path on the
// wire has no registry host (containers/image docker/registries_d.go), so the directory
// must end with the signed repository; a host before that is taken at its word.
import { looksLikeHost, normalizeHost, parseDockerReference } from './docker-reference.ts';
import type { Location } from './location.ts';
import { type Rejection, reject } from './rejection.ts';

/**
 * Matches the signed image name against the directory, by the nodes' default rule for
 * names (signedIdentity matchRepoDigestOrExact): a tag or a digest is required.
 */
export function checkIdentity(
  untrustedReference: string,
  location: Location,
): Rejection | undefined {
  const quoted = JSON.stringify(untrustedReference);
  const identity = parseDockerReference(untrustedReference);
  if (!identity) return reject('invalid-identity', `expected an image name, got ${quoted}`);
  if (identity.tag === undefined && identity.digest === undefined) {
    return reject('identity-without-tag', `expected a tag or digest in ${quoted}`);
  }
  const directory = location.repository.split('/');
  const repository = identity.repository.split('/');
  const tail = directory.slice(-repository.length);
  if (tail.join('/') !== identity.repository) {
    return reject(
      'repository-mismatch',
      `expected a signature for ${JSON.stringify(location.repository)}, got one for ${quoted}`,
      {
        hint: `Move it below "${identity.repository}@sha256=${location.hex}/", or sign as the right name.`,
      },
    );
  }
  const before = directory.at(-repository.length - 1);
  if (before !== undefined && looksLikeHost(before) && normalizeHost(before) !== identity.host) {
    return reject('host-mismatch', `expected the host ${JSON.stringify(before)}, got ${quoted}`);
  }
  return undefined;
}
