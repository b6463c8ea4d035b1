import { formatTime } from '../../terms/text.ts';
import type { HistoryChange } from '../source.ts';

/** Git cuts what is longer, and fills up what is shorter: a subject may have any length. */
const cut = (columns: number, what: string): string => `%<(${columns},trunc)${what}`;

/** What `git log` prints of a commit: a mark, and what people wrote on lines of their own. */
export const HISTORY_FORMAT = [
  '--format=%x01%H',
  '%ct',
  cut(200, '%P'),
  cut(200, '%an'),
  cut(200, '%ae'),
  cut(500, '%s'),
].join('%n');

const MARK = '\u0001';
const COMMIT = /^[0-9a-f]{40,64}$/;
/** The lines below the mark. */
const LINES = 5;
/** The last moment of the year 9999, in milliseconds since 1970. */
const LATEST = Date.UTC(10_000, 0) - 1;
/** `D`, or one letter for each parent of a merge, and the name. */
const STATUS = /^([A-Z]+)\t(.*)$/;
const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
};

/** A commit, and the files that were asked for and that it changed. */
export interface LoggedCommit extends Omit<HistoryChange, 'removed'> {
  readonly files: readonly { readonly path: string; readonly isRemoved: boolean }[];
}

/**
 * Reads the output of `git log --name-status` in {@link HISTORY_FORMAT}, with names unquoted or
 * quoted, line by line; each commit is given away when all of it has been read.
 */
export class HistoryReader {
  readonly #onCommit: (commit: LoggedCommit) => void;
  #id: string | undefined;
  #fields: string[] = [];
  #files: LoggedCommit['files'][number][] = [];

  constructor(onCommit: (commit: LoggedCommit) => void) {
    this.#onCommit = onCommit;
  }

  readLine(line: string): void {
    if (this.#id !== undefined && this.#fields.length < LINES) {
      this.#fields.push(line.trimEnd());
      return;
    }
    const id = readMark(line);
    if (id !== undefined) {
      this.end();
      this.#id = id;
      return;
    }
    const [, status = '', quoted = ''] = STATUS.exec(line) ?? [];
    if (status !== '') this.#files.push({ path: unquote(quoted), isRemoved: /^D+$/.test(status) });
  }

  /** There are no more lines. */
  end(): void {
    const id = this.#id;
    const files = this.#files;
    const [seconds, parents = '', name = '', email = '', subject = ''] = this.#fields;
    this.#id = undefined;
    this.#fields = [];
    this.#files = [];
    if (id === undefined) return;
    // Anybody can write a commit of the year 300,000.
    const date = formatTime(Math.min(Number(seconds) * 1000, LATEST));
    const isMerge = parents.includes(' ');
    this.#onCommit({ id, author: { name, email }, date, subject, isMerge, files });
  }
}

/** The commit whose part of the output begins with a line. */
function readMark(line: string): string | undefined {
  const id = line.slice(MARK.length);
  return line.startsWith(MARK) && COMMIT.test(id) ? id : undefined;
}

/** As C writes text. */
function unquote(name: string): string {
  if (!name.startsWith('"')) return name;
  return name.slice(1, -1).replaceAll(/\\(?:([0-7]{3})|(.))/g, (_all, octal, letter) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(String(octal), 8));
    const code = ESCAPES[String(letter)];
    return code === undefined ? String(letter) : String.fromCharCode(code);
  });
}
