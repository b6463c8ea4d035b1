import { parseDockerReference } from '../../generator/terms/image-name.ts';
import { parseLocation } from '../../generator/terms/location.ts';
import { findRejected } from '../search/find-rejected.ts';
import { ON_A_PAGE, type Searches } from '../search/searches.ts';
import { explainPulls } from './explain-pulls.ts';
import type { Hits } from './render-search.ts';
import type { StatusServices } from './services.ts';

/** A digest, whole or its beginning, with or without what people copy along with it. */
const DIGEST = /^(?:.*@)?(?:sha256[:=])?([0-9a-f]{8,64})$/i;
const HEX_LENGTH = 64;
const NONE = { total: 0, directories: [] };
const ALL = { matches: () => true, after: '' };

/** Looks for a text that is part of a repository's name, a name as images are pulled by, or a digest. */
export async function findHits(
  text: string,
  services: StatusServices,
  searches: Searches,
): Promise<Hits> {
  const { refresher, refused } = services;
  const digestHex = findHex(text);
  const pulls =
    digestHex === undefined
      ? []
      : refused.list().filter(({ directory }) => hasDigest(directory, digestHex));
  const [repositories, digests, shown] = await Promise.all([
    searches.repositories(namesIn(text)),
    digestHex === undefined ? NONE : searches.digests(digestHex),
    explainPulls(pulls.slice(0, ON_A_PAGE), services),
  ]);
  const rejected = digestHex?.length === HEX_LENGTH ? refresher.rejectedOf(digestHex) : [];
  return {
    digestHex,
    repositories,
    digests,
    pulls: { total: pulls.length, shown },
    rejected: await findRejected(rejected, { ...ALL, limit: ON_A_PAGE }),
  };
}

/** Whether the digest of a directory begins with some hexadecimal digits. */
export function hasDigest(directory: string, digestHex: string): boolean {
  return directory.startsWith(digestHex, directory.length - HEX_LENGTH);
}

function findHex(text: string): string | undefined {
  const location = parseLocation(text.replace(/^\/+/, ''));
  return location?.digestHex ?? DIGEST.exec(text)?.[1]?.toLowerCase();
}

/** As it was written, and the repository of an image that was copied from a message. */
function namesIn(text: string): readonly string[] {
  const [written = ''] = text.toLowerCase().split('@');
  const names = new Set([written]);
  const reference = written.includes('/') ? parseDockerReference(written) : undefined;
  if (reference) names.add(reference.repository);
  // A digest alone names no repository but one that is called like it.
  names.delete('');
  return [...names];
}
