import type { HistoryCommit } from '../sources/source.ts';
import { parseDockerReference } from '../terms/image-name.ts';
import { type ImageDirectory, formatLocation } from '../terms/location.ts';
import { isReleaseDirectory, parseAnyDirectory } from '../terms/release-location.ts';
import type { RejectionCode } from '../terms/rejection.ts';
import type { Reason, SignedImage } from './reason.ts';
import type { Signature } from '../gate/judge.ts';
import type { SignatureStore } from '../store/store.ts';
import { abbreviate, formatTime, withoutBackticks } from '../terms/text.ts';

/** A reason before it is put in words. */
type UnwordedReason = Reason extends infer Whole
  ? Whole extends Reason
    ? Omit<Whole, 'message' | 'next'>
    : never
  : never;

type Words = Pick<Reason, 'message' | 'next'>;

/** How files were taken away. */
export interface Removal {
  /** Where they lay in the repository. */
  readonly directory: string;
  readonly isMerge: boolean;
}

/** What more is known than what was found. */
export interface Circumstances {
  readonly removal?: Removal;
  /** Why the newest state of the source is not the one that is served. */
  readonly trouble?: string | undefined;
}

/** Puts what was found at a place in words. */
export function describeReason(
  place: ImageDirectory,
  found: UnwordedReason,
  circumstances: Circumstances = {},
): Reason {
  const words = wordsFor(place, found, circumstances);
  const { trouble } = circumstances;
  if (trouble === undefined) return { ...found, ...words };
  return {
    ...found,
    message: `${words.message}. The newest state of the source is not served, so recent pushes are missing here: ${trouble}`,
    next: `First find out why the newest state is not served. ${words.next}`,
  };
}

function wordsFor(place: ImageDirectory, found: UnwordedReason, { removal }: Circumstances): Words {
  switch (found.code) {
    case 'quarantined': {
      const [file] = found.files;
      if (!file) throw new Error('a quarantined image has a file');
      const { path, code, message, hint } = file;
      return { message: `${path} was rejected: ${message}`, next: `${hint} ${endingFor(code)}` };
    }
    case 'removed':
      return describeRemoval(found.commit, removal);
    case 'elsewhere':
      return describeElsewhere(place, found.images);
    case 'other-digests': {
      const [newest] = found.images;
      return {
        message: `${place.repository} has signatures, but none for this digest; the newest one is for ${newest?.identity}, made ${newest?.signedAt}`,
        next: 'Sign this digest, or pull one that is signed. A tag that is pushed again has a new digest, which must be signed too.',
      };
    }
    case 'unknown-repository':
      if (isReleaseDirectory(place.directory)) return RELEASE_UNKNOWN;
      return {
        message: `${place.repository} has no signatures here`,
        next: `Sign the image and push its signature as ${withoutBackticks(formatLocation(place.directory, 1))}. If you expected another path, check the lookaside URL that the node has for this registry.`,
      };
  }
}

const RELEASE_UNKNOWN: Words = {
  message: 'no signature of this release is here',
  next: "Fetch it from the store of the release's vendor, and push it: `lookaside push` puts it into the release area. A cluster does not update without it.",
};

/** Codes whose cure is not in the repository, but in what Lookaside was given. */
const CURED_BY_SETTINGS: ReadonlySet<RejectionCode> = new Set([
  'unknown-signer',
  'signer-not-accepted',
  'key-expired',
  'identity-mismatch',
  'out-of-scope',
  'policy-rejects',
  'other-store',
]);

function endingFor(code: RejectionCode): string {
  if (code === 'cannot-verify') return 'Then start Lookaside again.';
  if (!CURED_BY_SETTINGS.has(code)) return 'Then push: the file is checked at once.';
  return 'A push takes effect at once, changed keys or a changed policy file within half a minute, changed scopes after a restart.';
}

function describeRemoval({ id, author, date }: HistoryCommit, removal: Removal | undefined): Words {
  const commit = abbreviate(id);
  const by = author.name || author.email || 'somebody';
  const directory = `'${removal?.directory.replaceAll("'", String.raw`'\''`)}'`;
  const next = removal?.isMerge
    ? `That commit is a merge that left them out: restore ${withoutBackticks(directory)} from the parent that has it`
    : `If that was a mistake, restore them with \`git checkout ${commit}^ -- ${directory}\``;
  return {
    message: `commit ${commit} by ${by} removed its signatures on ${date}`,
    next: `${next}, commit and push; otherwise deploy an image that is signed.`,
  };
}

function describeElsewhere(place: ImageDirectory, images: readonly SignedImage[]): Words {
  const [other] = images;
  const there = other?.repository ?? '';
  const message = `the digest is signed in ${there}, as ${other?.identity}`;
  if (isReleaseDirectory(place.directory)) {
    const next = `Clusters take a release only by the keys of its vendor: push the vendor's signature too. If it is the one in ${withoutBackticks(there)}, let the \`from\` of the release area cover that directory.`;
    return { message: `${message}, but not for releases`, next };
  }
  const signed = parseDockerReference(other?.identity ?? '')?.repository ?? '';
  const [wanted, found] = [prefixOf(place.repository, signed), prefixOf(there, signed)];
  if (wanted === undefined || found === undefined) {
    const next = `Sign the image as ${withoutBackticks(place.repository)} too, or pull it as ${withoutBackticks(other?.identity ?? '')}.`;
    return { message, next };
  }
  return {
    message,
    next: `Nodes look for ${signed} below ${nameOf(wanted)}, but its signatures lie below ${nameOf(found)}: change the lookaside URL of these nodes, or move the directory to ${withoutBackticks(place.repository)}.`,
  };
}

/** What stands before the signed repository; '' for nothing, undefined where it is another one. */
function prefixOf(repository: string, signed: string): string | undefined {
  if (repository === signed) return '';
  return repository.endsWith(`/${signed}`) ? repository.slice(0, -signed.length - 1) : undefined;
}

function nameOf(prefix: string): string {
  return prefix === '' ? 'the root of the store' : withoutBackticks(prefix);
}

/** An image by the newest of its signatures; undefined where a directory has none. */
export function describeImage(store: SignatureStore, directory: string): SignedImage | undefined {
  const place = parseAnyDirectory(directory);
  const newest = findNewest(store.signaturesIn(directory));
  if (!place || !newest) return undefined;
  return {
    repository: place.repository,
    digest: `sha256:${place.digestHex}`,
    identity: newest.claims.dockerReference,
    signer: newest.signer?.primaryFingerprint ?? null,
    signedAt: formatTime(newest.signedAt),
  };
}

function findNewest(signatures: readonly Signature[]): Signature | undefined {
  let newest = signatures[0];
  for (const signature of signatures) {
    if (newest && signature.signedAt > newest.signedAt) newest = signature;
  }
  return newest;
}
