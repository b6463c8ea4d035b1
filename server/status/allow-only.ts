import type { RequestHandler } from 'express';

/** For an address whose other methods were answered before. */
export function allowOnly(methods: string): RequestHandler {
  return (_request, response) => {
    response.status(405).set('Allow', methods).end();
  };
}
