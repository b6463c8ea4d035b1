// Git commands for as long as this program runs: a shell that was stopped, or died, is replaced by
// another one before the next command.
import type { GitEnvironment } from './git-child.ts';
import { chooseProcessor } from './give-way.ts';
import { GitRunner, type GitRunnerOptions } from './git-runner.ts';
import type { GitResult, GitRun } from './running-git.ts';

export interface RestartingRunnerOptions extends GitRunnerOptions {
  /** Runs before each command. */
  readonly prepare?: () => Promise<void>;
}

/** Runs git as GitRunner does, with a new GitRunner after one has ended. */
export class RestartingRunner {
  readonly #environment: GitEnvironment;
  readonly #options: RestartingRunnerOptions;
  #runner: GitRunner;
  #processor: number | undefined;
  #hurry: number | undefined;

  /** Starts a shell at once, while this process is small. */
  constructor(environment: GitEnvironment, options: RestartingRunnerOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#runner = this.#start();
  }

  /** Runs `git ARGS`. Rejects as GitRunner does, or as `prepare` does. */
  async run(args: readonly string[], run?: GitRun): Promise<GitResult> {
    await this.#options.prepare?.();
    if (this.#runner.hasEnded()) this.#runner = this.#start();
    return this.#runner.run(args, run);
  }

  /** Leaves the other processors to lookups, from now on. A transfer takes no longer for it. */
  stayOnOneProcessor(): void {
    if (this.#processor !== undefined) return;
    this.#processor = chooseProcessor();
    if (this.#processor !== undefined) this.#runner.stayOn(this.#processor);
  }

  /** As GitRunner has it, for those that follow too. */
  hurry(silence: number | undefined): void {
    this.#hurry = silence;
    this.#runner.hurry(silence);
  }

  /** What runs has not stopped, though it says nothing. */
  noteLife(): void {
    this.#runner.noteLife();
  }

  /** Stops the command that runs, and those that wait. */
  kill(): void {
    this.#runner.kill();
  }

  /** Waits for the command that runs, and ends the shell. */
  async close(): Promise<void> {
    await this.#runner.close();
  }

  #start(): GitRunner {
    const runner = new GitRunner(this.#environment, this.#options);
    if (this.#processor !== undefined) runner.stayOn(this.#processor);
    runner.hurry(this.#hurry);
    return runner;
  }
}
