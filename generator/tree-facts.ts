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
import { type Stats, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Facts for each of the paths of a tree; more are of trees that are gone. */
const MAX_FACTS_PER_PATH = 4;

export class TreeFacts {
  readonly #path: string;
  readonly #temporary: string;
  /** `CTIME CONTENT`, by inode number. */
  readonly #facts = new Map<string, string>();
  readonly #seen = new Set<string>();
  #moment = -Infinity;
  #isChanged = false;

  /** Reads the facts that are kept in a file, if it is there; `temporary` lies beside it. */
  constructor(path: string, temporary: string) {
    this.#path = path;
    this.#temporary = temporary;
    for (const line of readText(path).split('\n')) {
      const space = line.indexOf(' ');
      if (space > 0) this.#facts.set(line.slice(0, space), line.slice(space + 1));
    }
  }

  /** Asks the file system for its time: what changed before can be noted from now on. */
  mark(): void {
    this.#writeTemporary('', () => {
      this.#moment = lstatSync(this.#temporary).mtimeMs;
    });
  }

  /** Whether this is known to hold `content`. */
  has(stats: Stats, content: string): boolean {
    const inode = String(stats.ino);
    if (this.#facts.get(inode) !== `${stats.ctimeMs} ${content}`) return false;
    this.#seen.add(inode);
    return true;
  }

  /** Notes what was read; `stats` are from after `mark`, and before reading. */
  note(stats: Stats, content: string): void {
    if (stats.ctimeMs >= this.#moment) return;
    const inode = String(stats.ino);
    this.#facts.set(inode, `${stats.ctimeMs} ${content}`);
    this.#seen.add(inode);
    this.#isChanged = true;
  }

  /** Writes the facts for the next run. Those that no run needs any more are left out. */
  save(): void {
    if (!this.#isChanged) return;
    const isFull = this.#facts.size > this.#seen.size * MAX_FACTS_PER_PATH;
    const lines: string[] = [];
    for (const [inode, fact] of this.#facts) {
      if (!isFull || this.#seen.has(inode)) lines.push(`${inode} ${fact}\n`);
    }
    this.#writeTemporary(lines.join(''), () => renameSync(this.#temporary, this.#path));
  }

  /** A full disk must not fail the run: without facts the next one only takes longer. */
  #writeTemporary(text: string, use: () => void): void {
    try {
      writeFileSync(this.#temporary, text);
      use();
    } catch {
      // Nothing is noted, or what was noted is not kept.
    } finally {
      rmSync(this.#temporary, { force: true });
    }
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
