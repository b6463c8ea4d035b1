import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';

/** Changes are gathered until there was none for this long, in milliseconds… */
const QUIET_TIME = 100;
/** …but not for longer than this, in milliseconds. */
const LONGEST_WAIT = 2000;
/** As many links as Linux follows in one path. */
const MAX_LINKS = 40;

export interface DirectoryWatch {
  /** Announces a change that no event will announce. */
  readonly touch: () => void;
  readonly close: () => Promise<void>;
}

/**
 * Calls back, debounced, when something below `root` changes, when a link on the way to it is
 * flipped, or when it comes back after it was removed. `resolveRoot` gives the real directory
 * behind the links, if there is one.
 */
export function watchDirectory(
  root: string,
  resolveRoot: () => Promise<string>,
  onChange: () => void,
  onError: (error: Error) => void,
): DirectoryWatch {
  const report = (error: unknown): void =>
    onError(error instanceof Error ? error : new Error(String(error)));
  const announcement = debounce(onChange);
  const touch = (): void => {
    if (!closed) announcement.call();
  };
  let tree: { readonly real: string; readonly watcher: FSWatcher } | undefined;
  let links: FSWatcher | undefined;
  let closed = false;

  const leave = async (): Promise<void> => {
    await tree?.watcher.close();
    tree = undefined;
  };
  const follow = async (): Promise<void> => {
    const real = await resolveRoot();
    if (real === tree?.real) return;
    await leave();
    if (closed) return;
    const watcher = watch(real, { followSymlinks: false, ignoreInitial: true, ignored: isGit });
    // Raw events too: chokidar takes a link that became a file for unchanged.
    watcher.on('all', touch).on('raw', touch).on('ready', touch).on('error', report);
    tree = { real, watcher };
  };
  const watchWay = async (): Promise<void> => {
    const way = [root, ...(await linksTo(root))];
    if (closed) return;
    const parents = way.map(dirname);
    const ignored = (path: string): boolean => !way.includes(path) && !parents.includes(path);
    links = watch(parents, { followSymlinks: false, ignoreInitial: true, depth: 0, ignored });
    links.on('all', (event, path) => {
      if (!way.includes(resolve(path))) return;
      // What is made anew under the same name is not what was watched.
      if (event === 'unlinkDir') following = following.then(leave);
      following = following.then(follow).then(touch, report);
    });
    links.on('error', report);
  };
  // One step after the other, lest a slow one bring back what a later one left.
  let following = Promise.all([follow(), watchWay()]).then(() => undefined, report);

  return {
    touch,
    close: async () => {
      closed = true;
      announcement.cancel();
      await following;
      await Promise.all([leave(), links?.close()]);
    },
  };
}

function isGit(path: string): boolean {
  return path.endsWith(`${sep}.git`);
}

/** The symbolic links that are passed on the way to a path, links to links included. */
async function linksTo(path: string): Promise<readonly string[]> {
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

function debounce(action: () => void): { call: () => void; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let firstCall = 0;
  const fire = (): void => {
    timer = undefined;
    action();
  };
  return {
    call: () => {
      const now = performance.now();
      if (timer === undefined) firstCall = now;
      clearTimeout(timer);
      timer = setTimeout(fire, Math.min(QUIET_TIME, Math.max(0, firstCall + LONGEST_WAIT - now)));
    },
    cancel: () => clearTimeout(timer),
  };
}
