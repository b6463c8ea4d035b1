// Tells systemd, or who else started the server with NOTIFY_SOCKET (sd_notify(3)), when it is ready, what it
// serves, and that it is alive. Node has no datagram sockets of Unix, so `systemd-notify` sends each message,
// one after the other. Nothing of it is needed to serve: what fails is logged.
import { ProcessStartError } from '../../../generator/system/process-limits.ts';
import type { ProgramLog } from '../../../generator/system/program-log.ts';
import { runProcess } from '../../../generator/system/run-process.ts';
import { hintOf, messageOf } from '../../../generator/terms/errors.ts';
import { abbreviate, toLine } from '../../../generator/terms/text.ts';
import type { RunningServer, ServedState } from '../../../server/start-server.ts';
import type { Troubles } from '../../../server/troubles/troubles.ts';
import type { ProcessIo } from '../../base/process-io.ts';
import type { Environment } from '../../base/read-settings.ts';

export interface ServiceManagerOptions extends Pick<ProcessIo, 'environment' | 'ids'> {
  readonly troubles: Pick<Troubles, 'list'>;
  readonly log: ProgramLog;
}

/** What is told of. */
export type ToldServer = Pick<RunningServer, 'served' | 'isAlive'>;

/** What only this process may say or take, and none that it starts. */
const OF_THIS_PROCESS = /^(?:NOTIFY_SOCKET|WATCHDOG_USEC|WATCHDOG_PID|LISTEN_(?:FDS|PID|FDNAMES))$/;
const PROGRAM = 'systemd-notify';
const MISSING =
  'install it (it comes with systemd), or use Type=exec and no WatchdogSec= in the unit';
/** It waits until the manager has read the message. Milliseconds and bytes. */
const LIMITS = { deadline: 5000, silence: 5000, stdout: 4096, stderr: 4096 };
/** How often it is looked whether there is something to tell. Milliseconds. */
const TICK = 1000;
/** A start may last for as long as it goes on: it is prolonged this often, each time by so much. Milliseconds. */
const PROLONG_EVERY = 30_000;
const PROLONG_BY = 120_000;
/** What a stop takes at most, after `--drain`. Milliseconds. */
const LONGEST_STOP = 20_000;

/** The environment for programs that the server starts. */
export function withoutManagerVariables(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !OF_THIS_PROCESS.test(name)),
  );
}

export class ServiceManager {
  readonly #options: ServiceManagerOptions;
  /** Milliseconds between two signs of life; undefined where nobody waits for them. */
  readonly #beatEvery: number | undefined;
  /** Whether there is somebody to tell, and a way to do so. */
  #isThere: boolean;
  #server: ToldServer | undefined;
  #isReady = false;
  #reloads = 0;
  #said = '';
  #beatAt = performance.now();
  #failure = '';
  #messages = 0;
  #sent: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
    const { environment, ids } = options;
    this.#isThere = Boolean(environment['NOTIFY_SOCKET']);
    const { WATCHDOG_USEC: limit = '', WATCHDOG_PID: pid = String(ids.pid) } = environment;
    if (/^[1-9]\d{0,15}$/.test(limit) && pid === String(ids.pid)) {
      this.#beatEvery = Number(limit) / 1000 / 2;
    }
  }

  /** Begins to tell of a server. */
  start(server: ToldServer): void {
    if (!this.#isThere) return;
    this.#server = server;
    const often = Math.min(TICK, (this.#beatEvery ?? Infinity) / 4);
    this.#timer = setInterval(this.#tick, often).unref();
    this.#tick();
  }

  /** The server serves. */
  ready(): void {
    this.#isReady = true;
    this.#beatAt = performance.now();
    this.#send('READY=1', this.#status());
  }

  /** Files are about to be read again; gives what is to be called when they were. */
  reloading(): () => void {
    if (!this.#isReady) return () => undefined;
    this.#reloads++;
    this.#send('RELOADING=1');
    return () => {
      this.#reloads--;
      if (this.#reloads === 0) this.#send('READY=1', this.#status());
    };
  }

  /** The server is about to stop, after so many milliseconds of draining. */
  stopping(drain: number): void {
    clearInterval(this.#timer);
    const limit = `EXTEND_TIMEOUT_USEC=${(drain + LONGEST_STOP) * 1000}`;
    this.#send('STOPPING=1', limit, `STATUS=${drain > 0 ? 'draining' : 'stopping'}`);
  }

  /** Settles when everything has been told. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sent;
  }

  readonly #tick = (): void => {
    // One that is being sent takes longer than usual.
    if (this.#messages > 0) return;
    const status = this.#status();
    const lines = [...this.#signOfLife(), ...(status === this.#said ? [] : [status])];
    if (lines.length > 0) this.#send(...lines);
  };

  /** Without one in time, the manager ends the process and starts another. */
  #signOfLife(): readonly string[] {
    const now = performance.now();
    const every = this.#isReady ? this.#beatEvery : PROLONG_EVERY;
    if (every === undefined || now < this.#beatAt + every) return [];
    this.#beatAt = now;
    if (!this.#isReady) return [`EXTEND_TIMEOUT_USEC=${PROLONG_BY * 1000}`];
    return this.#server?.isAlive() === true ? ['WATCHDOG=1'] : [];
  }

  #status(): string {
    const served = this.#server?.served();
    const what = served ? describe(served) : 'loading: nothing is served yet';
    const kinds = this.#options.troubles.list().map(({ kind }) => kind);
    const troubles = kinds.length === 0 ? '' : `; troubles: ${kinds.join(', ')}`;
    return `STATUS=${toLine(what + troubles)}`;
  }

  #send(...lines: readonly string[]): void {
    if (!this.#isThere) return;
    this.#said = lines.find((line) => line.startsWith('STATUS=')) ?? this.#said;
    this.#messages++;
    this.#sent = this.#sent
      .then(async () => this.#run(lines))
      .catch((error: unknown) => this.#warn(error))
      .finally(() => this.#messages--);
  }

  async #run(lines: readonly string[]): Promise<void> {
    if (!this.#isThere) return;
    const { PATH, NOTIFY_SOCKET } = this.#options.environment;
    const environment = { PATH, NOTIFY_SOCKET, LC_ALL: 'C' };
    const options = { environment, limits: LIMITS };
    const { exitCode, stderr } = await runProcess(PROGRAM, [PROGRAM, ...lines], options);
    if (exitCode !== 0) throw new Error(`${PROGRAM} failed: ${toLine(stderr.trim()) || exitCode}`);
    this.#failure = '';
  }

  /** A program that is missing stays so; everything else may work the next time. */
  #warn(error: unknown): void {
    const isMissing = error instanceof ProcessStartError && error.isMissing;
    if (isMissing) this.#isThere = false;
    const message = messageOf(error);
    if (message === this.#failure) return;
    this.#failure = message;
    const hint = isMissing ? MISSING : hintOf(error);
    this.#options.log.warn({ hint }, `the service manager cannot be told: ${message}`);
  }
}

function describe({ store, commit }: ServedState): string {
  const from = commit === null ? '' : ` (commit ${abbreviate(commit)})`;
  return `serving ${store.signatures} signatures of ${store.repositories} repositories${from}`;
}
