import type { Request, Response } from 'express';
import type { z } from 'zod';

/** Reads the query of a request; a wrong one is answered with 400, and gives undefined. */
export function readQuery<Schema extends z.ZodType>(
  schema: Schema,
  request: Request,
  response: Response,
): z.output<Schema> | undefined {
  const read = schema.safeParse(request.query);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const name = issue?.path.join('.');
  const message = `${name ? `${name}: ` : ''}${issue?.message}`;
  response.status(400).json({ message });
  return undefined;
}
