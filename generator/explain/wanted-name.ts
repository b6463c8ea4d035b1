import {
  type SignedIdentity,
  formatReference,
  nameOf,
  remapReference,
} from '../policy/signed-identity.ts';
import type { DockerReference } from '../terms/image-name.ts';

/** Under which name an image must be signed so that a rule takes it, in words. */
export function wantedName(rule: SignedIdentity, image: DockerReference): string {
  switch (rule.type) {
    case 'matchExact':
      return formatReference(image);
    case 'matchRepository':
      return withAnyTag(image);
    case 'exactReference':
      return formatReference(rule.reference);
    case 'exactRepository':
      return withAnyTag(rule.repository);
    case 'matchRepoDigestOrExact':
      return nameByDefault(image);
    case 'remapIdentity': {
      const remapped = remapReference(image, rule.prefix, rule.signedPrefix);
      return remapped ? nameByDefault(remapped) : `a name below ${rule.signedPrefix}`;
    }
  }
}

function nameByDefault(image: DockerReference): string {
  return image.tag === undefined ? withAnyTag(image) : formatReference(image);
}

function withAnyTag(image: DockerReference): string {
  return `${nameOf(image)} with any tag`;
}
