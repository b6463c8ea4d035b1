// How the path of a release's signature is written: `[BASE/]sha256=HEX/signature-N`, as the cluster-version
// operator asks for it (openshift/library-go pkg/verify/store/sigstore, Signatures). BASE may end in a
// repository. No `@` stands before the digest, so it is never a path that nodes ask for. No I/O.
import {
  type ImageDirectory,
  type Location,
  parseDirectory,
  parseLocation,
  parseSignatureName,
} from './location.ts';

/** `''`, or `[BASE/]` before `sha256=HEX`. */
const RELEASE_DIRECTORY = /^(?:(.*)\/)?sha256=([0-9a-f]{64})$/s;
/** A component that is no directory's name, or has to do with a digest. */
const UNUSABLE = /^(?:\.{0,2}|\.git)$|^sha[0-9]+[=:]|@sha[0-9]+[=:]/i;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const FORBIDDEN_CHARACTERS = /[\u0000-\u001f\u007f\\]/;
const MAX_COMPONENT_BYTES = 255;

/** `[BASE/]sha256=HEX`; '' is no base. The inverse of {@link parseReleaseDirectory}. */
export function formatReleaseDirectory(base: string, digestHex: string): string {
  return base === '' ? `sha256=${digestHex}` : `${base}/sha256=${digestHex}`;
}

/** Reads the directory of a release, with the base as its repository; undefined for any other path. */
export function parseReleaseDirectory(directory: string): ImageDirectory | undefined {
  const [, repository = '', digestHex] = RELEASE_DIRECTORY.exec(directory) ?? [];
  if (digestHex === undefined || !isReleaseBase(repository)) return undefined;
  return { directory, repository, digestHex };
}

/** Reads the location of a release's signature, or gives undefined for any other path. */
export function parseReleaseLocation(path: string): Location | undefined {
  const slash = path.lastIndexOf('/');
  const number = parseSignatureName(path.slice(slash + 1));
  if (slash < 0 || number === undefined) return undefined;
  const place = parseReleaseDirectory(path.slice(0, slash));
  return place && { ...place, number };
}

/** Reads the location of a signature in either layout. */
export function parseAnyLocation(path: string): Location | undefined {
  return parseLocation(path) ?? parseReleaseLocation(path);
}

/** Reads a directory of signatures in either layout; that of a release has its base as the repository. */
export function parseAnyDirectory(directory: string): ImageDirectory | undefined {
  return parseDirectory(directory) ?? parseReleaseDirectory(directory);
}

/** What stands before the digest of a well-formed directory in either layout. */
export function repositoryIn(directory: string): string {
  return directory.slice(0, -HEX_AND_ALGORITHM - 1);
}

/** A well-formed directory as sentences name it, without its digest. */
export function describeDirectory(directory: string): string {
  const repository = repositoryIn(directory);
  if (!isReleaseDirectory(directory)) return repository;
  return repository === '' ? 'release' : `release below ${repository}`;
}

/** Whether a path can stand before `sha256=HEX`: '' too, for nothing. */
export function isReleaseBase(base: string): boolean {
  if (base === '') return true;
  return (
    !FORBIDDEN_CHARACTERS.test(base) &&
    base
      .split('/')
      .every((name) => !UNUSABLE.test(name) && Buffer.byteLength(name) <= MAX_COMPONENT_BYTES)
  );
}

/** Whether a well-formed directory is one of a release, and not of an image. */
export function isReleaseDirectory(directory: string): boolean {
  const at = directory.length - HEX_AND_ALGORITHM;
  return at >= 0 && directory[at - 1] !== '@' && directory.startsWith('sha256=', at);
}

/** Characters of `sha256=HEX`. */
const HEX_AND_ALGORITHM = 71;
