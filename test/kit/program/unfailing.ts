import { EventEmitter } from 'node:events';
import type { World } from '../../../cli/base/process-io.ts';

/** A process that nothing unexpected happens to. */
export const unfailing: Pick<World, 'failures' | 'exit'> = {
  failures: new EventEmitter(),
  exit: (code) => {
    throw new Error(`the process would end with ${code}`);
  },
};
