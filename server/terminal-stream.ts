import pretty from 'pino-pretty';

/** Takes the lines of the program's log, and writes them for people on a terminal. */
export function createTerminalStream(terminal: NodeJS.WritableStream): NodeJS.WritableStream {
  return pretty({ destination: terminal, colorize: true, ignore: 'pid,hostname', sync: true });
}
