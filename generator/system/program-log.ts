// The log of the program, one JSON object a line. Whatever text of others it is given, git's messages
// for example, no line has control or format characters in it, and none is longer than 16 KiB.
import { type Logger, pino } from 'pino';
import { cut, escapeJson } from '../terms/text.ts';

export type ProgramLog = Pick<Logger, 'info' | 'warn' | 'error'>;

/** In bytes, with the line end. Container runtimes split longer lines. */
export const MAX_LOG_LINE = 16 * 1024;
/** Limits for the items of a list, and for objects within objects. */
const MOST_ITEMS = 50;
const DEEPEST = 4;

/** Logs one JSON object a line. */
export function createProgramLog(stream: NodeJS.WritableStream): ProgramLog {
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        logMethod(args, method) {
          Reflect.apply(
            method,
            this,
            args.map((value) => bound(value)),
          );
        },
      },
    },
    { write: (line: string) => stream.write(fit(escapeJson(line))) },
  );
}

/** A value with all long texts in it cut. */
function bound(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cut(value);
  if (value instanceof Error) return cut(String(value));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth === DEEPEST) return '…';
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => bound(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, bound(item, depth + 1)]),
  );
}

/** A line that is too long keeps only its message. */
function fit(line: string): string {
  if (Buffer.byteLength(line) <= MAX_LOG_LINE) return line;
  const { level, time, msg }: Readonly<Record<string, unknown>> = Object(JSON.parse(line));
  return `${escapeJson(JSON.stringify({ level, time, isCut: true, msg }))}\n`;
}
