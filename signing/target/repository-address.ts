import { resolve } from 'node:path';
import { SourceAddressError, parseSource } from '../../generator/sources/parse-source.ts';

/** The configuration of a signature repository, at the root of its branch: who may sign what. */
export const REPOSITORY_CONFIG = 'lookaside.yaml';

/** Where a signature repository is. */
export interface RepositoryAddress {
  /** As git takes it, and as people are told. */
  readonly url: string;
  /** Where it lies on this machine's disk; undefined where git talks to it over something. */
  readonly path: string | undefined;
}

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * Reads REPO: a git URL, in scp form too, or the path of a repository.
 * @throws SourceAddressError
 */
export function parseRepository(text: string): RepositoryAddress {
  const address = parseSource(text);
  if (address.kind === 'directory') {
    const path = resolve(address.path);
    return { url: path, path };
  }
  const { url, isBundle } = address;
  if (isBundle === true) {
    throw new SourceAddressError(
      `${url} is a bundle, which cannot be pushed to`,
      'push to a repository, and make the bundle of that: git bundle create FILE BRANCH',
    );
  }
  const isPath = !SCHEME.test(url) && url.startsWith('/');
  return { url, path: isPath ? url : undefined };
}
