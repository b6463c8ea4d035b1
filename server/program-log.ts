import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

export type ProgramLog = Pick<Logger, 'info' | 'warn' | 'error'>;

/** Logs one JSON object a line; on a terminal, a line for people. */
export function createProgramLog(stream: NodeJS.WritableStream, isTerminal: boolean): ProgramLog {
  const destination = isTerminal
    ? pretty({ destination: stream, colorize: true, ignore: 'pid,hostname', sync: true })
    : stream;
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}
