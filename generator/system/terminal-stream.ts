// Apart from the program's log: only a server on a terminal loads this.
import { Writable } from 'node:stream';
import pretty from 'pino-pretty';
import { toPrintable } from '../terms/text.ts';

/** Writes the lines of the program's log on a terminal, in a form for people. */
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

/** Characters that JSON escapes are plain again once it is parsed: escape them as text. */
function toVisible(line: string): string {
  return JSON.stringify(
    JSON.parse(line, (_name, value: unknown) =>
      typeof value === 'string' ? toPrintable(value) : value,
    ),
  );
}
