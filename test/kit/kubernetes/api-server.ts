/** A real API server, 1.20.2, with its etcd: what `npm run kubernetes` has built once for this machine. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { type Background, startBackground } from '../process/background.ts';
import { freePort } from '../process/free-port.ts';
import { type RunResult, runOrThrow } from '../process/run.ts';
import { kubectl } from './kubernetes-tools.ts';

const CACHE = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'lookaside/kube-apiserver',
);
/** What has to be there. */
export const API_SERVER = ['kube-apiserver', 'etcd'].map((name) => join(CACHE, name));

/** It starts in some seconds; this is for a machine with much to do. Milliseconds. */
const PATIENCE = 180_000;

export class ApiServer {
  readonly #flags: readonly string[];
  readonly #processes: readonly Background[];

  private constructor(flags: readonly string[], processes: readonly Background[]) {
    this.#flags = flags;
    this.#processes = processes;
  }

  /** Starts both in an empty directory, and waits until the server takes requests. */
  static async start(directory: string): Promise<ApiServer> {
    const [program = '', etcdProgram = ''] = API_SERVER;
    const at = (name: string): string => join(directory, name);
    const client = `http://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const etcd = await startBackground(etcdProgram, [
      `--data-dir=${at('etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
    ]);
    const token = randomBytes(16).toString('hex');
    await writeFile(at('tokens'), `${token},admin,admin,system:masters\n`);
    await runOrThrow('openssl', ['genrsa', '-out', at('accounts.key'), '2048']);
    const port = await freePort();
    const server = await startBackground(program, [
      `--etcd-servers=${client}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${at('certificates')}`,
      `--service-account-key-file=${at('accounts.key')}`,
      `--service-account-signing-key-file=${at('accounts.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      '--service-cluster-ip-range=10.96.0.0/24',
      `--token-auth-file=${at('tokens')}`,
      '--authorization-mode=Node,RBAC',
      '--disable-admission-plugins=ServiceAccount',
    ]);
    const flags = [
      `--server=https://127.0.0.1:${port}`,
      `--token=${token}`,
      `--certificate-authority=${at('certificates/apiserver.crt')}`,
    ];
    const started = new ApiServer(flags, [server, etcd]);
    await eventually(async () => {
      const { code, stderr } = await started.kubectl(['get', '--raw=/readyz']);
      if (code !== 0) throw new Error(`${stderr}\n${server.stderr().slice(-2000)}`);
    }, PATIENCE);
    return started;
  }

  /** Asks it as an administrator. */
  async kubectl(args: readonly string[], input = ''): Promise<RunResult> {
    return kubectl([...this.#flags, ...args], { input });
  }

  async stop(): Promise<void> {
    for (const background of this.#processes) await background.stop();
  }
}
