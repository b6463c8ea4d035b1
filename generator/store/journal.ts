// What stood in a store before it changed, for whoever accounts for changes afterwards. Only what has
// changed takes room, and nothing is copied: a directory is replaced as a whole when one of its files is.
import type { PublishableFile } from '../gate/checked-file.ts';
import { DirectoryMap } from './directory-map.ts';
import type { RejectedFile } from './report.ts';

/** What is in a directory, or at a path that is no location. */
export interface Standing {
  /** The signatures that are served from it. */
  readonly served: readonly PublishableFile[];
  readonly rejected: readonly RejectedFile[];
}

/** How a directory was when it was accounted for last, and how it is now. */
export interface StoreChange {
  /** `[prefix/]namespace/repo@sha256=HEX`; a path for what lies at no location. */
  readonly name: string;
  readonly before: Standing;
  readonly after: Standing;
}

export const NOTHING: Standing = { served: [], rejected: [] };

export class Journal<Place> {
  #before = new DirectoryMap<Place | null>();

  /** To be told of each change before it is made; undefined for what was not there. */
  note(name: string, before: Place | undefined): void {
    if (this.#before.get(name) === undefined) this.#before.set(name, before ?? null);
  }

  /** What was noted, which begins anew; null for what was not there. */
  take(): Iterable<[name: string, before: Place | null]> {
    const taken = this.#before;
    this.#before = new DirectoryMap();
    return taken.entries();
  }
}
