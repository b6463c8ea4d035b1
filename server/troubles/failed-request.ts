import type { ErrorRequestHandler, Response } from 'express';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import { type Failures, isUnexpected } from './failures.ts';

export interface FailedRequestOptions {
  /** Told of what fails unexpectedly. */
  readonly failures: Pick<Failures, 'note'>;
  readonly log: ProgramLog;
  /** Answers 500, where no answer was begun; empty where this is left out. */
  readonly answer?: (response: Response) => void;
}

/** Ends a request that failed; `what` names it in the log. Express would print the error into the answer. */
export function createFailedRequest(
  what: string,
  { failures, log, answer = (response) => void response.status(500).end() }: FailedRequestOptions,
): ErrorRequestHandler {
  return (error: unknown, _request, response, _next) => {
    if (isUnexpected(error)) failures.note(what, error);
    else log.error({ error: messageOf(error) }, `${what} failed`);
    if (response.headersSent) response.destroy();
    else answer(response);
  };
}
