// The one place that knows how a signature's path is written:
// `[prefix/]namespace/repo@sha256=HEX/signature-N`, as containers/image asks for it
// (docker/registries_d.go, lookasideStorageURL). No I/O.
import { hash } from 'node:crypto';
import { DEFAULT_BUDGETS, type PathBudgets } from './budgets.ts';
import { type Rejection, reject } from './rejection.ts';

/** The directory that holds the signatures of one image. */
export interface ImageDirectory {
  /** `[prefix/]namespace/repo@sha256=HEX`. */
  readonly directory: string;
  /** `[prefix/]namespace/repo`. */
  readonly repository: string;
  /** 64 lower-case hexadecimal digits. */
  readonly digestHex: string;
}

/** The place of one signature in the tree. */
export interface Location extends ImageDirectory {
  /** 1 or more. */
  readonly number: number;
}

/** What a path of a signature repository is. */
export type PathClass =
  | { readonly kind: 'location'; readonly location: Location }
  | RejectedPath
  | { readonly kind: 'ignored' };

/** A path that is meant for a location and is none. */
export interface RejectedPath {
  readonly kind: 'rejected';
  readonly rejection: Rejection;
  /** The path before what should be the digest directory, with the repository's name. */
  readonly parents: string;
  /** The number in the file's name; 1 if there is none that can be used. */
  readonly number: number;
}

const NAME_PREFIX = 'signature-';
const NAME = /^signature-([1-9][0-9]{0,8})$/;
const DIGEST_DIRECTORY = /^(.*)@sha256=([0-9a-f]{64})$/s;
const DIGEST_LIKE = /^(.*)@(sha[0-9]+)([=:])(.*)$/is;
const HEX_LENGTH = 64;
/** The longest file name of the common file systems, in bytes. */
const MAX_COMPONENT_BYTES = 255;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const FORBIDDEN_CHARACTERS = /[\u0000-\u001f\u007f\\]/;

/** `signature-N`. The inverse of {@link parseSignatureName}. */
export function formatSignatureName(number: number): string {
  return `${NAME_PREFIX}${number}`;
}

/** `…/signature-N` for a directory and a number. The inverse of {@link parseLocation}. */
export function formatLocation(directory: string, number: number): string {
  return `${directory}/${NAME_PREFIX}${number}`;
}

/** `REPOSITORY@sha256=HEX`. The inverse of {@link parseDirectory}. */
export function formatDirectory(repository: string, digestHex: string): string {
  return `${repository}@sha256=${digestHex}`;
}

/** Reads a location, or gives undefined for any other path. */
export function parseLocation(path: string): Location | undefined {
  const slash = path.lastIndexOf('/');
  const number = parseSignatureName(path.slice(slash + 1));
  if (slash < 0 || number === undefined) return undefined;
  const place = parseDirectory(path.slice(0, slash));
  return place && { ...place, number };
}

/** `signature-N` as N, or undefined. */
export function parseSignatureName(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Reads the directory of an image, or gives undefined for any other path. */
export function parseDirectory(directory: string): ImageDirectory | undefined {
  const [, repository, digestHex] = DIGEST_DIRECTORY.exec(directory) ?? [];
  if (repository === undefined || digestHex === undefined) return undefined;
  const components = directory.split('/');
  if (components.slice(0, -1).some((component) => isDigestLike(component))) return undefined;
  return directoryFault(components) ? undefined : { directory, repository, digestHex };
}

/**
 * Sorts a path (relative, `/` between components) into the three kinds of file that a
 * signature repository has. Ignored is what neither lies in a digest directory nor is
 * named like a signature, however long it is.
 */
export function classifyPath(path: string, budgets: PathBudgets = DEFAULT_BUDGETS): PathClass {
  // First: the steps below rely on paths of a bounded length.
  const excess = findExcess(path, budgets);
  if (excess) {
    const number = numberIn(path.slice(path.lastIndexOf('/') + 1)) ?? 1;
    return isMeant(path)
      ? { kind: 'rejected', rejection: excess, parents: '', number }
      : { kind: 'ignored' };
  }
  const location = parseLocation(path);
  if (location) return { kind: 'location', location };
  const components = path.split('/');
  const name = components.pop() ?? '';
  const digestAt = components.findIndex((component) => isDigestLike(component));
  const number = numberIn(name) ?? 1;
  if (digestAt >= 0 && hasDot(components.slice(digestAt + 1), name)) return { kind: 'ignored' };
  if (digestAt >= 0) {
    const rejection = locationFault(components, digestAt, name);
    const parents = components
      .slice(0, digestAt + 1)
      .join('/')
      .replace(/@[^/]*$/, '');
    return { kind: 'rejected', rejection, parents, number };
  }
  if (!name.startsWith(NAME_PREFIX)) return { kind: 'ignored' };
  const rejection = reject('misplaced', 'expected a `repo@sha256=HEX` directory around it');
  return { kind: 'rejected', rejection, parents: components.join('/'), number };
}

/** Whether a path is neither in nor named like a location, so that its file needs no verdict. */
export function isIgnoredPath(path: string): boolean {
  return !isMeant(path);
}

/** How many characters are kept at the start, and at the end, of a path over its budget. */
const SHOWN = 100;

/**
 * The path as reports show it: one over its budget is cut, and a hash at its end keeps it different
 * from all others.
 */
export function shortenPath(path: string, budgets: PathBudgets): string {
  if (path.length <= 2 * SHOWN || !findExcess(path, budgets)) return path;
  // Copies: slices would keep the whole path in memory.
  const [start, end] = [path.slice(0, SHOWN), path.slice(-SHOWN)].map((part) =>
    Buffer.from(part).toString(),
  );
  return `${start}…${end} (sha256 ${hash('sha256', path).slice(0, 16)})`;
}

function findExcess(path: string, { pathDepth, pathLength }: PathBudgets): Rejection | undefined {
  // In UTF-8 each UTF-16 unit takes at most three bytes.
  if (path.length > pathLength / 3) {
    const bytes = Buffer.byteLength(path);
    if (bytes > pathLength) {
      return reject('path-too-long', `expected at most ${pathLength} bytes, got ${bytes}`);
    }
  }
  const depth = countComponents(path);
  return depth > pathDepth
    ? reject('path-too-deep', `expected at most ${pathDepth} components, got ${depth}`)
    : undefined;
}

function countComponents(path: string): number {
  let components = 1;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) components++;
  return components;
}

