// The signatures that the repository has already, below the directories that candidates go to.
import type { Signature } from '../../generator/gate/judge.ts';
import type { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { MAX_BLOB_BYTES, checkBlobSize } from '../../generator/openpgp/signature-file.ts';
import {
  type ImageDirectory,
  formatLocation,
  parseSignatureName,
} from '../../generator/terms/location.ts';
import { isRejection } from '../../generator/terms/rejection.ts';
import type { SignatureRepository } from '../target/signature-repository.ts';
import type { TipEntry } from '../../generator/sources/git/objects/tip-tree.ts';

/** What stands under a number of a directory. */
export interface PublishedFile {
  readonly number: number;
  /** From the root of the repository. */
  readonly path: string;
  /** Its object name. */
  readonly id: string;
  /** None of what is larger than a signature. */
  readonly bytes: Uint8Array;
  /** Undefined where nodes would not accept it. */
  readonly signature: Signature | undefined;
}

/** Joins the published subtree, which may be the whole repository, and a path below it. */
export function joinSubtree(subtree: string, path: string): string {
  return subtree === '' ? path : `${subtree}/${path}`;
}

/** The other way round: a path below the published subtree, of one in the repository. */
export function stripSubtree(subtree: string, path: string): string {
  return subtree === '' ? path : path.slice(subtree.length + 1);
}

/** Looks up what stands in directories, and remembers verdicts from one state to the next. */
export class PublishedSignatures {
  readonly #repository: SignatureRepository;
  readonly #subtree: string;
  readonly #judge: Pick<PlacingJudge, 'judge'>;
  readonly #now: Date;
  readonly #known = new Map<string, PublishedFile>();

  constructor(
    repository: SignatureRepository,
    subtree: string,
    judge: Pick<PlacingJudge, 'judge'>,
    now: Date,
  ) {
    this.#repository = repository;
    this.#subtree = subtree;
    this.#judge = judge;
    this.#now = now;
  }

  /**
   * What the newest state that was seen has below image directories, by their names.
   * @throws RepositoryError also where a file stands in the way of a directory
   */
  async find(
    places: readonly ImageDirectory[],
  ): Promise<ReadonlyMap<string, readonly PublishedFile[]>> {
    const { tree } = this.#repository;
    const unique = [...new Map(places.map((place) => [place.directory, place])).values()];
    const paths = unique.map(({ directory }) => joinSubtree(this.#subtree, directory));
    await this.#repository.assertDirectories(paths);
    const lists = await tree.list(paths);
    const entries = [...lists.values()].flat().filter((entry) => isSignature(entry));
    const unread = entries.filter(({ kind }) => kind === 'file').map(({ id }) => id);
    const bytes = await this.#repository.readFiles(unread, MAX_BLOB_BYTES);
    const published = unique.map(async (place) => {
      const path = joinSubtree(this.#subtree, place.directory);
      const files = (lists.get(path) ?? []).filter((entry) => isSignature(entry));
      const judged = files.map(async (entry) =>
        this.#judgeEntry(place, entry, bytes.get(entry.id)),
      );
      return [place.directory, await Promise.all(judged)] as const;
    });
    return new Map(await Promise.all(published));
  }

  async #judgeEntry(
    place: ImageDirectory,
    { name, id }: TipEntry,
    bytes: Uint8Array = new Uint8Array(),
  ): Promise<PublishedFile> {
    const number = parseSignatureName(name) ?? 0;
    const path = joinSubtree(this.#subtree, formatLocation(place.directory, number));
    const key = `${path} ${id}`;
    const known = this.#known.get(key);
    if (known) return known;
    const verdict =
      checkBlobSize(bytes.length) ??
      (await this.#judge.judge({ ...place, number }, bytes, this.#now));
    const signature = isRejection(verdict) ? undefined : verdict;
    const file = { number, path, id, bytes, signature };
    this.#known.set(key, file);
    return file;
  }
}

function isSignature({ name }: TipEntry): boolean {
  return parseSignatureName(name) !== undefined;
}
