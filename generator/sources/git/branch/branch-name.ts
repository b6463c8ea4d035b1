import { toLine } from '../../../terms/text.ts';

/** Longer than any branch that people have named; a ref is a path, which has less room. Bytes. */
const MAX_LENGTH = 244;
/** What no ref may have, as git-check-ref-format(1) says. Control characters and spaces among them. */
const FORBIDDEN = /[\p{Cc}\p{Z} ~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.\/|\.lock(?:\/|$)|[./]$|^[./-]/u;

/**
 * Whether a name that a remote gives is one of a branch, and can be no option, no other ref and no
 * list of refs, wherever it is put.
 */
export function isBranchName(untrustedName: string): boolean {
  const length = Buffer.byteLength(untrustedName);
  return length > 0 && length <= MAX_LENGTH && !FORBIDDEN.test(untrustedName);
}

/** How many branches of a remote a message names. */
const MOST_NAMED = 5;

/** Names branches for people. */
export function nameSome(untrustedNames: readonly string[]): string {
  const some = untrustedNames.slice(0, MOST_NAMED).map(toLine).join(', ');
  return untrustedNames.length > MOST_NAMED ? `${some}, …` : some;
}
