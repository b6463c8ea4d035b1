import { Writable } from 'node:stream';
import pretty from 'pino-pretty';
import { toPrintable } from '../terms/text.ts';

/** Takes the lines of the program's log, and writes them for people on a terminal. */
export function createTerminalStream(
  terminal: NodeJS.WritableStream,
  hasColour: boolean,
): NodeJS.WritableStream {
  const people = pretty({
    destination: terminal,
    colorize: hasColour,
    ignore: 'pid,hostname',
    sync: true,
  });
  return new Writable({
    decodeStrings: false,
    write: (line: unknown, _encoding, done) => {
      people.write(`${toVisible(String(line))}\n`);
      done();
    },
  });
}

/** What JSON hides behind escapes is text again once it is parsed. */
function toVisible(line: string): string {
  return JSON.stringify(
    JSON.parse(line, (_name, value: unknown) =>
      typeof value === 'string' ? toPrintable(value) : value,
    ),
  );
}
