import type { DockerReference } from '../docker-reference.ts';
import { formatDirectory } from '../location.ts';
import type { Scope } from '../policy/policy.ts';

/** Where nodes that are configured as node-config does it look for the signatures of an image. */
export function findDirectory(
  scope: Scope | undefined,
  { repository }: DockerReference,
  hex: string,
): string {
  return formatDirectory([scope?.prefix ?? '', repository].filter(Boolean).join('/'), hex);
}
