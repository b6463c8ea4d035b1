import type { Request } from 'express';

/** Longer than the longest path that nodes ask for, in characters. */
const MAX_LENGTH = 4096;

/** A parameter of the query: '' where it is missing, undefined where it is there twice or too long. */
export function readParameter(query: Request['query'], name: string): string | undefined {
  const value = query[name] ?? '';
  return typeof value === 'string' && value.length <= MAX_LENGTH ? value.trim() : undefined;
}
