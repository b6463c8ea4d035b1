// How the name of a scope is written, as containers-policy.json(5) has it, and what people write instead.
import {
  MAX_NAME_LENGTH,
  isNamePrefix,
  looksLikeHost,
  normalizeHost,
  parseDockerReference,
} from '../terms/image-name.ts';

/** What is wrong with a scope, behind the scope itself; '' where nobody knows. */
export function whyNoScope(name: unknown): string {
  const isWrong = typeof name === 'string' && !isScopeName(name);
  const found = isWrong && SCOPE_FAULTS.find(([fault]) => fault.test(name));
  return found ? `: ${found[1]}` : '';
}

const SCOPE_FAULTS: readonly (readonly [RegExp, string])[] = [
  [/^[a-z][a-z0-9+.-]*:\/\//i, 'leave out the scheme'],
  [/\s/, 'leave out the white space'],
  [/\/$/, 'leave out the slash at the end'],
  [/\/\//, 'write one slash where there are two'],
  [/[@:]$/, 'leave out the sign at the end, or write a tag behind ":" or a digest behind "@"'],
  [/@/, 'a digest is "sha256:" and 64 hexadecimal digits in lower case'],
  [/^\*$/, 'for images outside all scopes give --keys'],
  [/^\*\.[^/]*[/:]/, 'a wildcard takes no port and no repository behind the domain'],
  [/.\*/, 'a wildcard stands only before a domain; a scope covers all that lies below it'],
  [/^index\.docker\.io(?:\/|$)/, 'nodes call it docker.io'],
  [/\/[^:@]*[A-Z]/, 'repositories are in lower case'],
  [/^[^./:]+(?:\/|$)/, 'it has no host: docker.io is that of images without one'],
];

/** Whether a scope has the form that nodes take, and an image can lie in it; '' stands for all images. */
export function isScopeName(name: string): boolean {
  if (name === '') return true;
  if (name.startsWith('*.')) return isDomain(name.slice(2)) && name.length <= MAX_NAME_LENGTH;
  const [host = ''] = name.split('/', 1);
  return looksLikeHost(host) && normalizeHost(host) === host && isReferencePrefix(name);
}

function isDomain(name: string): boolean {
  return isNamePrefix(name) && !/[/:]/.test(name);
}

function isReferencePrefix(name: string): boolean {
  if (isNamePrefix(name)) return name.length <= MAX_NAME_LENGTH;
  return name.includes('/') && parseDockerReference(name) !== undefined;
}
