import type { Command, OptionName, Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { GIT_ACCESS_OPTIONS } from '../inputs/git-access.ts';
import { parseServer } from './parse-server.ts';

/** What a running server knows by itself. */
const OF_A_SOURCE: readonly OptionName[] = [
  'keys',
  'policy',
  'policy-root',
  'branch',
  'path',
  ...GIT_ACCESS_OPTIONS,
];

/**
 * A running server, or a SOURCE. `flags` are the options that the command line has.
 * @throws UsageError
 */
export function findSignaturePlace(
  command: Command,
  source: string | undefined,
  { server }: Pick<Settings, 'server'>,
  flags: ReadonlySet<string>,
): string | URL {
  if (source !== undefined) {
    if (flags.has('server')) {
      throw new UsageError('--server and SOURCE both say where to look', 'give one of them');
    }
    return source;
  }
  if (server === undefined) {
    const hint = 'give SOURCE, or --server with the address of the status listener of a server';
    throw new UsageError(`${command} needs a place to look for signatures`, hint);
  }
  const url = parseServer(server);
  const unused = OF_A_SOURCE.find((name) => flags.has(name));
  if (url && unused !== undefined) {
    const hint = 'leave it out: the server uses its own';
    throw new UsageError(`--${unused} has no effect with a running server`, hint);
  }
  return url ?? server;
}
