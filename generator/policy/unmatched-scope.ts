// Scopes that nodes take without a word and use for no image: where the default accepts anything,
// the images that they were written for are open (containers/image docker/policyconfiguration).
import { isNamePrefix, looksLikeHost, normalizeHost, parseFullName } from '../terms/image-name.ts';

/** Why a scope covers no image, or not those that people think of, and what to write. */
export interface UnmatchedScope {
  /** "it has …", with what is wrong. */
  readonly reason: string;
  /** "write …". */
  readonly cure: string;
}

const FORMS =
  'write HOST, HOST/NAMESPACE, HOST/NAMESPACE/REPOSITORY, one of these with a tag or a digest, or *.DOMAIN';

interface Repair {
  readonly reason: string;
  readonly repair: (scope: string) => string;
}

/** What people write, in the order in which it is put right. */
const REPAIRS: readonly Repair[] = [
  { reason: 'spaces around it', repair: (scope) => scope.trim() },
  { reason: 'a scheme', repair: (scope) => scope.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '') },
  { reason: 'a "*" behind the host', repair: (scope) => scope.replace(/(.)\/\*{1,2}$/, '$1') },
  { reason: 'a slash at its end', repair: (scope) => scope.replace(/\/+$/, '') },
  { reason: 'two slashes', repair: (scope) => scope.replaceAll(/\/{2,}/g, '/') },
  { reason: 'the old name of docker.io', repair: renameDockerHub },
  {
    reason: 'a path behind a *.DOMAIN',
    repair: (scope) => scope.replace(/^(\*\.[^/]*)\/.*$/, '$1'),
  },
  {
    reason: 'a port behind a *.DOMAIN',
    repair: (scope) => scope.replace(/^(\*\.[^/:]*):.*$/, '$1'),
  },
  { reason: 'capitals in its path', repair: lowerPath },
  { reason: 'a digest in capitals', repair: lowerDigest },
  { reason: 'a tag and a digest', repair: (scope) => scope.replace(/:[^:/@]+(@)/, '$1') },
  { reason: 'no host', repair: addHost },
  { reason: 'no "library/" before the name of an official image', repair: addLibrary },
];

/** What is wrong with a scope for images from registries; undefined if nothing is. */
export function findUnmatched(scope: string): UnmatchedScope | undefined {
  if (canMatch(scope)) return undefined;
  const reasons: string[] = [];
  let repaired = scope;
  for (const { reason, repair } of REPAIRS) {
    if (canMatch(repaired)) break;
    const next = repair(repaired);
    if (next === repaired) continue;
    reasons.push(reason);
    repaired = next;
  }
  const isGood = repaired !== '' && canMatch(repaired);
  if (!isGood) return { reason: 'it is not written as image names are', cure: FORMS };
  return { reason: `it has ${reasons.join(', ')}`, cure: `write ${JSON.stringify(repaired)}` };
}

/** A sentence of it. */
export function describeUnmatched(scope: string, { reason, cure }: UnmatchedScope): string {
  return `the scope ${JSON.stringify(scope)} covers no image: ${reason}; ${cure}`;
}

/** Sentences about the scopes among these that cover no image. */
export function warnOfUnmatched(scopes: Iterable<string>): readonly string[] {
  return [...scopes].flatMap((scope) => {
    const unmatched = findUnmatched(scope);
    return unmatched ? [describeUnmatched(scope, unmatched)] : [];
  });
}

/** Whether nodes look a scope of this name up for any image. */
function canMatch(scope: string): boolean {
  if (scope === '') return true;
  if (scope.startsWith('*.')) return isNamePrefix(scope.slice(2)) && !/[/:]/.test(scope);
  const [host = ''] = scope.split('/', 1);
  if (!looksLikeHost(host) || normalizeHost(host) !== host) return false;
  if (isNamePrefix(scope)) return true;
  const reference = scope.includes('/') ? parseFullName(scope) : undefined;
  return reference !== undefined && (reference.tag === undefined || reference.digest === undefined);
}

function renameDockerHub(scope: string): string {
  return scope.replace(/^index\.docker\.io(?=\/|$)/, 'docker.io');
}

function lowerPath(scope: string): string {
  const slash = scope.indexOf('/');
  if (slash < 0) return scope;
  const [, path = '', rest = ''] = /^([^:@]*)(.*)$/s.exec(scope.slice(slash)) ?? [];
  return `${scope.slice(0, slash)}${path.toLowerCase()}${rest}`;
}

function lowerDigest(scope: string): string {
  return scope.replace(/@.*$/s, (digest) => digest.toLowerCase());
}

function addHost(scope: string): string {
  const [first = ''] = scope.split('/', 1);
  if (looksLikeHost(first) || first.startsWith('*')) return scope;
  return scope.includes('/') ? `docker.io/${scope}` : `docker.io/library/${scope}`;
}

function addLibrary(scope: string): string {
  return scope.replace(/^docker\.io\/([^/]+[:@][^/]+)$/, 'docker.io/library/$1');
}
