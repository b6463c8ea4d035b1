// The newest state of the source, while it is refused: why, which of its files are at fault, and
// whether it need be looked at again. The words go to operators, the files to the status.
import { createHash } from 'node:crypto';
import type { StateRefusedError } from '../../generator/sources/source.ts';
import { RejectedIndex } from '../../generator/store/rejected-index.ts';
import type { RejectedFile } from '../../generator/store/report.ts';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import type { Troubles } from '../troubles/troubles.ts';
import { logRejections } from './log-rejections.ts';

/** A state that does not come into force. */
export interface Refusal {
  readonly result: 'refused';
  readonly reason: string;
  readonly hint?: string | undefined;
  /** Who brought the state, as its commit says. */
  readonly author?: string | undefined;
  /** After so many milliseconds it is to be tried again, though nothing new has come. */
  readonly again?: number;
  /** Whether the log has it already: the same commit was refused for the same reason before. */
  readonly isLogged: boolean;
}

export interface RefusalsOptions {
  readonly troubles: Pick<Troubles, 'raise'>;
  readonly log: ProgramLog;
  /** Whether a good state is served on. */
  readonly isServing: () => boolean;
}

export class Refusals {
  readonly #options: RefusalsOptions;
  /** By path. */
  #files: ReadonlyMap<string, RejectedFile> = new Map();
  #index = new RejectedIndex();
  /** A commit that was refused for what it costs. */
  #costly: { readonly commit: string; readonly error: StateRefusedError } | undefined;
  /** What the log was told last, in short. A state is refused again at each poll. */
  #logged: string | undefined;

  /** Nothing is refused yet. */
  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /** Its rejected files. */
  files(): Iterable<RejectedFile> {
    return this.#files.values();
  }

  /** Those that have to do with a digest, given as 64 lower-case hexadecimal digits. */
  filesOf(digestHex: string): readonly RejectedFile[] {
    return this.#index.of(digestHex);
  }

  /** Whether a file of this path is rejected in it. */
  hasFile(path: string): boolean {
    return this.#files.has(path);
  }

  /** Refuses a commit that costs too much once more; undefined for one that is to be looked at. */
  known(commit: string | undefined): Refusal | undefined {
    return commit !== undefined && commit === this.#costly?.commit
      ? this.forCost(this.#costly.error)
      : undefined;
  }

  /** What it cost is found out anew, and what is found is logged, as somebody asked for it. */
  forgetCost(): void {
    this.#costly = undefined;
    this.#logged = undefined;
  }

  /** The newest state is in force. */
  clear(): void {
    this.#setFiles([]);
    this.#logged = undefined;
  }

  /** Refuses a state for its rejected files. */
  forFiles(files: readonly RejectedFile[], commit: string | undefined): Refusal {
    this.#setFiles(files);
    const faults = files.length === 1 ? '1 rejected file' : `${files.length} rejected files`;
    const reason = `${nameState(commit)} is refused: ${faults}${this.#keptWords()}`;
    this.#options.troubles.raise('state-refused', { message: reason, commit });
    const isLogged = this.#isLogged(reason, files);
    if (!isLogged) logRejections(this.#options.log, files);
    return { result: 'refused', reason, isLogged };
  }

  /** Refuses a state that costs too much. It is not looked at again until something new comes. */
  forCost(error: StateRefusedError): Refusal {
    const { message, origin, hint } = error;
    const { commit, author } = origin;
    const reason = `${nameState(commit)} is refused: ${message}${this.#keptWords()}`;
    this.#options.troubles.raise('state-refused', { message: reason, hint, commit, author });
    if (commit !== undefined) this.#costly = { commit, error };
    return { result: 'refused', reason, hint, author, isLogged: this.#isLogged(reason) };
  }

  /** A state at which earlier runs have died waits so many milliseconds; what is good is served. */
  forNow(commit: string, pause: number): Refusal {
    const minutes = Math.ceil(pause / 60_000);
    const reason =
      `commit ${commit} waits for ${minutes} min: the server was ended while it judged it` +
      this.#keptWords();
    const hint = 'look for what ended it, such as a limit of memory that is too low';
    this.#options.troubles.raise('state-refused', { message: reason, hint, commit });
    // Not the reason, which counts the minutes down.
    const isLogged = this.#isLogged(`${commit} waits`);
    return { result: 'refused', reason, hint, again: pause, isLogged };
  }

  /** Whether the log was told just that of a refusal last; from now on it was. */
  #isLogged(what: string, files: readonly RejectedFile[] = []): boolean {
    const hash = createHash('sha256').update(what);
    for (const { path, code, message } of files) {
      hash.update(JSON.stringify([path, code, message]));
    }
    const told = hash.digest('base64');
    const isLogged = told === this.#logged;
    this.#logged = told;
    return isLogged;
  }

  #setFiles(files: readonly RejectedFile[]): void {
    this.#files = new Map(files.map((file) => [file.path, file]));
    this.#index = new RejectedIndex();
    this.#index.add(files);
  }

  #keptWords(): string {
    return this.#options.isServing() ? '; the last good state is kept' : '';
  }
}

function nameState(commit: string | undefined): string {
  return commit === undefined ? 'the newest state' : `commit ${commit}`;
}
