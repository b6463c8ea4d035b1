// Under which name an image of one stage is known in the next.
import { formatReference, nameOf } from '../../generator/policy/signed-identity.ts';
import { type DockerReference, parseFullName } from '../../generator/terms/image-name.ts';

/** What `FROM=TO` says: what lies at or below FROM is at or below TO there. */
export interface Renaming {
  /** `HOST[/NAMESPACE…]`, without a slash at the end. */
  readonly from: string;
  readonly to: string;
}

/** The name of an image in the next stage, by the longest FROM that it lies below; undefined for none. */
export function renameImage(
  image: DockerReference,
  renamings: readonly Renaming[],
): DockerReference | undefined {
  const name = nameOf(image);
  const [longest] = renamings
    .filter(({ from }) => name === from || name.startsWith(`${from}/`))
    .toSorted((a, b) => b.from.length - a.from.length);
  if (!longest) return undefined;
  return parseFullName(longest.to + formatReference(image).slice(longest.from.length));
}
