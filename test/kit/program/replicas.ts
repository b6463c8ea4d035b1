/**
 * Servers of one store on this machine, which find each other by a name with several addresses, as the pods
 * of a headless Service do. All have the same port, each on an address of its own from 127.0.0.2 on.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { freePort } from '../process/free-port.ts';
import { type MountNamespace, openMountNamespace } from '../process/mount-namespace.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';
import type { Haproxy } from '../web/haproxy.ts';
import { Served, type ServedOptions } from './served.ts';

export interface ReplicasOptions extends Omit<ServedOptions, 'args' | 'listen' | 'wrapper'> {
  readonly count: number;
  /** Those of each, apart from where it listens, its peers and its state directory. */
  readonly args: readonly string[];
  /** Further addresses of the name. */
  readonly others?: readonly string[];
  /** Whether they know of each other; they do unless told. */
  readonly arePeers?: boolean;
}

const NAME = 'lookaside-peers.test';
/** A cold start on a machine with much to do. Milliseconds. */
const PATIENCE = 120_000;

export class Replicas {
  readonly all: readonly Served[];
  /** That all listen on. */
  readonly port: number;
  readonly #directory: string;
  readonly #namespace: MountNamespace;

  private constructor(
    all: readonly Served[],
    port: number,
    directory: string,
    namespace: MountNamespace,
  ) {
    this.all = all;
    this.port = port;
    this.#directory = directory;
    this.#namespace = namespace;
  }

  /** Starts them, and waits until all are ready. Throws where the machine allows no mounts. */
  static async start(options: ReplicasOptions): Promise<Replicas> {
    const { count, args, others = [], arePeers = true, ...served } = options;
    const directory = await makeTemporary();
    const port = await freePort();
    const hosts = Array.from({ length: count }, (_, index) => `127.0.0.${index + 2}`);
    const file = join(directory, 'hosts');
    const lines = [...hosts, ...others].map((address) => `${address} ${NAME}\n`);
    await writeFile(file, `127.0.0.1 localhost\n${lines.join('')}`);
    const namespace = await openMountNamespace('mount --bind "$1" /etc/hosts', file);
    if (!namespace) throw new Error('this machine allows no mounts');
    const peers = arePeers ? [`--peers=${NAME}`] : [];
    const all = await Promise.all(
      hosts.map(async (host) => {
        const own = [...args, ...peers, `--state-dir=${join(directory, host)}`];
        const { wrapper } = namespace;
        return Served.prepare({ ...served, args: own, wrapper, listen: { host, port } });
      }),
    );
    const replicas = new Replicas(all, port, directory, namespace);
    for (const one of all) await one.start();
    await replicas.waitUntilReady();
    return replicas;
  }

  async waitUntilReady(): Promise<void> {
    await Promise.all(this.all.map(async (one) => one.waitUntilReady(PATIENCE)));
  }

  /**
   * Stops each with SIGTERM and starts it again, so many at a time; the next ones once the balancer uses those
   * before again, which would else have none left. Gives the exit codes.
   */
  async restartInTurn(
    { listDown }: Pick<Haproxy, 'listDown'>,
    atOnce = 1,
  ): Promise<readonly (number | null)[]> {
    const codes: (number | null)[] = [];
    for (let from = 0; from < this.all.length; from += atOnce) {
      const some = this.all.slice(from, from + atOnce);
      codes.push(...(await Promise.all(some.map(restart))));
      await eventually(async () => assert.deepEqual(await listDown(), []), PATIENCE);
    }
    return codes;
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map(async (one) => one.process.stop('SIGKILL')));
    await this.#namespace.holder.stop('SIGKILL');
    await removeTemporary(this.#directory);
  }
}

async function restart(one: Served): Promise<number | null> {
  const code = await one.process.stop('SIGTERM', PATIENCE);
  await one.start();
  await one.waitUntilReady(PATIENCE);
  return code;
}
