import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../test/kit/process/run.ts';
import { readCpuSeconds } from '../process/proc.ts';
import { OURS, type Server } from '../process/serve-lookaside.ts';
import { toolPath } from '../tools.ts';
import type { Lookup } from './lookups.ts';
import { formatRequest } from './request.ts';

/** What one run of wrk(1) found. */
export interface WrkRun {
  readonly requests: number;
  readonly perSecond: number;
  /** Requests in a second of the server's processor time. */
  readonly perCpuSecond: number;
  /** Milliseconds. */
  readonly p99: number;
}

/** What wrk prints. */
export type WrkOutput = Omit<WrkRun, 'perCpuSecond'> & {
  /** Answers that are neither 2xx nor 3xx. */
  readonly refused: number;
  /** Connections that broke. */
  readonly broken: number;
};

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };
/** Answers still under way at the end are not counted: a few for each connection. */
const TOLERANCE = 0.01;

/** Writes the script with which wrk asks for all lookups in turn, each over a new connection if told. */
export async function writeWrkScript(
  directory: string,
  lookups: readonly Lookup[],
  close = false,
): Promise<string> {
  const paths = join(directory, 'paths');
  await writeFile(paths, lookups.map(({ path }) => `${path}\n`).join(''));
  const [before = '', after = ''] = formatRequest('\0', close).split('\0');
  const script = `
local requests, at = {}, 0
for path in io.lines(${JSON.stringify(paths)}) do
  requests[#requests + 1] = ${JSON.stringify(before)} .. path .. ${JSON.stringify(after)}
end
function request()
  at = at % #requests + 1
  return requests[at]
end
`;
  const file = join(directory, 'lookups.lua');
  await writeFile(file, script);
  return file;
}

/**
 * Asks with 32 connections for some seconds. Throws if not half of the answers are 404s, as half of
 * the lookups must get.
 */
export async function runWrk(
  server: Server,
  script: string,
  seconds: number,
  connections = 32,
): Promise<WrkRun> {
  const before = readCpuSeconds(server.pid);
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script];
  const { stdout, stderr } = await run(toolPath('wrk'), [...args, server.baseUrl]);
  const cpu = readCpuSeconds(server.pid) - before;
  const output = parseWrk(stdout);
  if (!output) throw new Error(`wrk: cannot read its output\n${stdout}\n${stderr}`);
  const { requests, refused, broken, perSecond, p99 } = output;
  // Apache ends a few keep-alive connections while it adds and removes children.
  if (broken > (server.name === OURS ? 0 : requests * TOLERANCE)) {
    throw new Error(`${server.name}: ${broken} connections broke`);
  }
  if (Math.abs(refused / requests - 0.5) > TOLERANCE) {
    throw new Error(`${server.name}: expected half of the answers to be 404, got ${stdout}`);
  }
  return { requests, perSecond, p99, perCpuSecond: requests / cpu };
}

/** Reads what `wrk --latency` prints; undefined if it is something else. */
export function parseWrk(text: string): WrkOutput | undefined {
  const [, p99, unit = ''] = /^\s+99%\s+([\d.]+)(us|ms|s)$/m.exec(text) ?? [];
  const [errors = ''] = /Socket errors: .*/.exec(text) ?? [];
  const broken = (errors.match(/\d+/g) ?? []).map(Number);
  const [, requests] = /^\s+(\d+) requests in/m.exec(text) ?? [];
  const [, perSecond] = /^Requests\/sec:\s+([\d.]+)$/m.exec(text) ?? [];
  if (p99 === undefined || requests === undefined || perSecond === undefined) return undefined;
  return {
    requests: Number(requests),
    perSecond: Number(perSecond),
    p99: Number(p99) * (UNITS[unit] ?? NaN),
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0),
    broken: broken.reduce((sum, count) => sum + count, 0),
  };
}
