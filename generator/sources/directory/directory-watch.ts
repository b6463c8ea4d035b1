import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { NameWatch } from './name-watch.ts';

/** Changes are collected until there was none for this long, in milliseconds… */
const QUIET_TIME = 100;
/** …but not for longer than this, in milliseconds. */
const LONGEST_WAIT = 2000;
/** As many links as Linux follows in one path. */
const MAX_LINKS = 40;

/** Watches a directory, whatever becomes of it and of the links on the way to it. */
export class DirectoryWatch {
  readonly #root: string;
  readonly #resolveRoot: (root: string) => Promise<string>;
  readonly #onError: (error: Error) => void;
  readonly #announcement: Debounced;
  #tree: { readonly real: string; readonly watcher: FSWatcher } | undefined;
  #links: NameWatch | undefined;
  /** One step after the other, lest a slow one bring back what a later one left. */
  #following: Promise<void>;
  #isClosed = false;

  /**
   * Calls `onChange`, debounced, when something below `root` changes, when a link on the way to it is
   * flipped, or when it comes back after it was removed. `resolveRoot` gives the real directory
   * behind the links, and rejects where there is none.
   */
  constructor(
    root: string,
    resolveRoot: (root: string) => Promise<string>,
    onChange: () => void,
    onError: (error: Error) => void,
  ) {
    this.#root = root;
    this.#resolveRoot = resolveRoot;
    this.#onError = onError;
    this.#announcement = new Debounced(onChange);
    this.#following = Promise.all([this.#follow(), this.#watchLinks()]).then(
      () => undefined,
      this.#report,
    );
  }

  /** Announces a change that no event will announce. */
  readonly touch = (): void => {
    if (!this.#isClosed) this.#announcement.call();
  };

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#announcement.cancel();
    await this.#following;
    this.#links?.close();
    await this.#leave();
  }

  readonly #report = (error: unknown): void => {
    this.#onError(error instanceof Error ? error : new Error(String(error)));
  };

  /** Watches what lies below the real directory, if it is another one than before. */
  async #follow(): Promise<void> {
    const real = await this.#resolveRoot(this.#root);
    if (real === this.#tree?.real) return;
    await this.#leave();
    if (this.#isClosed) return;
    const watcher = watch(real, { followSymlinks: false, ignoreInitial: true, ignored: isGit });
    // Raw events too: chokidar takes a link that became a file for unchanged.
    watcher.on('all', this.touch).on('raw', this.touch).on('ready', this.touch);
    watcher.on('error', this.#report);
    this.#tree = { real, watcher };
  }

  async #leave(): Promise<void> {
    await this.#tree?.watcher.close();
    this.#tree = undefined;
  }

  /** Watches the directory itself and the links on the way to it now, from the directories around them. */
  async #watchLinks(): Promise<void> {
    const way = [this.#root, ...(await linksTo(this.#root))];
    if (this.#isClosed) return;
    const before = this.#links;
    this.#links = new NameWatch(way, this.#followAgain, this.#report);
    before?.close();
  }

  /** A directory that comes back after its removal is another one, though its path is the same. */
  readonly #followAgain = (isAnother: boolean): void => {
    if (isAnother) {
      this.#following = this.#following.then(async () => this.#leave());
      this.#following = this.#following.then(async () => this.#watchLinks());
    }
    this.#following = this.#following
      .then(async () => this.#follow())
      .then(this.touch, this.#report);
  };
}

function isGit(path: string): boolean {
  return path.endsWith(`${sep}.git`);
}

/** The symbolic links that are passed on the way to a path, links to links included. */
export async function linksTo(path: string): Promise<readonly string[]> {
  const links: string[] = [];
  const pending = [path];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    let walked: string = sep;
    for (const component of next.split(sep).filter(Boolean)) {
      walked = join(walked, component);
      const stats = await lstat(walked).catch(() => undefined);
      if (!stats?.isSymbolicLink() || links.includes(walked) || links.length === MAX_LINKS)
        continue;
      links.push(walked);
      pending.push(resolve(dirname(walked), await readlink(walked)));
    }
  }
  return links;
}

/** Calls an action once things are quiet. */
export class Debounced {
  readonly #action: () => void;
  #timer: NodeJS.Timeout | undefined;
  #firstCall = 0;

  constructor(action: () => void) {
    this.#action = action;
  }

  call(): void {
    const now = performance.now();
    if (this.#timer === undefined) this.#firstCall = now;
    clearTimeout(this.#timer);
    const longest = Math.max(0, this.#firstCall + LONGEST_WAIT - now);
    this.#timer = setTimeout(() => this.#fire(), Math.min(QUIET_TIME, longest));
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#action();
  }
}
