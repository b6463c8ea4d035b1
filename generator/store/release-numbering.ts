// Where the files of release areas are served, and under which numbers. The cluster-version operator asks
// for 1 to 9 and stops at the first 404; oc-mirror asks for 1 alone, and copies the image that it names.
import type { PublishableFile } from '../gate/checked-file.ts';
import { MOST_RELEASE_SIGNATURES, orderRelease } from '../release/release-order.ts';
import { parseDockerReference } from '../terms/image-name.ts';
import { formatDirectory } from '../terms/location.ts';
import type { Rejection } from '../terms/rejection.ts';
import { formatReleaseDirectory } from '../terms/release-location.ts';

/** The signatures of one release. Each file is in exactly one place. */
interface ReleaseNumbering {
  /** Number N is at index N - 1. */
  readonly served: readonly PublishableFile[];
  /** More than the cluster-version operator asks for. */
  readonly unlisted: readonly PublishableFile[];
}

/** Numbers the files that are served for one release, given in any order. */
export function numberRelease(files: readonly PublishableFile[]): ReleaseNumbering {
  // Before they are sorted, as copies may be many.
  const byHash = new Map<string, PublishableFile>();
  for (const file of files) {
    const other = byHash.get(file.signature.hash);
    if (!other || byNumberAndPath(file, other) < 0) byHash.set(file.signature.hash, file);
  }
  const distinct = [...byHash.values()].toSorted(byNumberAndPath).map((file) => ({
    file,
    identity: file.signature.claims.dockerReference,
  }));
  const served = orderRelease(distinct).map(({ file }) => file);
  const hashes = new Set(served.map(({ signature }) => signature.hash));
  return { served, unlisted: files.filter(({ signature }) => !hashes.has(signature.hash)) };
}

function byNumberAndPath(one: PublishableFile, other: PublishableFile): number {
  if (one.number !== other.number) return one.number - other.number;
  return one.path < other.path ? -1 : 1;
}

/** What says where a file is served. */
type PlacedFile = Pick<PublishableFile, 'directory' | 'signature'>;

/** The directory in which nodes find a file; undefined where they take no notice of it. */
export function nodeDirectoryOf({ directory, signature }: PlacedFile): string | undefined {
  const { release } = signature;
  if (!release) return directory;
  const { repository } = release;
  return repository === undefined ? undefined : formatDirectory(repository, digestOf(directory));
}

/**
 * The directories in which clusters find a file before an update: flat, and below the repository that was
 * signed, as Red Hat has several. None where it is not of a release.
 */
export function releaseDirectoriesOf(file: PlacedFile): readonly string[] {
  if (!file.signature.release) return [];
  const known = RELEASE_DIRECTORIES.get(file);
  if (known) return known;
  const directories = findReleaseDirectories(file);
  RELEASE_DIRECTORIES.set(file, directories);
  return directories;
}

/** A store asks for them again and again while it takes a file in. */
const RELEASE_DIRECTORIES = new WeakMap<PlacedFile, readonly string[]>();

function findReleaseDirectories({
  directory,
  signature: { claims, release },
}: PlacedFile): readonly string[] {
  if (!release || release.refusal) return [];
  const { prefix } = release.area;
  const { repository } = parseDockerReference(claims.dockerReference) ?? {};
  const below = prefix === '' ? repository : `${prefix}/${repository}`;
  return [prefix, ...(repository === undefined || below === undefined ? [] : [below])].map((base) =>
    formatReleaseDirectory(base, digestOf(directory)),
  );
}

/** The files among those of one release that are served nowhere: there are too many before them. */
export function findUnlisted(files: readonly PublishableFile[]): readonly PublishableFile[] {
  if (files.length <= MOST_RELEASE_SIGNATURES) return [];
  return numberRelease(files).unlisted.filter((file) => nodeDirectoryOf(file) === undefined);
}

/** The directories that a file is served from, if there is room for it. */
export interface FilePlaces {
  readonly forNodes: readonly string[];
  readonly forClusters: readonly string[];
  /** Why clusters do not find it; undefined if they do, or where it is in no release area. */
  readonly refusal: Pick<Rejection, 'code' | 'message' | 'hint'> | undefined;
}

export function findPlaces(file: PlacedFile): FilePlaces {
  const node = nodeDirectoryOf(file);
  const { code, message, hint } = file.signature.release?.refusal ?? {};
  const isRefused = code !== undefined && message !== undefined && hint !== undefined;
  return {
    forNodes: node === undefined ? [] : [node],
    forClusters: releaseDirectoriesOf(file),
    refusal: isRefused ? { code, message, hint } : undefined,
  };
}

function digestOf(directory: string): string {
  return directory.slice(directory.lastIndexOf('=') + 1);
}
