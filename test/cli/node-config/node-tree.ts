import { EventEmitter } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { runProgram } from '../../../cli/program.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { unfailing } from '../../kit/program/unfailing.ts';

export const REGISTRIES = 'etc/containers/registries.d';
export const LOOKASIDE = `${REGISTRIES}/lookaside.yaml`;
export const POLICY = 'etc/containers/policy.json';
export const KEYS = 'etc/pki/containers';

const report = z.object({
  version: z.literal(1),
  root: z.string(),
  findings: z.array(
    z.strictObject({
      code: z.string(),
      severity: z.enum(['fault', 'warning']),
      path: z.string(),
      scope: z.string().optional(),
      message: z.string(),
      hint: z.string().min(1),
    }),
  ),
});

export type Findings = z.output<typeof report>['findings'];

/** Runs `node-config --check`, without a process of its own: there are many trees. */
export async function checkTree(root: string, args: readonly string[]) {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const all = ['node-config', ...args, '--check', root, '--format', 'json'];
  const code = await runProgram(all, {
    ...streams,
    environment: {},
    stdin: Readable.from([]),
    signals: new EventEmitter(),
    openssl: '',
    ...unfailing,
  });
  const [stdout, stderr] = await Promise.all(
    Object.values(streams).map(async (stream) => text(stream.end())),
  );
  if (!stdout) throw new Error(`no report (exit code ${code}): ${stderr}`);
  return { code, stderr, findings: report.parse(JSON.parse(stdout)).findings };
}

/** Lays a node's files out with the built program. */
export async function layOut(root: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runLookaside(['node-config', ...args, '--out', root]);
  if (code !== 0) throw new Error(stderr);
}

/** Replaces text of a file where it occurs first. Throws if it does not. */
export async function edit(path: string, from: string | RegExp, to: string): Promise<void> {
  const before = await readFile(path, 'utf8');
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${path} has no ${String(from)}`);
  await writeFile(path, after);
}

/** Writes a file with the directories above it. */
export async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Changes the policy as JSON. */
export async function editPolicy(
  path: string,
  change: (docker: Record<string, unknown>, policy: Record<string, unknown>) => void,
): Promise<void> {
  const policy = z
    .looseObject({ transports: z.looseObject({ docker: z.record(z.string(), z.unknown()) }) })
    .parse(JSON.parse(await readFile(path, 'utf8')));
  change(policy.transports.docker, policy);
  await writeFile(path, JSON.stringify(policy));
}
