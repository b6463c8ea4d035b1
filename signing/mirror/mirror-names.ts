// How images are called upstream and here, by `--map UPSTREAM=LOCAL`.
import { type DockerReference, parseFullName } from '../../generator/terms/image-name.ts';
import type { ImageDirectory } from '../../generator/terms/location.ts';
import { type Renaming, renameImage } from '../stage/renaming.ts';

/** A repository by both of its names, each without tag and digest. */
export interface MirroredName {
  readonly upstream: DockerReference;
  readonly local: DockerReference;
}

/** A manifest whose signatures are wanted. */
export interface WantedDigest {
  /** Its repository; undefined where its digest is all that is known. */
  readonly image: MirroredName | undefined;
  /** 64 lower-case hexadecimal digits. */
  readonly digestHex: string;
  /** Where the upstream has its signatures, below the address of the store. */
  readonly directory: string;
  /** Where they belong here, below what is published. */
  readonly place: ImageDirectory;
}

/** The names of repositories upstream and here. Without any renaming they are the same. */
export class MirrorNames {
  readonly #renamings: readonly Renaming[];
  readonly #reversed: readonly Renaming[];

  constructor(renamings: readonly Renaming[]) {
    this.#renamings = renamings;
    this.#reversed = renamings.map(({ from, to }) => ({ from: to, to: from }));
  }

  /** Whether anything has another name here. */
  get isRenaming(): boolean {
    return this.#renamings.length > 0;
  }

  /** Both names of an image that is given by either of them; undefined where no renaming covers it. */
  find(image: DockerReference): MirroredName | undefined {
    const bare = withoutTag(image);
    if (this.#renamings.length === 0) return { upstream: bare, local: bare };
    const local = renameImage(bare, this.#renamings);
    if (local) return { upstream: bare, local };
    const upstream = renameImage(bare, this.#reversed);
    return upstream && { upstream, local: bare };
  }

  /**
   * The repositories here that a store has under a path, which names no registry; of several renamings
   * those count whose TO has the longest path. Empty where none covers it.
   */
  findServed(repository: string): readonly MirroredName[] {
    const around = this.#renamings
      .map((renaming) => ({ ...renaming, path: pathOf(renaming.to) }))
      .filter(({ path }) => path === '' || `${repository}/`.startsWith(`${path}/`));
    const longest = Math.max(...around.map(({ path }) => path.length));
    return around
      .filter(({ path }) => path.length === longest)
      .flatMap(({ from, to, path }) => {
        const rest = path === '' ? `/${repository}` : repository.slice(path.length);
        const [upstream, local] = [parseFullName(from + rest), parseFullName(to + rest)];
        // A path may hold anything.
        const isName = upstream?.tag === undefined && upstream?.digest === undefined;
        return upstream && local && isName ? [{ upstream, local }] : [];
      });
  }

  /** The one repository that a digest alone can mean; undefined where that is not said. */
  get only(): MirroredName | undefined {
    const [first, ...others] = this.#renamings;
    if (!first || others.length > 0) return undefined;
    const [upstream, local] = [parseFullName(first.from), parseFullName(first.to)];
    return upstream && local && { upstream, local };
  }
}

/** `namespace/…` of `HOST/namespace/…`; '' for a host alone. */
function pathOf(prefix: string): string {
  const slash = prefix.indexOf('/');
  return slash < 0 ? '' : prefix.slice(slash + 1);
}

/** The repository of an image. */
export function withoutTag(image: DockerReference): DockerReference {
  return { ...image, tag: undefined, digest: undefined };
}

/** Each directory once, in the order in which they come first. */
export function uniqueDigests(wanted: readonly WantedDigest[]): readonly WantedDigest[] {
  const known = new Map<string, WantedDigest>();
  for (const one of wanted) {
    const key = nameWanted(one);
    if (!known.has(key)) known.set(key, one);
  }
  return [...known.values()];
}

/** Both directories: two runs that mean the same say the same. */
export function nameWanted({ directory, place }: WantedDigest): string {
  return `${directory} ${place.directory}`;
}
