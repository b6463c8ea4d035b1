// Which directories hold a signature for a name with a tag. A lookup by tag would else go through the
// whole store.
import { formatReference } from '../policy/signed-identity.ts';
import { parseDockerReference } from '../terms/image-name.ts';
import type { Signature } from '../gate/judge.ts';

/** A file of a directory, as far as the index reads it. */
interface Indexed {
  readonly signature: Pick<Signature, 'claims'>;
}

const NONE: ReadonlySet<string> = new Set();

export class TagIndex {
  /** Directories by `HOST/REPOSITORY:TAG`; most names have one. */
  readonly #directories = new Map<string, string | Set<string>>();
  /** Names that several directories have. */
  readonly #contested = new Set<string>();

  /** The directories with a signature for a name in its full form, whoever made it. */
  directoriesOf(name: string): ReadonlySet<string> {
    const found = this.#directories.get(name);
    if (found === undefined) return NONE;
    return typeof found === 'string' ? new Set([found]) : found;
  }

  /** Names for which more than one directory has a signature, in no order. */
  contested(): ReadonlySet<string> {
    return this.#contested;
  }

  /** Takes a directory in another state than before. May be told of the same state again. */
  replace(directory: string, before: readonly Indexed[], after: readonly Indexed[]): void {
    const wanted = namesIn(after);
    for (const name of namesIn(before)) if (!wanted.has(name)) this.#remove(name, directory);
    for (const name of wanted) this.#add(name, directory);
  }

  #add(name: string, directory: string): void {
    const found = this.#directories.get(name);
    if (found === undefined || found === directory) {
      this.#directories.set(name, directory);
    } else if (typeof found === 'string') {
      this.#directories.set(name, new Set([found, directory]));
      this.#contested.add(name);
    } else {
      found.add(directory);
    }
  }

  #remove(name: string, directory: string): void {
    const found = this.#directories.get(name);
    if (found === directory) this.#directories.delete(name);
    if (typeof found !== 'object' || !found.delete(directory) || found.size > 1) return;
    const [last = ''] = found;
    this.#directories.set(name, last);
    this.#contested.delete(name);
  }
}

/** The names with a tag that signatures were made for, in full. */
function namesIn(files: readonly Indexed[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { signature } of files) {
    const written = signature.claims.dockerReference;
    const identity = parseDockerReference(written);
    if (identity?.tag === undefined) continue;
    const name = formatReference(identity);
    // The string that the signature holds anyway.
    names.add(name === written ? written : name);
  }
  return names;
}
