import { EventEmitter } from 'node:events';
import type { ProcessIo } from '../../../cli/base/process-io.ts';

/** This process, to which nothing unexpected happens. */
export const unfailing: Pick<ProcessIo, 'failures' | 'exit' | 'node' | 'ids'> = {
  node: { version: process.version, cpuUsage: () => process.cpuUsage() },
  ids: { pid: process.pid, parentPid: process.ppid },
  failures: new EventEmitter(),
  exit: (code) => {
    throw new Error(`the process would end with ${code}`);
  },
};
