import { type DockerReference, parseDockerReference } from './image-name.ts';

/**
 * Parses an image name as it is pulled: one without tag and digest is `latest`; of a tag and a digest
 * only the digest counts, as with podman. Undefined where it is no name.
 */
export function parsePulledImage(text: string): DockerReference | undefined {
  const reference = parseDockerReference(text);
  if (!reference) return undefined;
  if (reference.digest !== undefined) return { ...reference, tag: undefined };
  return { ...reference, tag: reference.tag ?? 'latest' };
}
