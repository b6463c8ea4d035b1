import { z } from 'zod';

/** A count in a query, from 1. */
export function countUpTo(most: number) {
  const message = `expected a number from 1 to ${most}`;
  return z
    .string(message)
    .regex(/^[0-9]{1,9}$/, message)
    .transform(Number)
    .refine((count) => count >= 1 && count <= most, message);
}
