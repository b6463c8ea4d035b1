import type { Bench } from '../part.ts';
import { type Server, serveLookaside } from '../process/serve-lookaside.ts';
import type { CleanupScope } from '../with-cleanup.ts';

/** Signatures of the store that many connections ask. */
export const LOADED_SIGNATURES = 20_000;

/** Serves that store until the scope ends. */
export async function serveLoaded(
  { data }: Bench,
  scope: CleanupScope,
  args: readonly string[] = [],
): Promise<Server> {
  const source = await data.repository(LOADED_SIGNATURES);
  const home = await scope.directory();
  const options = { source, keyFile: data.keyFile, home, args, expected: LOADED_SIGNATURES };
  return scope.keep(await serveLookaside(options));
}
