import type { ProgramLog } from '../../../generator/system/program-log.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Failures } from '../../../server/troubles/failures.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { captureLines } from './captured-lines.ts';

/** Failures of a server that must not end. */
export function countFailures(
  troubles = new Troubles(() => new Date()),
  log: ProgramLog = createProgramLog(captureLines().stream),
): Failures {
  return new Failures({
    troubles,
    log,
    elapsed: () => performance.now(),
    end: (why) => {
      throw new Error(`the server would end: ${why}`);
    },
  });
}