/** Whether a path looks as if it should be a location. */
function isMeant(path: string): boolean {
  const components = path.split('/');
  const name = components.pop() ?? '';
  const digestAt = components.findIndex((component) => isDigestLike(component));
  if (digestAt < 0) return name.startsWith(NAME_PREFIX);
  return !hasDot(components.slice(digestAt + 1), name);
}

/**
 * Whether a file that no program means for a signature lies in a digest directory: `.gitkeep`, or what
 * an editor or a file manager leaves behind. It is ignored, and nodes never ask for it.
 */
export function isStrayDotFile(path: string): boolean {
  const components = path.split('/');
  const name = components.pop() ?? '';
  const digestAt = components.findIndex((component) => isDigestLike(component));
  return digestAt >= 0 && hasDot(components.slice(digestAt + 1), name);
}

function hasDot(directories: readonly string[], name: string): boolean {
  return [...directories, name].some((component) => DOT_NAME.test(component));
}

/** Not a directory's own name, nor its parent's. */
const DOT_NAME = /^\.(?!\.?$)/;

function isDigestLike(component: string): boolean {
  return DIGEST_LIKE.test(component);
}

function locationFault(components: readonly string[], digestAt: number, name: string): Rejection {
  if (digestAt < components.length - 1) {
    return reject(
      'stray-file',
      'expected a signature in the digest directory, got a subdirectory',
      {
        hint: 'Move the file out of the digest directory.',
      },
    );
  }
  const parents = components.slice(0, -1);
  const fault = digestFault(components.at(-1) ?? '', parents) ?? directoryFault(components);
  return fault ?? nameFault(components.join('/'), name);
}

function digestFault(component: string, parents: readonly string[]): Rejection | undefined {
  const [, repository = '', algorithm = '', separator, digest = ''] =
    DIGEST_LIKE.exec(component) ?? [];
  const right = [...parents, `${repository}@sha256=${digest.toLowerCase()}`].join('/');
  const hint = `Rename the directory to ${quote(right)}.`;
  if (algorithm.toLowerCase() !== 'sha256') {
    return reject('unsupported-algorithm', `expected sha256, got ${quote(algorithm)}`);
  }
  if (!/^[0-9a-f]*$/i.test(digest) || digest.length !== HEX_LENGTH) {
    const got = `${digest.length} characters: ${quote(digest)}`;
    return reject('invalid-digest', `expected ${HEX_LENGTH} hexadecimal digits, got ${got}`);
  }
  if (separator === ':') {
    return reject('colon-directory', 'expected `@sha256=`, got `@sha256:`', { hint });
  }
  if (digest !== digest.toLowerCase() || algorithm !== 'sha256') {
    return reject('upper-case-digest', 'expected the digest in lower case', { hint });
  }
  return undefined;
}

function directoryFault(components: readonly string[]): Rejection | undefined {
  for (const component of components) {
    const [, repository = component] = DIGEST_DIRECTORY.exec(component) ?? [];
    const fault = componentFault(repository) ?? lengthFault(component);
    if (fault) return reject('invalid-directory', fault);
  }
  return undefined;
}

/** `component` without its digest. */
function componentFault(component: string): string | undefined {
  if (component === '') return 'expected a repository before `@`, got an empty name';
  if (isDigestLike(component)) return `expected one digest, got another in ${quote(component)}`;
  if (component === '.' || component === '..' || component.toLowerCase() === '.git') {
    return `expected a directory name, got ${quote(component)}`;
  }
  if (FORBIDDEN_CHARACTERS.test(component)) {
    return `expected no control character or backslash in ${quote(component)}`;
  }
  return undefined;
}

function lengthFault(component: string): string | undefined {
  const bytes = Buffer.byteLength(component);
  return bytes > MAX_COMPONENT_BYTES
    ? `expected at most ${MAX_COMPONENT_BYTES} bytes, got ${bytes}`
    : undefined;
}

function nameFault(directory: string, name: string): Rejection {
  const number = numberIn(name);
  const hint =
    number === undefined ? undefined : `Rename it to ${quote(formatLocation(directory, number))}.`;
  const code = /^signature-[0-9]+$/.test(name) ? 'invalid-number' : 'stray-file';
  return reject(
    code,
    `expected signature-N with N = 1, 2, …, got ${quote(name)}`,
    hint ? { hint } : {},
  );
}

/** The number that a file's name starts with or wants to: 1 in `signature-01`, `signature-1.sig`. */
function numberIn(name: string): number | undefined {
  const number = Number(/^signature-([0-9]{1,9})(?![0-9])/.exec(name)?.[1]);
  return number > 0 ? number : undefined;
}

/** Nobody's name passes for a command in a hint, where commands stand between backticks. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll('`', String.raw`\u0060`);
}
