import { type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What SOURCE names: a directory, or something that git fetches from. */
export type SourceAddress =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'git';
      readonly url: string;
      /** It is a file of `git bundle create`; `url` is its path. */
      readonly isBundle?: true;
    };

/** SOURCE cannot be used. The message never repeats a password. */
export class SourceAddressError extends Error {
  override readonly name = 'SourceAddressError';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const TRANSPORT = /^[a-z][a-z0-9-]*::/i;
/** `[user@]host:path`, as scp and git read it: no slash before the first colon. */
const SCP = /^[^/:\s]+:\S/;
const SCHEMES = ['file', 'git', 'http', 'https', 'ssh'];
const BUNDLE = '.bundle';

/**
 * Tells a git URL (a scheme, scp form, a name ending in `.git`, a bare repository of any name, a file
 * ending in `.bundle`) from a directory. As with `git clone`, what is there under that name comes before
 * the scp form, and paths are from the working directory.
 */
export function parseSource(source: string): SourceAddress {
  if (source === '' || source.startsWith('-')) {
    const hint = source === '' ? 'write . for this directory' : `write ./${source} for a directory`;
    throw new SourceAddressError(
      `expected a directory or git URL, got ${JSON.stringify(source)}`,
      hint,
    );
  }
  const scheme = SCHEME.exec(source)?.[1]?.toLowerCase();
  if (TRANSPORT.test(source) || (scheme !== undefined && !SCHEMES.includes(scheme))) {
    const got = TRANSPORT.test(source) ? source.slice(0, source.indexOf(':') + 2) : `${scheme}://`;
    throw new SourceAddressError(`cannot fetch from ${got}`, `use one of ${SCHEMES.join(', ')}`);
  }
  if (scheme === 'file') return parseFileUrl(source);
  if (scheme !== undefined) return { kind: 'git', url: withoutPassword(source) };
  if (!isThere(source)) {
    if (/^file:/i.test(source)) throw noFileUrl(source);
    if (SCP.test(source)) return { kind: 'git', url: source };
    if (/^~[^/]*\//.test(source)) throw noHome(source);
  }
  return parsePath(source);
}

/** In full, as git runs in another directory. */
function parsePath(path: string): SourceAddress {
  const isDirectory = kindOf(path)?.isDirectory() === true;
  if (path.endsWith(BUNDLE) && !isDirectory) {
    return { kind: 'git', url: resolve(path), isBundle: true };
  }
  return path.endsWith('.git') || isBareRepository(path)
    ? { kind: 'git', url: resolve(path) }
    : { kind: 'directory', path };
}

/** Git takes no bundle by a URL. */
function parseFileUrl(url: string): SourceAddress {
  if (!/^file:\/\/\//i.test(url)) throw noFileUrl(url);
  if (!url.endsWith(BUNDLE)) return { kind: 'git', url };
  const path = toPath(url);
  const address = path === undefined ? undefined : parsePath(path);
  return address && 'isBundle' in address ? address : { kind: 'git', url };
}

/** Undefined where it has a slash, or half a character, in its percent signs. */
function toPath(url: string): string | undefined {
  try {
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}

function noFileUrl(url: string): SourceAddressError {
  const path = url.replace(/^file:\/*/i, '');
  return new SourceAddressError(
    `expected file:// and an absolute path, got ${JSON.stringify(url)}`,
    `write file:///${path}, or the path alone`,
  );
}

function noHome(path: string): SourceAddressError {
  return new SourceAddressError(
    `there is no directory ${JSON.stringify(path)}`,
    'the shell makes a home directory of ~ only at the start of a word without quotes: write the path in full',
  );
}

function isThere(path: string): boolean {
  return kindOf(path) !== undefined;
}

/** Undefined also for what cannot be read, which is told when it is read. */
function kindOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Whether a directory is what git makes with `--bare`, whatever its name. */
function isBareRepository(path: string): boolean {
  return (
    kindOf(join(path, 'HEAD'))?.isFile() === true &&
    kindOf(join(path, 'objects'))?.isDirectory() === true &&
    kindOf(join(path, 'refs'))?.isDirectory() === true
  );
}

/** A user name is fine for ssh; over HTTP it is as often as not the token. */
function withoutPassword(url: string): string {
  const authority = url.slice(url.indexOf('://') + 3).split('/', 1)[0] ?? '';
  const user = authority.slice(0, Math.max(authority.lastIndexOf('@'), 0));
  if (user.includes(':') || (user !== '' && /^https?:/i.test(url))) {
    throw new SourceAddressError(
      'the URL contains a user name or password, which would show in process lists and logs',
      'put the token into a file, and name the file with --git-token-file',
    );
  }
  return url;
}
