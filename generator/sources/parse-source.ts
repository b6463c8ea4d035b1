import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What SOURCE names: a directory, or something that git fetches from. */
export type SourceAddress =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'git'; readonly url: string };

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

/**
 * Tells a git URL (a scheme, scp form, a name ending in `.git`, a bare repository of any name) from a
 * directory.
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
  if (scheme !== undefined) return { kind: 'git', url: withoutPassword(source) };
  if (SCP.test(source)) return { kind: 'git', url: source };
  // In full, as git runs in another directory.
  return source.endsWith('.git') || isBareRepository(source)
    ? { kind: 'git', url: resolve(source) }
    : { kind: 'directory', path: source };
}

/** Whether a directory is what git makes with `--bare`, whatever its name. */
function isBareRepository(path: string): boolean {
  const kindOf = (name: string) => statSync(join(path, name), { throwIfNoEntry: false });
  try {
    return (
      kindOf('HEAD')?.isFile() === true &&
      kindOf('objects')?.isDirectory() === true &&
      kindOf('refs')?.isDirectory() === true
    );
  } catch {
    // What cannot be read is told when it is read.
    return false;
  }
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
