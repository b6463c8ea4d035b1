// Which files of release areas come to the directories that serve them, and which leave these, in one change of a
// store. A directory is numbered once for all of them: whoever may push could copy one good signature to thousands
// of directories, and numbering anew for each copy would keep lookups waiting for minutes.
import type { CheckedFile, PublishableFile } from '../gate/checked-file.ts';
import { nodeDirectoryOf, releaseDirectoriesOf } from './release-numbering.ts';
import { type Directory, NO_GUESTS, findPublishable } from './store-directory.ts';

/** Files that a directory gets and loses. */
interface Move {
  readonly gained: Set<PublishableFile>;
  readonly lost: Set<PublishableFile>;
}

const NO_FILES: readonly CheckedFile[] = [];

export class GuestMoves {
  readonly #moves = new Map<string, Move>();

  /** To be told of each directory that changes. */
  note(before: Directory | undefined, after: Directory): void {
    if (before === after) return;
    const old = findReleased(before?.files ?? NO_FILES);
    const now = findReleased(after.files);
    for (const file of old) if (!now.has(file)) this.#lose(file);
    for (const file of now) if (!old.has(file)) this.#gain(file);
  }

  /** The directories to which files come, or which they leave. */
  get places(): Iterable<string> {
    return this.#moves.keys();
  }

  /** The guests of such a directory, given those that it had before. */
  guestsIn(place: string, before = NO_GUESTS): readonly PublishableFile[] {
    const move = this.#moves.get(place);
    return move ? [...before.filter((file) => !move.lost.has(file)), ...move.gained] : before;
  }

  #lose(file: PublishableFile): void {
    for (const place of guestPlacesOf(file)) {
      const { gained, lost } = this.#moveOf(place);
      if (!gained.delete(file)) lost.add(file);
    }
  }

  #gain(file: PublishableFile): void {
    for (const place of guestPlacesOf(file)) this.#moveOf(place).gained.add(file);
  }

  #moveOf(place: string): Move {
    const known = this.#moves.get(place);
    if (known) return known;
    const move = { gained: new Set<PublishableFile>(), lost: new Set<PublishableFile>() };
    this.#moves.set(place, move);
    return move;
  }
}

const NONE_RELEASED: ReadonlySet<PublishableFile> = new Set();

function findReleased(files: readonly CheckedFile[]): ReadonlySet<PublishableFile> {
  const isReleased = files.some((file) => file.kind === 'publishable' && file.signature.release);
  if (!isReleased) return NONE_RELEASED;
  return new Set(findPublishable(files).filter(({ signature }) => signature.release));
}

/** The directories, other than its own, that a file of a release area is brought to. */
function guestPlacesOf(file: PublishableFile): readonly string[] {
  const node = nodeDirectoryOf(file);
  const forNodes = node === undefined || node === file.directory ? [] : [node];
  return [...forNodes, ...releaseDirectoriesOf(file).slice(0, 1)];
}
