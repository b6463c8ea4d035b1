import { type Location, formatLocation } from '../location.ts';
import type { Reason, SignedImage } from './reason.ts';

type Found = Reason extends infer Whole
  ? Whole extends Reason
    ? Omit<Whole, 'message' | 'next'>
    : never
  : never;

const ABBREVIATED = 12;

/** Puts what was found at a place in words. */
export function describeReason(place: Location, found: Found): Reason {
  return { ...found, ...wordsFor(place, found) };
}

function wordsFor(place: Location, found: Found): Pick<Reason, 'message' | 'next'> {
  switch (found.code) {
    case 'quarantined': {
      const [file] = found.files;
      return {
        message: `${file?.path} was rejected: ${file?.message}`,
        next: `${file?.hint} Then push: it is served at once.`,
      };
    }
    case 'removed': {
      const { id, author, date } = found.commit;
      const commit = id.slice(0, ABBREVIATED);
      return {
        message: `its signatures were in git until commit ${commit} by ${author.name} on ${date} removed them`,
        next: `If that was a mistake, bring them back with \`git revert ${commit}\`; otherwise deploy an image that is signed.`,
      };
    }
    case 'elsewhere':
      return describeElsewhere(place, found.images);
    case 'other-digests': {
      const [newest] = found.images;
      return {
        message: `${place.repository} has signatures, but none of this digest; the newest is of ${newest?.identity}, made ${newest?.signedAt}`,
        next: 'Was the tag pushed again after it was signed? Sign the digest that is pulled, or pull one that is signed.',
      };
    }
    case 'unknown-repository':
      return {
        message: `nothing of ${place.repository} is here`,
        next: `Sign the image and push its signature as ${formatLocation(place.directory, 1)}; if the name is not what you expect, look at the lookaside URL that the node has for this registry.`,
      };
  }
}

function describeElsewhere(
  { repository }: Location,
  images: readonly SignedImage[],
): Pick<Reason, 'message' | 'next'> {
  const [other] = images;
  const there = other?.repository ?? '';
  const message = `the digest is signed in ${there}, as ${other?.identity}`;
  const isOtherPrefix = there.endsWith(`/${repository}`) || repository.endsWith(`/${there}`);
  const next = isOtherPrefix
    ? `Nodes look below another prefix than the one where the signatures lie: the lookaside URL of these nodes shall lead to ${there}, or move the directory there to ${repository}.`
    : `Sign the image as ${repository} too, or pull it as ${other?.identity}.`;
  return { message, next };
}
