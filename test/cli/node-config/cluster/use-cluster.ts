// Manifests that node-config wrote, clusters that have them, and `node-config --cluster` called with them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { z } from 'zod';
import { MadeCluster } from '../../../kit/cluster/made-cluster.ts';
import { runInProcess } from '../../../kit/program/run-in-process.ts';
import { type Signer, makeSigner } from '../../../kit/signer/signer.ts';

export const STORE = 'https://sig.example.com';
export const TEAM = 'quay.io/team';

const finding = z.strictObject({
  code: z.string(),
  severity: z.enum(['fault', 'warning', 'unknown']),
  pool: z.string().optional(),
  node: z.string().optional(),
  machineConfig: z.string().optional(),
  path: z.string().optional(),
  scope: z.string().optional(),
  message: z.string().min(1),
  hint: z.string().min(1),
});

const report = z.strictObject({
  version: z.literal(1),
  file: z.string(),
  pools: z.array(
    z.strictObject({
      name: z.string(),
      verifies: z.boolean().nullable(),
      updated: z.boolean().nullable(),
      degraded: z.boolean().nullable(),
      paused: z.boolean(),
      nodes: z.int().nullable(),
      config: z.string(),
      behind: z.array(
        z.strictObject({
          node: z.string(),
          config: z.string(),
          desired: z.string(),
          state: z.string(),
        }),
      ),
      files: z.array(
        z.strictObject({
          path: z.string(),
          state: z.enum(['same', 'differs', 'missing']),
          machineConfig: z.string().optional(),
        }),
      ),
    }),
  ),
  findings: z.array(finding),
  steps: z.array(z.string().min(1)),
  ignored: z.record(z.string(), z.int()),
});

export type ClusterAnswer = z.output<typeof report> & { readonly exit: number };

/** Manifests by what they were written with. */
export interface Manifests {
  readonly good: string;
  /** With keys inside the policy. */
  readonly data: string;
  readonly otherKey: string;
  readonly otherStore: string;
  readonly keysOf: (name: 'team' | 'stranger') => string;
  readonly write: (...args: readonly string[]) => Promise<string>;
}

export interface ClusterFixture {
  readonly manifests: () => Manifests;
  readonly args: () => readonly string[];
  /** Runs `node-config --cluster -` for the usual scope and store. */
  readonly ask: (text: string, ...args: readonly string[]) => Promise<ClusterAnswer>;
  /** A cluster whose pools all have the good manifests. */
  readonly goodCluster: () => MadeCluster;
}

const write = async (...args: readonly string[]): Promise<string> => {
  const target = ['--target', 'machineconfig', '--out', '-'];
  const { code, stdout, stderr } = await runInProcess([...args, ...target]);
  assert.equal(code, 0, stderr);
  return stdout.toString();
};

/** Inside `describe`. */
export function useCluster(): ClusterFixture {
  let signer: Signer | undefined;
  let made: Manifests | undefined;
  const keyFile = (name: string): string => {
    assert.ok(signer);
    return join(signer.home, `${name}.asc`);
  };
  const argsFor = (key: string, url: string): readonly string[] => [
    'node-config',
    '--scope',
    `${TEAM}=${keyFile(key)}`,
    '--url',
    url,
  ];
  before('make keys and manifests', async () => {
    signer = await makeSigner();
    for (const name of ['team', 'stranger']) {
      const key = await signer.makeKey({ algorithm: 'ed25519', name });
      await signer.exportKeys(keyFile(name), key);
    }
    const all = ['--default', 'insecureAcceptAnything', '--pool', 'worker,master'];
    made = {
      good: await write(...argsFor('team', STORE), ...all),
      data: await write(...argsFor('team', STORE), ...all, '--keys-as', 'data'),
      otherKey: await write(...argsFor('stranger', STORE), ...all),
      otherStore: await write(...argsFor('team', 'https://old.example.com'), ...all),
      keysOf: keyFile,
      write: async (...args) => write(...argsFor('team', STORE), ...args),
    };
  });
  after(async () => signer?.stop());
  const manifests = (): Manifests => {
    assert.ok(made);
    return made;
  };
  return {
    manifests,
    args: () => argsFor('team', STORE),
    async ask(text, ...args) {
      const all = [...argsFor('team', STORE), '--cluster', '-', '--format', 'json', ...args];
      const { code, stdout, stderr } = await runInProcess(all, {}, { input: text });
      assert.ok(stdout.length > 0, stderr);
      return { ...report.parse(JSON.parse(stdout.toString())), exit: code };
    },
    goodCluster() {
      const cluster = new MadeCluster();
      cluster.apply(manifests().good);
      return cluster.settle();
    },
  };
}
