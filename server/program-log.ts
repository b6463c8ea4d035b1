import { type Logger, pino } from 'pino';

export type ProgramLog = Pick<Logger, 'info' | 'warn' | 'error'>;

/** Logs one JSON object a line. */
export function createProgramLog(stream: NodeJS.WritableStream): ProgramLog {
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
}
