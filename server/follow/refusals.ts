// The newest state of the source while it is refused: why, which files are at fault, and whether it has
// to be looked at again. Operators read the words; the status lists the files.
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
  /** Milliseconds after which it is tried again, even if nothing new has come. */
  readonly again?: number;
  /** Whether the log has it already, as the same commit was refused for the same reason before. */
  readonly isLogged: boolean;
}

export interface RefusalsOptions {
  readonly troubles: Pick<Troubles, 'raise'>;
  readonly log: ProgramLog;
  /** Whether a good state is being served. */
  readonly isServing: () => boolean;
}

export class Refusals {
  readonly #options: RefusalsOptions;
  /** By path. */
  #files: ReadonlyMap<string, RejectedFile> = new Map();
  #index = new RejectedIndex();
  /** The commit that was refused for what it costs. */
  #costly: { readonly commit: string; readonly error: StateRefusedError } | undefined;
  /** A hash of what was logged last: a state is refused again at each poll. */
  #logged: string | undefined;

  /** Nothing is refused yet. */
  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /** Its rejected files. */
  files(): Iterable<RejectedFile> {
    return this.#files.values();
  }

  /** Those of them that concern a digest, given as 64 lower-case hexadecimal digits. */
  filesOf(hex: string): readonly RejectedFile[] {
    return this.#index.of(hex);
  }

  /** Whether a file of this path is rejected in it. */
  hasFile(path: string): boolean {
    return this.#files.has(path);
  }

  /** Refuses once more the commit that costs too much; undefined for any other. */
  known(commit: string | undefined): Refusal | undefined {
    return commit !== undefined && commit === this.#costly?.commit
      ? this.forCost(this.#costly.error)
      : undefined;
  }

  /** Somebody asked to judge again: the cost is measured again, and the outcome is logged again. */
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

  /** Lets a state that has ended earlier runs wait for this many milliseconds. */
  forNow(commit: string, pause: number): Refusal {
    const minutes = Math.ceil(pause / 60_000);
    const reason =
      `commit ${commit} waits for ${minutes} min: the server was killed while judging it` +
      this.#keptWords();
    const hint = 'find out what killed it, for example a memory limit that is too low';
    this.#options.troubles.raise('state-refused', { message: reason, hint, commit });
    // The reason counts the minutes down, so it cannot be compared.
    const isLogged = this.#isLogged(`${commit} waits`);
    return { result: 'refused', reason, hint, again: pause, isLogged };
  }

  /** Whether this is what was logged last; notes that it is now. */
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
