import { EventEmitter } from 'node:events';
import type { ProcessIo } from '../../../cli/base/process-io.ts';

/** This process, to which nothing unexpected happens. */
export const unfailing: Pick<ProcessIo, 'failures' | 'exit' | 'node'> = {
  node: { version: process.version, cpuUsage: () => process.cpuUsage() },
  failures: new EventEmitter(),
  exit: (code) => {
    throw new Error(`the process would end with ${code}`);
  },
};
