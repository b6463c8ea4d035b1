import { createHash } from 'node:crypto';
import { join } from 'node:path';

const NAME_LENGTH = 16;

/** What mends a state directory. */
export const STATE_DIRECTORY_HINT =
  'make the directory of --state-dir writable for the user that runs lookaside, with room on its disk';

/** Where what is known of a source is kept; `kind` says what that is. */
export function stateFile(stateDirectory: string, source: string, kind: string): string {
  const name = createHash('sha256').update(source).digest('hex').slice(0, NAME_LENGTH);
  return join(stateDirectory, `${name}.${kind}`);
}
