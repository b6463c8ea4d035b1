/**
 * A real service manager on a host of its own, with the package installed as a distribution would: its units,
 * its user, `/usr/bin/lookaside`. The host shares nothing with this one but the network. Needs root.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.ts';
import { type PidNamespace, startAsInit } from '../process/pid-namespace.ts';
import { type RunResult, run } from '../process/run.ts';

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));
const MANAGER = fileURLToPath(new URL('manager.sh', import.meta.url));
const HIERARCHIES = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'];
const LOG = '/run/lookaside.log';
const UNIT = 'lookaside.service';

export class SystemdHost {
  readonly #namespace: PidNamespace;
  readonly #cgroup: string;

  private constructor(namespace: PidNamespace, cgroup: string) {
    this.#namespace = namespace;
    this.#cgroup = cgroup;
  }

  static async start(): Promise<SystemdHost> {
    const cgroup = `lookaside-test-${randomBytes(6).toString('hex')}`;
    const command = ['sh', MANAGER, process.execPath, CHECKOUT, cgroup];
    const namespace = await startAsInit(command);
    const host = new SystemdHost(namespace, cgroup);
    await namespace.background.waitForLine(/^manager runs$/, 120_000);
    await host.#dropIn(UNIT, 'bench', [
      '[Service]',
      // Without an init these find no files of the kernel that they could hide.
      'ProtectHome=no',
      'ProtectKernelLogs=no',
      'ProtectKernelTunables=no',
      // There is no journal.
      `StandardError=append:${LOG}`,
      'StandardOutput=null',
    ]);
    return host;
  }

  /** Changes settings of a unit, from its next start on. */
  async change(unit: string, name: string, lines: readonly string[]): Promise<void> {
    await this.#dropIn(unit, name, lines);
    await this.systemctl('daemon-reload');
  }

  /** Writes a file of the host. */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    const outside = this.#outside(path);
    await mkdir(dirname(outside), { recursive: true });
    await writeFile(outside, content);
  }

  async run(...command: readonly string[]): Promise<RunResult> {
    const inside = ['--target', String(this.#namespace.init), '--mount', '--pid', '--'];
    const environment = ['env', 'XDG_RUNTIME_DIR=/run/user/0', 'XDG_CONFIG_HOME=/var/lib'];
    return run('nsenter', [...inside, ...environment, ...command]);
  }

  /** Throws with what it printed if it fails. */
  async systemctl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run('systemctl', '--user', ...args);
    if (code === 0) return stdout;
    throw new Error(`systemctl ${args.join(' ')}: ${code} ${stderr}${await this.log()}`);
  }

  /** A property of the service. */
  async show(property: string): Promise<string> {
    return (await this.systemctl('show', '--value', `--property=${property}`, UNIT)).trim();
  }

  /** Waits until a property of the service is like a pattern; gives it. */
  async until(property: string, pattern: RegExp): Promise<string> {
    return eventually(async () => {
      const value = await this.show(property);
      if (pattern.test(value)) return value;
      throw new Error(`${property} is ${value}, not ${pattern}\n${await this.log()}`);
    }, 120_000);
  }

  /** What the service has logged so far. */
  async log(): Promise<string> {
    return readFile(this.#outside(LOG), 'utf8').catch(() => '');
  }

  /** A process of the service, or one that it has started, by the number it has outside. */
  async pidOf(name: string): Promise<number> {
    const found = (await this.#namespace.processes()).find((one) => one.name === name);
    if (!found) throw new Error(`there is no process ${name}`);
    return found.pid;
  }

  async stop(): Promise<void> {
    await this.#namespace.background.stop('SIGKILL');
    for (const hierarchy of HIERARCHIES) {
      await eventually(async () => removeGroups(join(hierarchy, this.#cgroup)));
    }
  }

  async #dropIn(unit: string, name: string, lines: readonly string[]): Promise<void> {
    await this.write(`/etc/systemd/user/${unit}.d/${name}.conf`, `${lines.join('\n')}\n`);
  }

  #outside(path: string): string {
    return join(`/proc/${this.#namespace.init}/root`, path);
  }
}

/** Groups can be removed once their processes have ended, the innermost first. */
async function removeGroups(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return;
  for (const entry of entries) if (entry.isDirectory()) await removeGroups(join(path, entry.name));
  await rmdir(path);
}
