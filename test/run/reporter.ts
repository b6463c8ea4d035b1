/**
 * Mocha's `spec`, without its end: what failed, and how long each file took, is kept for the end of
 * the whole run (main.ts).
 */
import { relative } from 'node:path';
import { format } from 'node:util';
import mocha from 'mocha';
import { addPass, type FileTime } from './results.ts';

const { Base, Spec } = mocha.reporters;

export default class Reporter extends Spec {
  readonly #files = new Map<string, { milliseconds: number; tests: number }>();

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.on('test end', (test) => {
      this.#add(test, 1);
    });
    runner.on('hook end', (hook) => {
      this.#add(hook, 0);
    });
  }

  override epilogue(): void {
    const { passes, pending, failures } = this.stats;
    addPass({ passes, pending, failures, failed: this.#failures(), files: this.#times() });
  }

  #add(runnable: Mocha.Runnable, tests: number): void {
    if (runnable.file === undefined) return;
    const file = relative('.', runnable.file);
    const sum = this.#files.get(file) ?? { milliseconds: 0, tests: 0 };
    sum.milliseconds += runnable.duration ?? 0;
    sum.tests += tests;
    this.#files.set(file, sum);
  }

  #times(): readonly FileTime[] {
    return [...this.#files].map(([file, { milliseconds, tests }]) => ({
      file,
      milliseconds,
      tests,
    }));
  }

  /** What `spec` prints of failures: titles, messages, differences, stacks. */
  #failures(): string {
    const lines: string[] = [];
    const print = Base.consoleLog;
    Base.consoleLog = (...words: readonly unknown[]) => lines.push(format(...words));
    Base.list(this.failures);
    Base.consoleLog = print;
    return lines.join('\n');
  }
}
