import { SourceError } from '../../generator/sources/source.ts';
import { UsageError } from '../base/usage-error.ts';
import { isServerUrl } from './parse-server.ts';

/** Throws again why a source cannot be read; where it may be a running server, with what to write then. */
export function explainIfServer(location: string, cause: unknown): never {
  if (!(cause instanceof SourceError) || !isServerUrl(location)) throw cause;
  throw new UsageError(cause.message, `for a running server, write --server ${location}`, {
    cause,
  });
}
