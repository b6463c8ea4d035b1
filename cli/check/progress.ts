import type { SingleBar } from 'cli-progress';
import type { Snapshot } from '../../generator/sources/source.ts';
import type { ProcessIo } from '../base/process-io.ts';

/** Work shorter than this shows no bar. Milliseconds. */
const PATIENCE = 1000;
/** Files come in batches. How long the rest takes is told by this many counts, so far apart in milliseconds. */
const COUNTS = 100;
const BETWEEN_COUNTS = 100;

/** A bar without colours, on a terminal that waits for long work; on anything else, nothing. */
export class Progress {
  readonly #countFiles: Snapshot['count'];
  readonly #stream: ProcessIo['stderr'];
  readonly #what: string;
  readonly #timer: NodeJS.Timeout | undefined;
  #done = 0;
  #isStopped = false;
  #bar: SingleBar | undefined;
  #counts: NodeJS.Timeout | undefined;

  /** `what` is counted. */
  constructor(
    { count }: Pick<Snapshot, 'count'>,
    { stderr, environment }: Pick<ProcessIo, 'stderr' | 'environment'>,
    what = 'files',
  ) {
    this.#what = what;
    this.#countFiles = count;
    this.#stream = stderr;
    if (!stderr.isTTY || environment['TERM'] === 'dumb') return;
    // A listing that fails here fails in the check itself, which says so.
    this.#timer = setTimeout(() => void this.#show().catch(() => undefined), PATIENCE);
  }

  /** To be called after each file. */
  step(): void {
    this.#done++;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#counts);
    this.#bar?.update(this.#done);
    this.#bar?.stop();
  }

  async #show(): Promise<void> {
    const total = await this.#countFiles();
    const { SingleBar: Bar } = await import('cli-progress');
    if (this.#isStopped) return;
    const bar = new Bar({
      etaBuffer: COUNTS,
      stream: this.#stream,
      format: `{bar} {percentage}% {value}/{total} ${this.#what}, {eta_formatted} left`,
    });
    bar.start(total, this.#done);
    this.#bar = bar;
    this.#counts = setInterval(() => bar.update(this.#done), BETWEEN_COUNTS);
  }
}
