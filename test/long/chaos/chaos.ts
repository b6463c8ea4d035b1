/**
 * The world of a chaos run: the built program, a git host, a clock, a disk, tools and keys, each
 * of which can be broken and mended, and clients that look up what stays good throughout.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertServed } from '../../kit/program/assert-served.ts';
import { eventually } from '../../kit/eventually.ts';
import { lookUp } from '../../kit/program/look-up.ts';
import type { SignedFile } from '../../kit/signer/publisher.ts';
import { makeTemporary, removeTemporary } from '../../kit/temporary.ts';
import type { Random } from '../../fuzz/random.ts';
import { MemoryGuard } from '../../kit/process/memory-guard.ts';
import { GoodWorld, type PublishOptions } from '../../kit/good-world.ts';
import { findFaketime, MovedClock, removeClockLeftovers } from '../../kit/process/moved-clock.ts';
import { Served } from '../../kit/program/served.ts';
import { SmallDisk } from '../../kit/process/small-disk.ts';
import { serveWell, SmartHttp } from '../../kit/remote/smart-http.ts';
import { SteadyLookups } from '../../kit/program/steady-lookups.ts';
import { Toolbox } from '../../kit/process/toolbox.ts';
import { Watch } from './watch.ts';

/** From the start of a process to its first 200, whatever was done to it. Milliseconds. */
export const SERVES_AGAIN = 20_000;
/** From the end of every disturbance until what was pushed last is served. Milliseconds. */
const HEALS = 45_000;
/** From SIGTERM to the end. Milliseconds. */
export const STOPS = 10_000;
/** Nothing that is asked for by a client that knows the secret waits longer. Milliseconds. */
const ANSWERS = 15_000;
/** What a child of a program that has ended may still take to end. Milliseconds. */
const CHILDREN_END = 3_000;
/** Of the disk that the state lies on. Bytes. */
const DISK = 256 * 1024 * 1024;
/** What the program and its children may take together: far more than any need. Bytes. */
const MEMORY = 2 * 1024 * 1024 * 1024;
const MARK = 'CHAOS_MARK';
/** Between two webhooks while something that was pushed is waited for. Milliseconds. */
const ANNOUNCE_EVERY = 1_000;

/** What a listener gives for every location there ever was, and what it says of its state. */
interface Picture {
  readonly answers: Readonly<Record<string, string>>;
  readonly status: unknown;
}

export class Chaos {
  readonly world: GoodWorld;
  readonly host: SmartHttp;
  readonly toolbox: Toolbox;
  /** Undefined where faketime is not installed. */
  readonly clock: MovedClock | undefined;
  /** Undefined where nothing can be mounted. */
  readonly disk: SmallDisk | undefined;
  readonly served: Served;
  readonly watch: Watch;
  /** Where the test finds the program's state. */
  readonly state: string;
  /** What the step that runs has chosen to do, where its name does not say it. */
  chosen: string | undefined;
  readonly #root: string;
  readonly #lookups: SteadyLookups;
  readonly #mark: string;
  readonly #guard: MemoryGuard;
  readonly #seenLocations = new Set<string>();

