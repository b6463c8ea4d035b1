import type { Request } from 'express';

/** Longer than any path in a source, in characters. */
const MAX_LENGTH = 16_384;

/**
 * A parameter of the query as it is, since paths are exact: '' where it is missing, undefined where
 * it is there twice or too long.
 */
export function readParameter(query: Request['query'], name: string): string | undefined {
  const value = query[name] ?? '';
  return typeof value === 'string' && value.length <= MAX_LENGTH ? value : undefined;
}
