import type { Request, Response } from 'express';
import { z } from 'zod';
import { sendJson } from './send-json.ts';

/** Reads the query of a request; a wrong one is answered with 400, and gives undefined. */
export function readQuery<Schema extends z.ZodType>(
  schema: Schema,
  request: Request,
  response: Response,
): z.output<Schema> | undefined {
  const read = schema.safeParse(request.query);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  sendJson(response.status(400), { message: issue && describe(issue) });
  return undefined;
}

function describe(issue: z.core.$ZodIssue): string {
  // What is written wrong would else be left out without a word.
  if (issue.code === 'unrecognized_keys') return `${issue.keys[0]}: unknown parameter`;
  const name = issue.path.join('.');
  return `${name ? `${name}: ` : ''}${issue.message}`;
}

/** A count in a query, from 1. */
export function countUpTo(most: number) {
  const message = `expected a number from 1 to ${most}`;
  return z
    .string(message)
    .regex(/^[0-9]{1,9}$/, message)
    .transform(Number)
    .refine((count) => count >= 1 && count <= most, message);
}