  private constructor(parts: {
    root: string;
    mark: string;
    world: GoodWorld;
    host: SmartHttp;
    toolbox: Toolbox;
    clock: MovedClock | undefined;
    disk: SmallDisk | undefined;
    served: Served;
    lookups: SteadyLookups;
  }) {
    this.#root = parts.root;
    this.#mark = parts.mark;
    this.world = parts.world;
    this.host = parts.host;
    this.toolbox = parts.toolbox;
    this.clock = parts.clock;
    this.disk = parts.disk;
    this.served = parts.served;
    this.state = parts.disk?.outside ?? join(parts.root, 'state');
    this.#lookups = parts.lookups;
    this.watch = new Watch(parts.lookups);
    const { served } = parts;
    this.#guard = new MemoryGuard(
      () => (served.isRunning ? served.process.pid : undefined),
      MEMORY,
    );
  }

  /** Makes the world, starts the program and lets the clients in. */
  static async open(): Promise<Chaos> {
    const root = await makeTemporary();
    const [home, state, bin] = ['home', 'state', 'bin'].map((name) => join(root, name));
    assert.ok(home && state && bin);
    await Promise.all([home, state].map(async (path) => mkdir(path)));
    const world = await GoodWorld.make({ steady: 24, timed: 6 });
    const host = await SmartHttp.start(world.bare);
    const toolbox = await Toolbox.make(bin);
    const clock = findFaketime() === undefined ? undefined : await MovedClock.make(root);
    await clock?.applyTo(toolbox);
    const disk = await SmallDisk.mount(state, DISK);
    const keyFile = join(root, 'keys.asc');
    await copyFile(world.keyFile, keyFile);
    const mark = root;
    const served = await Served.prepare({
      source: host.url,
      args: [
        `--keys=${keyFile}`,
        `--webhook-secret-file=${world.secretFile}`,
        `--state-dir=${state}`,
        '--poll=2s',
        '--access-log=none',
      ],
      env: {
        ...clock?.environment,
        PATH: toolbox.path,
        HOME: home,
        XDG_CONFIG_HOME: undefined,
        GIT_CONFIG_GLOBAL: undefined,
        [MARK]: mark,
      },
      wrapper: disk?.wrapper ?? [],
    });
    await served.start();
    await served.waitUntilReady(SERVES_AGAIN);
    const { baseUrl } = served;
    const lookups = await SteadyLookups.start({ baseUrl, files: world.steady, slow: 20 });
    return new Chaos({ root, mark, world, host, toolbox, clock, disk, served, lookups });
  }

  /** The file of public keys that the program was told of. */
  get keyFile(): string {
    return join(this.#root, 'keys.asc');
  }

  /** The settings that git reads of its user. */
  get gitconfig(): string {
    return join(this.#root, 'home', '.gitconfig');
  }

  /** Commits what the world holds, and mostly tells of it. */
  async publish(random: Random, message?: Uint8Array): Promise<void> {
    await this.world.publish({ ...(message && { message }) });
    if (random.chance(0.8)) await this.announce();
  }

  /** Sends a good webhook; a busy server may put it off, and no more. */
  async announce(): Promise<void> {
    const { status } = await inTime(this.world.announce(this.served), 'a webhook');
    assert.ok(status === 202 || status === 503, `a good webhook got ${status}`);
  }

  forgetChoice(): void {
    this.chosen = undefined;
  }

  /** Has the program look at the remote: there is a new commit, and it is told so. */
  async provoke(): Promise<void> {
    await this.world.publish();
    await this.announce();
  }

  /** Starts the program, which must serve again in time. What it was stopped by is told of. */
  async startAgain(): Promise<void> {
    await this.served.start();
    await this.served.waitUntilReady(SERVES_AGAIN);
  }

  /** Ends the program by SIGTERM, in time and with all its children. */
  async terminate(): Promise<void> {
    const begun = Date.now();
    const code = await this.served.process.stop('SIGTERM', STOPS);
    const took = Date.now() - begun;
    assert.equal(code, 0, `SIGTERM was obeyed with ${code} after ${took} ms`);
    await eventually(async () => {
      const left = await this.#listMarked();
      assert.deepEqual(left, [], 'children that outlive the program');
    }, CHILDREN_END);
  }

  /** Ends the program by SIGKILL. */
  async kill(): Promise<void> {
    await this.served.process.stop('SIGKILL');
  }

  /** Puts an end to every disturbance. The program may not have noticed as yet. */
  async mend(): Promise<void> {
    await this.disk?.empty();
    await this.clock?.move(0);
    await this.mendKeys();
    await this.mendGit();
    this.mendHost();
  }

  async mendGit(): Promise<void> {
    await rm(this.gitconfig, { force: true });
    await this.toolbox.restore('git');
    await this.toolbox.killBrokenGits();
  }

  mendHost(): void {
    this.host.behave(serveWell);
    this.host.drop();
  }

  async mendKeys(): Promise<void> {
    await rm(this.keyFile, { force: true, recursive: true });
    await copyFile(this.world.keyFile, this.keyFile);
  }

  /** Mends all, takes what is hostile away, pushes, and waits until exactly that is served. */
  async heal(options: Pick<PublishOptions, 'force'> = {}): Promise<void> {
    await this.mend();
    this.world.prune();
    const file = await this.world.sign();
    this.world.add(file);
    this.note([file]);
    await this.world.publish(options);
    await this.waitUntilServed([file, ...this.world.timed]);
  }

  /** Tells of the newest commit until all these are served. */
  async waitUntilServed(files: readonly SignedFile[]): Promise<void> {
    let announced = 0;
    await eventually(async () => {
      if (Date.now() - announced > ANNOUNCE_EVERY) {
        announced = Date.now();
        await this.announce();
      }
      for (const file of files) await assertServed(this.served, file);
    }, HEALS);
  }

  /** Waits until all these are served, by what the program does of itself. */
  async waitForPolls(files: readonly SignedFile[]): Promise<void> {
    await eventually(async () => {
      for (const file of files) await assertServed(this.served, file);
    }, HEALS);
  }

  /** Remembers locations that the end is to ask for. */
  note(files: readonly SignedFile[]): void {
    for (const { location } of files) this.#seenLocations.add(location);
  }

  /** Starts a program that has failed anew, with no state; for runs that go on after a fault. */
  async recover(): Promise<void> {
    await this.watch.during('down', async () => {
      await this.kill();
      await this.#killMarked();
      await this.mend();
      this.world.prune();
      await this.world.publish({ force: true });
      await this.#forgetState();
      await this.startAgain();
      await sleep(500);
    });
    await this.watch.forget();
    this.#guard.take();
  }

  /**
   * What runs, what a fresh start from the same state directory serves, and what one with an
   * empty state directory serves must be the same. Call it after `heal` without the past, which may
   * hold more than a new clone can bring in time.
   */
  async compareStarts(): Promise<void> {
    this.note(this.world.files);
    const running = await this.#picture();
    await this.watch.during('down', async () => {
      await this.terminate();
      await this.startAgain();
      assert.deepEqual(await this.#picture(), running, 'a fresh start from the same state');
      await this.terminate();
      await this.#forgetState();
      await this.startAgain();
      assert.deepEqual(await this.#picture(), running, 'a fresh start with no state');
    });
  }

  /** Throws if anything went wrong since the last time; gives the most memory taken, in bytes. */
  async judge(): Promise<number> {
    const end = this.describeEnd();
    if (end !== undefined) throw new Error(end);
    await this.watch.judge();
    return this.#guard.take().peak;
  }

  /** Why the program no longer runs; undefined while it does. */
  describeEnd(): string | undefined {
    const { overrun } = this.#guard;
    if (overrun !== undefined) {
      return `it was ended, as it and its children took ${Math.round(overrun / 1e6)} MB`;
    }
    return this.served.isRunning ? undefined : `it ended: ${this.served.process.exitCode()}`;
  }

  /** Ends all that was started. */
  async close(): Promise<void> {
    this.#guard.stop();
    this.#lookups.stop();
    if (this.served.isRunning) await this.kill();
    await this.toolbox.killBrokenGits();
    await this.#killMarked();
    await this.host.stop();
    await this.disk?.unmount();
    await this.world.destroy();
    await removeClockLeftovers();
    await removeTemporary(this.#root);
  }

  /** Puts bytes in the place of the key file's. */
  async writeKeys(bytes: string | Uint8Array): Promise<void> {
    await writeFile(this.keyFile, bytes);
  }

  async #forgetState(): Promise<void> {
    for (const name of await readdir(this.state)) {
      await rm(join(this.state, name), { recursive: true, force: true });
    }
  }

  async #picture(): Promise<Picture> {
    await this.#waitUntilCurrent();
    const answers: Record<string, string> = {};
    for (const location of this.#seenLocations) {
      const { status, bytes } = await lookUp(this.served, location);
      answers[location] = `${status} ${createHash('sha256').update(bytes).digest('hex')}`;
    }
    const response = await fetch(`${this.served.statusUrl}/status.json`);
    const { signatures, summary, rejected } = (await response.json()) as Record<string, unknown>;
    return { answers, status: { signatures, summary, rejected } };
  }

  /** A start serves what was published last, and then looks at the remote. */
  async #waitUntilCurrent(): Promise<void> {
    await eventually(async () => {
      const response = await fetch(`${this.served.statusUrl}/status.json`);
      assert.match(await response.text(), new RegExp(this.world.head));
    }, HEALS);
  }

  async #killMarked(): Promise<void> {
    for (const pid of await this.#listMarked()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  }

  /** Processes that the program, or a child of it, started and that have not ended. */
  async #listMarked(): Promise<readonly number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const marked = await Promise.all(
      pids.map(async (pid) => {
        const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
        return environment.split('\0').includes(`${MARK}=${this.#mark}`);
      }),
    );
    return pids.filter((_, index) => marked[index] === true);
  }
}

/** Throws when an answer does not come in time. */
export async function inTime<T>(answer: Promise<T>, what: string): Promise<T> {
  const late = Symbol('late');
  const first = await Promise.race([answer, sleep(ANSWERS, late, { ref: false })]);
  if (first === late) throw new Error(`${what} got no answer in ${ANSWERS} ms`);
  return answer;
}
