import { Writable } from 'node:stream';

/** A log that is kept: a sink for the access log, a stream for the program's. */
export interface CapturedLines {
  readonly write: (text: string) => void;
  readonly stream: Writable;
  /** All that was written so far. */
  readonly text: () => string;
  /** Complete lines since the last call. */
  readonly take: () => readonly string[];
}

export function captureLines(): CapturedLines {
  let text = '';
  let taken = 0;
  const write = (more: string): void => {
    text += more;
  };
  const stream = new Writable({
    write: (chunk: unknown, _encoding, done) => {
      write(String(chunk));
      done();
    },
  });
  return {
    write,
    stream,
    text: () => text,
    take: () => {
      const end = text.lastIndexOf('\n') + 1;
      const lines = text.slice(taken, end).split('\n').slice(0, -1);
      taken = end;
      return lines;
    },
  };
}
