// What earlier runs have seen on the disk, so that a run need not read every file again.
// A fact says what the file or directory with this inode number held when its change time
// was this. It holds for as long as both are the same, in whatever generation the inode is
// linked: nobody can write to a file, replace it or change its mode, nor add to a directory,
// without a new change time, not even by setting the modification time back. A fact is noted
// only if the clock of the file system had moved on from that change time before it was read,
// so a later change cannot have the same one. What has no fact is read; so a lost, damaged
// or old list of facts costs time only.
//
// Not noticed: a disk that gives other bytes without a write, a write through a memory map that
// was made before, and a clock that is set back to the very moment of the last change.
import { type Stats, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type FactList, readFactList } from './fact-list.ts';

/** Facts for each of the paths of a tree; more are of trees that are gone. */
const MAX_FACTS_PER_PATH = 4;

export class TreeFacts {
  readonly #path: string;
  readonly #temporary: string;
  readonly #kept: FactList;
  /** `CTIME CONTENT`, by inode number. */
  readonly #noted = new Map<number, string>();
  readonly #seen = new Set<number>();
  #moment = -Infinity;

  /** Reads the facts that are kept in a file, if it is there; `temporary` lies beside it. */
  constructor(path: string, temporary: string) {
    this.#path = path;
    this.#temporary = temporary;
    this.#kept = readFactList(path);
  }

  /** Asks the file system for its time: what changed before can be noted from now on. */
  mark(): void {
    this.#writeTemporary([], () => {
      this.#moment = lstatSync(this.#temporary).mtimeMs;
    });
  }

  /** Whether this is known to hold `content`. */
  has({ ino, ctimeMs }: Stats, content: string): boolean {
    const fact = this.#noted.get(ino) ?? this.#kept.find(ino);
    if (fact !== `${ctimeMs} ${content}`) return false;
    this.#seen.add(ino);
    return true;
  }

  /** Notes what was read; `stats` are from after `mark`, and before reading. */
  note({ ino, ctimeMs }: Stats, content: string): void {
    if (ctimeMs >= this.#moment) return;
    this.#noted.set(ino, `${ctimeMs} ${content}`);
    this.#seen.add(ino);
  }

  /** Writes the facts for the next run. Those that no run needs any more are left out. */
  save(): void {
    if (this.#noted.size === 0) return;
    const facts = this.#kept.size + this.#noted.size;
    const isFull = facts > this.#seen.size * MAX_FACTS_PER_PATH;
    const kept = isFull ? this.#kept.linesOf(this.#seen) : [this.#kept.bytes];
    const noted = Array.from(this.#noted, ([inode, fact]) => `${inode} ${fact}\n`);
    this.#writeTemporary([...kept, Buffer.from(noted.join(''))], () =>
      renameSync(this.#temporary, this.#path),
    );
  }

  /** A full disk must not fail the run: without facts the next one only takes longer. */
  #writeTemporary(parts: readonly Buffer[], use: () => void): void {
    try {
      writeFileSync(this.#temporary, Buffer.concat(parts));
      use();
    } catch {
      // Nothing is noted, or what was noted is not kept.
    } finally {
      rmSync(this.#temporary, { force: true });
    }
  }
}
