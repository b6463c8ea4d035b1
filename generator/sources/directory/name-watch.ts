// Watches a few names from the directories around them. What else happens there costs next to nothing, however
// busy they are: chokidar would list such a directory anew for each of its events.
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

export class NameWatch {
  readonly #watchers: FSWatcher[] = [];

  /**
   * Calls `onEvent` when something at one of the absolute paths is written or changed, and with `true` when
   * it appears, goes or is replaced.
   */
  constructor(
    paths: readonly string[],
    onEvent: (isAnother: boolean) => void,
    onError: (error: Error) => void,
  ) {
    for (const directory of new Set(paths.map((path) => dirname(path)))) {
      const inside = paths.filter((path) => dirname(path) === directory);
      const names = new Set(inside.map((path) => basename(path)));
      try {
        const watcher = watch(directory, (event, name) => {
          if (name === null || names.has(name)) onEvent(event === 'rename');
        });
        watcher.on('error', onError);
        this.#watchers.push(watcher);
      } catch (error) {
        onError(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
  }
}
