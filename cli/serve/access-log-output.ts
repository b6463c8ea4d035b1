// Writes the access log, and where it is wanted the audit log, to standard output: through one stream, so
// that no line of one breaks a line of the other. A reader that goes away, or a full disk, must not stop the
// server: lines are lost meanwhile, and operators are told until lines can be written again.
import { pino } from 'pino';
import type { ProgramLog } from '../../generator/system/program-log.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { LineSink } from '../../server/lookups/access-log.ts';
import type { Troubles } from '../../server/troubles/troubles.ts';

const STDOUT = 1;
/** Lines are written together, at this size in bytes or after this time in milliseconds. */
const CHUNK = 8 * 1024;
const DELAY = 200;
/** Lines that nobody reads are dropped beyond this many bytes rather than kept. */
const LIMIT = 16 * 1024 * 1024;

export class AccessLogOutput implements LineSink {
  readonly #stream = pino.destination({
    dest: STDOUT,
    sync: false,
    minLength: CHUNK,
    maxLength: LIMIT,
    periodicFlush: DELAY,
  });
  readonly #troubles: Troubles;
  readonly #log: ProgramLog;
  #hasFailed = false;

  constructor(troubles: Troubles, log: ProgramLog) {
    this.#troubles = troubles;
    this.#log = log;
    this.#stream.on('error', (error) => this.#fail(error));
    this.#stream.on('write', () => this.#recover());
  }

  readonly write = (lines: string): void => {
    try {
      this.#stream.write(lines);
    } catch (error) {
      this.#fail(error);
    }
  };

  /** Takes a line of the audit log; throws if there is no room for it, as nobody reads. */
  readonly append = async (line: string): Promise<void> => {
    let isTaken = true;
    const refuse = (): void => void (isTaken = false);
    this.#stream.once('drop', refuse);
    this.#stream.write(line);
    this.#stream.off('drop', refuse);
    if (!isTaken) throw new Error('nobody reads standard output');
  };

  /** What is written is on its way: nobody can tell of a pipe whether it was read. */
  readonly sync = async (): Promise<void> => undefined;

  /** Writes what is waiting, for a process that ends in a moment. */
  flushNow(): void {
    try {
      this.#stream.flushSync();
    } catch {
      // The last lines are lost where nobody takes them.
    }
  }

  /** Writes what is waiting, and closes. */
  readonly close = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve).once('error', () => resolve());
      this.#stream.end();
    });
  };

  #fail(error: unknown): void {
    const message = `the access log cannot be written: ${messageOf(error)}`;
    if (!this.#hasFailed) this.#log.error(message);
    this.#hasFailed = true;
    this.#troubles.raise('access-log', { message, hint: 'check what reads standard output' });
  }

  #recover(): void {
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    this.#troubles.clear('access-log');
  }
}
