import { arch, cpus, release, totalmem, type } from 'node:os';
import type { Machine } from './report/result.ts';
import { type Tool, readVersions } from './tools.ts';

const GIB = 2 ** 30;

/** The machine, without its name or any path of it. */
export async function describeMachine(tools: readonly Tool[]): Promise<Machine> {
  const processors = cpus();
  return {
    processor: `${processors[0]?.model.trim() ?? 'unknown'} (${arch()})`,
    cores: processors.length,
    memory: `${Math.round(totalmem() / GIB)} GiB`,
    kernel: `${type()} ${release()}`,
    programs: { node: process.versions.node, ...(await readVersions(tools)) },
  };
}
