import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';

/** A directory of a repository, with a digest that ends in a number. */
export function directoryOf(repository: string, digest: number): string {
  return formatDirectory(repository, digest.toString(16).padStart(64, '0'));
}

/** What a node asks for first in a directory. */
export function firstLocation(directory: string): string {
  return formatLocation(directory, 1);
}
