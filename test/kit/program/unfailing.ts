import { EventEmitter } from 'node:events';
import type { ProcessIo } from '../../../cli/base/process-io.ts';

/** A process that nothing unexpected happens to. */
export const unfailing: Pick<ProcessIo, 'failures' | 'exit'> = {
  failures: new EventEmitter(),
  exit: (code) => {
    throw new Error(`the process would end with ${code}`);
  },
};
