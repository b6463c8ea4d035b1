import { SourceError } from '../../generator/sources/source.ts';
import { findLocalFault } from '../../generator/sources/git/local-fault.ts';
import { RepositoryError } from './repository-error.ts';

/**
 * An error of a repository to which git was led by the settings of the user, or of one on this machine, of
 * which more can be told than git does.
 */
export async function explainRepository(
  error: unknown,
  url: string,
  detour: string | undefined,
): Promise<unknown> {
  if (!(error instanceof RepositoryError || error instanceof SourceError)) return error;
  if (detour === undefined) {
    const fault = await findLocalFault(url, error.message);
    return fault ? new RepositoryError(fault.message, { hint: fault.hint, cause: error }) : error;
  }
  const way = `url.*.insteadOf in your git configuration makes ${detour} of ${url}`;
  const hint = error.hint === undefined ? way : `${way}; ${error.hint}`;
  return new RepositoryError(error.message, { hint, cause: error });
}
