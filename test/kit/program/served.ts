/**
 * The built program on fixed ports, so that clients find it again when it is started anew. The
 * environment is the test's; a namespace, a clock or a PATH of its own can be given.
 */
import { fileURLToPath } from 'node:url';
import { type Background, startBackground } from '../process/background.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../process/free-port.ts';

/** The built program. */
const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** The same as it is shipped. */
export const BUNDLED_MAIN = fileURLToPath(new URL('../../../bundled/cli/main.js', import.meta.url));

export interface ServedOptions {
  readonly source: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What stands before the command, as `nsenter …`. */
  readonly wrapper?: readonly string[];
  /** Another JavaScript file to run instead of the built program. */
  readonly main?: string;
  /** Where it serves; a free port of 127.0.0.1 unless told. */
  readonly listen?: { readonly host: string; readonly port: number };
}

export class Served {
  /** Of the store, without a slash at the end. */
  readonly baseUrl: string;
  /** Of the status listener. */
  readonly statusUrl: string;
  readonly #options: ServedOptions;
  #process: Background | undefined;

  private constructor(options: ServedOptions, place: string, statusPort: number) {
    this.#options = options;
    this.baseUrl = `http://${place}`;
    this.statusUrl = `http://127.0.0.1:${statusPort}`;
  }

  /** Chooses the ports; nothing is started yet. */
  static async prepare(options: ServedOptions): Promise<Served> {
    const { host, port } = options.listen ?? { host: '127.0.0.1', port: await freePort() };
    return new Served(options, `${host}:${port}`, await freePort());
  }

  /** The process of now, or the last one. Throws before the first start. */
  get process(): Background {
    if (this.#process === undefined) throw new Error('it was never started');
    return this.#process;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode() === undefined;
  }

  /** Starts it; settles as soon as there is a process. */
  async start(): Promise<void> {
    const { source, args, env = {}, wrapper = [], main = MAIN } = this.#options;
    const listen = [
      `--listen=${new URL(this.baseUrl).host}`,
      `--status-listen=${new URL(this.statusUrl).host}`,
    ];
    const words = [...wrapper, process.execPath, main, 'serve', source, ...listen, ...args];
    const [command = '', ...rest] = words;
    this.#process = await startBackground(command, rest, { env });
  }

  /** Waits until it serves something. Throws with its words if it ends, or `limit` ms pass. */
  async waitUntilReady(limit: number): Promise<void> {
    await eventually(async () => {
      if (!this.isRunning) return;
      const { status } = await fetch(`${this.statusUrl}/readyz`, {
        signal: AbortSignal.timeout(limit),
      });
      if (status !== 200) throw new Error(`not ready after ${limit} ms\n${this.tail()}`);
    }, limit);
    if (this.isRunning) return;
    throw new Error(`it ended with ${this.process.exitCode()}\n${this.tail()}`);
  }

  /** The last lines that it said. */
  tail(lines = 30): string {
    return this.process.stderr().trimEnd().split('\n').slice(-lines).join('\n');
  }
}
