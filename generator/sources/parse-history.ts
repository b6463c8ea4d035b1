import { formatTime } from '../format-time.ts';
import type { HistoryChange } from './source.ts';

/** What `git log` prints of a commit: a mark, and what people wrote on lines of their own. */
export const HISTORY_FORMAT = '--format=%x01%H%n%ct%n%P%n%an%n%ae%n%s';

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

/** Reads the output of `git log --name-status` in {@link HISTORY_FORMAT}, with names unquoted or quoted. */
export function* parseHistory(output: string): Generator<LoggedCommit> {
  const lines = output.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const id = readMark(lines[at]);
    if (id === undefined) continue;
    const [seconds, parents = '', name = '', email = '', subject = ''] = lines.slice(at + 1);
    at += LINES;
    const files = [];
    for (; at + 1 < lines.length && readMark(lines[at + 1]) === undefined; at++) {
      const [, status = '', quoted = ''] = STATUS.exec(lines[at + 1] ?? '') ?? [];
      if (status !== '') files.push({ path: unquote(quoted), isRemoved: /^D+$/.test(status) });
    }
    // Anybody can write a commit of the year 300,000.
    const date = formatTime(Math.min(Number(seconds) * 1000, LATEST));
    const isMerge = parents.includes(' ');
    yield { id, author: { name, email }, date, subject, isMerge, files };
  }
}

/** The commit whose part of the output begins with a line. */
function readMark(line = ''): string | undefined {
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
