/**
 * Clients that look up what stays good, all the time, in a process of their own: what else a test
 * does must not hold up their clock. Every answer that is not 200 with the right bytes is told of.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What must be answered with 200 and exactly these bytes. */
export interface SteadyFile {
  readonly location: string;
  readonly bytes: Uint8Array;
}

/** A lookup that went wrong. Times are milliseconds since 1970, of this machine's right clock. */
export interface WrongAnswer {
  readonly location: string;
  readonly from: number;
  readonly to: number;
  /** `503`, `ECONNREFUSED`, `other bytes`, … */
  readonly what: string;
  /** Whether no connection could be made, or an existing one broke, so that nobody answered. */
  readonly isUnanswered: boolean;
}

/** A lookup that took long; times as above. */
export interface SlowAnswer {
  readonly location: string;
  readonly from: number;
  readonly to: number;
}

/** What the clients have seen since they were asked last. */
export interface Seen {
  readonly right: number;
  readonly wrong: readonly WrongAnswer[];
  /** Those above `slow` milliseconds. */
  readonly slow: readonly SlowAnswer[];
  /** Of all that got an answer: milliseconds from when they were sent. */
  readonly slowest: number;
  /** How long the lookup that waits longest has had no answer by now. Milliseconds. */
  readonly waiting: number;
  /** Milliseconds from when they were due, in no order. */
  readonly latencies: readonly number[];
}

export interface SteadyLookupsOptions {
  readonly baseUrl: string;
  readonly files: readonly SteadyFile[];
  /** 20 unless told. */
  readonly clients?: number;
  /** Whether half of them keep their connection, which is so unless told; the others never do. */
  readonly keep?: boolean;
  /** Milliseconds between two lookups of a client; 100 unless told. */
  readonly every?: number;
  /** Milliseconds above which an answer counts as slow; 1,000 unless told. */
  readonly slow?: number;
}

export type Order = { readonly begin: Required<SteadyLookupsOptions> } | { readonly take: number };

const PROGRAM = fileURLToPath(new URL('steady-lookups-process.ts', import.meta.url));

export class SteadyLookups {
  readonly #child: ChildProcess;
  readonly #events = new EventEmitter();
  #takes = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ take, seen }: { take: number; seen: Seen }) =>
      this.#events.emit(String(take), seen),
    );
  }

  /** Begins to look up. The address may have nobody listening as yet. */
  static async start(options: SteadyLookupsOptions): Promise<SteadyLookups> {
    const child = fork(PROGRAM, { serialization: 'advanced', execArgv: ['--import=tsx'] });
    const begin = { clients: 20, keep: true, every: 100, slow: 1_000, ...options };
    child.send({ begin } satisfies Order);
    const lookups = new SteadyLookups(child);
    await lookups.take();
    return lookups;
  }

  /** Gives what was seen since the last call. */
  async take(): Promise<Seen> {
    const take = this.#takes++;
    const answer = once(this.#events, String(take));
    this.#child.send({ take } satisfies Order);
    const [seen] = (await answer) as [Seen];
    return seen;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
