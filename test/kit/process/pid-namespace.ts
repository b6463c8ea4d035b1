import { readFile, readdir, readlink } from 'node:fs/promises';
import { type Background, startBackground } from './background.ts';
import { eventually } from '../eventually.ts';
import type { RunOptions } from './run.ts';

/** As the kernel has it: `Z` is a zombie. */
interface ProcessInside {
  readonly pid: number;
  readonly state: string;
  readonly name: string;
}

/** A command that is process 1 of a namespace of its own, as in a container. */
export interface PidNamespace {
  /** Of the program that waits for it. */
  readonly background: Background;
  /** Process 1, as it is numbered outside. */
  readonly init: number;
  readonly processes: () => Promise<readonly ProcessInside[]>;
}

export async function startAsInit(
  command: readonly string[],
  options: Pick<RunOptions, 'cwd' | 'env'> = {},
): Promise<PidNamespace> {
  const args = ['--pid', '--fork', '--mount-proc', '--kill-child', ...command];
  const background = await startBackground('unshare', args, options);
  const init = await eventually(async () => {
    const { pid } = background;
    const [child] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1')).split(' ');
    if (!child) throw new Error('nothing was started');
    return Number(child);
  });
  const namespace = await readlink(`/proc/${init}/ns/pid`);
  return {
    background,
    init,
    processes: async () => {
      const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
      const all = await Promise.all(pids.map(async (pid) => readInside(Number(pid), namespace)));
      return all.filter((one) => one !== undefined);
    },
  };
}

/** Undefined for a process outside, and for one that has ended meanwhile. */
async function readInside(pid: number, namespace: string): Promise<ProcessInside | undefined> {
  try {
    if ((await readlink(`/proc/${pid}/ns/pid`)) !== namespace) return undefined;
    const [, name = '', state = ''] =
      /^\d+ \((.*)\) (\S)/s.exec(await readFile(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return { pid, state, name };
  } catch {
    return undefined;
  }
}
