import { type DockerReference, looksLikeHost, normalizeHost } from '../docker-reference.ts';
import { formatDirectory } from '../location.ts';
import type { Scope } from '../policy/policy.ts';
import type { SignatureStore } from '../store.ts';

/**
 * Where the signatures of an image may lie: one place or more, the likeliest first. A scope without a prefix leaves
 * open what is before the repository; a host there must be the image's.
 */
export function findDirectories(
  store: SignatureStore,
  scope: Scope | undefined,
  { host, repository }: DockerReference,
  hex: string,
): readonly string[] {
  if (!scope) return [formatDirectory(repository, hex)];
  const { prefix } = scope;
  if (prefix !== undefined) {
    return [formatDirectory([prefix, repository].filter(Boolean).join('/'), hex)];
  }
  const others = [...store.imagesByRepository.keys()].filter((other) => {
    if (!other.endsWith(`/${repository}`)) return false;
    const before =
      other
        .slice(0, -repository.length - 1)
        .split('/')
        .at(-1) ?? '';
    return !looksLikeHost(before) || normalizeHost(before) === host;
  });
  return [repository, ...others.toSorted()].map((other) => formatDirectory(other, hex));
}
