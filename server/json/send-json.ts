import type { Response } from 'express';
import { formatJson } from '../../generator/terms/text.ts';

/** Answers with JSON that a terminal may show; all answers of the status listener go this way. */
export function sendJson(response: Response, value: object): void {
  response.type('json').send(formatJson(value));
}
