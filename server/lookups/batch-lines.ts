/** Where lines go; it buffers them itself. */
export interface LineSink {
  readonly write: (lines: string) => unknown;
}

/**
 * Gathers the lines of one turn of the event loop into one write, as sinks do much work for each.
 * They are written before anybody can have read an answer that was sent in that turn.
 */
export function batchLines(sink: LineSink): LineSink {
  let lines = '';
  const flush = (): void => {
    const all = lines;
    lines = '';
    sink.write(all);
  };
  return {
    write: (line) => {
      if (lines === '') setImmediate(flush);
      lines += line;
    },
  };
}
