import type { Scope } from '../policy/policy.ts';
import type { DockerReference } from '../terms/image-name.ts';
import { formatDirectory } from '../terms/location.ts';

/** Where nodes that are configured as node-config does it look for the signatures of an image. */
export function findDirectory(
  scope: Scope | undefined,
  { repository }: DockerReference,
  digestHex: string,
): string {
  return formatDirectory([scope?.prefix ?? '', repository].filter(Boolean).join('/'), digestHex);
}
