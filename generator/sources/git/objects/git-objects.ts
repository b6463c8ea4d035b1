// The two long-lived processes that read a clone: one tells types and sizes, the other gives
// contents, so that nothing is read before its size is known.
import type { GitEnvironment } from '../processes/git-child.ts';
import { CatFile } from './cat-file.ts';

/** Brings what is missing from a clone. Both reject with a SourceError, or a StateRefusedError. */
export interface Missing {
  /** These blobs, if the remote gives them by their names. */
  readonly byName: (ids: readonly string[]) => Promise<void>;
  /** All that the newest commit needs. Rejects unless that has come. */
  readonly all: () => Promise<void>;
}

export class GitObjects {
  readonly directory: string;
  readonly environment: GitEnvironment;
  /** Brings what the clone lacks; undefined where nothing can. */
  readonly missing: Missing | undefined;
  /** Stops both at once. */
  readonly ending: AbortSignal | undefined;
  /** Types and sizes of objects, by any name that git resolves. */
  readonly sizes: CatFile;
  readonly #kill = (): void => {
    this.sizes.kill();
    this.#contents?.kill();
  };
  #contents: CatFile | undefined;
  #isClosed = false;
  #isGivingWay = false;

  /** Starts the first of them. `ending` stops both at once. */
  constructor(
    directory: string,
    environment: GitEnvironment,
    ending: AbortSignal | undefined,
    missing?: Missing,
  ) {
    this.directory = directory;
    this.environment = environment;
    this.missing = missing;
    this.ending = ending;
    this.sizes = new CatFile(directory, environment, '--batch-check');
    if (ending?.aborted) this.#kill();
    ending?.addEventListener('abort', this.#kill, { once: true });
  }

  /** Whole objects; starts when it is first asked for. */
  readonly contents = (): CatFile => {
    this.#contents ??= this.#openContents();
    if (this.#isClosed || this.ending?.aborted) this.#contents.kill();
    return this.#contents;
  };

  /** Lowers their priority from now on: what follows are refreshes, for which nobody waits. */
  giveWay(): void {
    if (this.#isGivingWay) return;
    this.#isGivingWay = true;
    this.sizes.giveWay();
    this.#contents?.giveWay();
  }

  hasEnded(): boolean {
    return this.sizes.hasEnded() || this.#contents?.hasEnded() === true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.ending?.removeEventListener('abort', this.#kill);
    await Promise.all([this.sizes.close(), this.#contents?.close()]);
  }

  #openContents(): CatFile {
    const started = new CatFile(this.directory, this.environment, '--batch');
    if (this.#isGivingWay) started.giveWay();
    return started;
  }
}
