// One line a lookup, in a form that operators know how to search.
import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { ReasonCode } from '../../generator/explain/reason.ts';
import { parseLocation } from '../../generator/terms/location.ts';
import { cachedPerSecond } from './cached-per-second.ts';
import type { Answer } from './lookup.ts';

export type AccessLogForm = 'combined' | 'json' | 'none';

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** What is logged of a request. Each byte of it is one character, as Node gives it. */
export interface LoggedRequest {
  /** An address, or `-`. */
  readonly client: string;
  readonly method: string;
  readonly target: string;
  /** Whether the target has no character that the log escapes. */
  readonly needsNoEscape: boolean;
  readonly httpVersion: string;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
}

export interface AccessLog {
  /**
   * Logs an answer. The line is written at the end of this turn of the event loop, or of the next one
   * where requests came faster than they were answered; a line with a reason follows when that is known.
   */
  readonly log: (request: LoggedRequest, answer: Answer) => void;
  /** Settles when the line of every answer so far is written. */
  readonly flush: () => Promise<void>;
}

/** Why a directory has no signature; the line waits for the answer. */
export type ReasonOf = (directory: string) => ReasonCode | Promise<ReasonCode>;

/** Where lines go; it buffers them itself. */
export interface LineSink {
  readonly write: (lines: string) => unknown;
}

/** Makes the log; only the JSON form has reasons. */
export function createAccessLog(
  form: AccessLogForm,
  sink: LineSink,
  reasonOf: ReasonOf,
): AccessLog {
  const write = createBatch(sink);
  if (form === 'json') return createJsonLog(write, reasonOf);
  const format = createCombined();
  return {
    log: form === 'none' ? () => undefined : (...logged) => write(format(...logged)),
    flush: endOfTurn,
  };
}

/**
 * Gathers the lines of one turn of the event loop into one write, as sinks do much work for each.
 */
function createBatch(sink: LineSink): (line: string) => void {
  let lines = '';
  const flush = (): void => {
    const all = lines;
    lines = '';
    sink.write(all);
  };
  return (line) => {
    if (lines === '') setImmediate(flush);
    lines += line;
  };
}

function createJsonLog(write: (line: string) => void, reasonOf: ReasonOf): AccessLog {
  const waiting = new Set<Promise<void>>();
  const writeLater = async (fields: object, reason: Promise<ReasonCode>): Promise<void> => {
    write(formatJson({ ...fields, reason: await reason }));
  };
  return {
    log: (request, answer) => {
      const fields = listFields(request, answer);
      if (answer.outcome !== 'unsigned') {
        write(formatJson(fields));
        return;
      }
      const { path = '' } = answer;
      const reason = reasonOf(path.slice(0, path.lastIndexOf('/')));
      if (typeof reason === 'string') {
        write(formatJson({ ...fields, reason }));
        return;
      }
      const written = writeLater(fields, reason).finally(() => waiting.delete(written));
      waiting.add(written);
    },
    flush: async () => {
      await Promise.all(waiting);
      await endOfTurn();
    },
  };
}

function createCombined(): (request: LoggedRequest, answer: Answer) => string {
  const formatTimeOnce = cachedPerSecond(formatTime);
  // Most lines begin and end as the one before, so both are kept.
  let client = '';
  let time = '';
  let start = '';
  let agent: string | undefined;
  let referer: string | undefined;
  let end = formatEnd(referer, agent);
  return (request, { status, bytes }) => {
    const now = formatTimeOnce();
    if (now !== time || request.client !== client) {
      ({ client } = request);
      time = now;
      start = `${client} - - [${time}] "`;
    }
    if (request.userAgent !== agent || request.referer !== referer) {
      ({ userAgent: agent, referer } = request);
      end = formatEnd(referer, agent);
    }
    const { method, target, needsNoEscape, httpVersion } = request;
    const path = needsNoEscape ? target : escape(target);
    return `${start}${method} ${path} HTTP/${httpVersion}" ${status} ${bytes || '-'}${end}`;
  };
}

function formatEnd(referer = '-', userAgent = '-'): string {
  return ` "${escape(referer)}" "${escape(userAgent)}"\n`;
}

function listFields(request: LoggedRequest, answer: Answer): object {
  const { status, bytes, outcome, path } = answer;
  const location = path === undefined ? undefined : parseLocation(path);
  return {
    time: new Date().toISOString(),
    client: request.client,
    method: request.method,
    path: request.target,
    status,
    bytes,
    outcome,
    repository: location?.repository ?? null,
    digest: location ? `sha256:${location.digestHex}` : null,
    number: location?.number ?? null,
  };
}

function formatJson(fields: object): string {
  // JSON leaves control characters beyond ASCII as they are, and terminals obey them.
  return `${JSON.stringify(fields).replaceAll(/[^ -~]/g, toUnicodeEscape)}\n`;
}

function toUnicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** As Apache does: control characters, quotes, backslashes and bytes beyond ASCII as `\xNN`. */
function escape(text: string): string {
  return /[^ !#-[\]-~]/.test(text)
    ? text.replaceAll(/[^ !#-[\]-~]/g, (character) =>
        character === '"' || character === '\\'
          ? `\\${character}`
          : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
      )
    : text;
}

/** `21/Nov/2026:23:57:31 +0000`. */
function formatTime(now: Date): string {
  const [date = '', time = ''] = now.toISOString().split(/[T.]/);
  const [year, month, day] = date.split('-');
  const name = MONTHS.slice(3 * (Number(month) - 1), 3 * Number(month));
  return `${day}/${name}/${year}:${time} +0000`;
}
