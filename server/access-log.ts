// One line a lookup, in the form that operators grep already.
import { parseLocation } from '../generator/location.ts';
import { type LineSink, batchLines } from './batch-lines.ts';
import { everySecond } from './every-second.ts';
import type { Answer } from './lookup.ts';

export type AccessLogForm = 'combined' | 'json' | 'none';

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** What a log says of a request. Node gives each byte of it as one character. */
export interface LoggedRequest {
  /** An address, or `-`. */
  readonly client: string;
  readonly method: string;
  readonly target: string;
  /** The target has no character that a log escapes. */
  readonly isPlain: boolean;
  readonly httpVersion: string;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
}

export type AccessLog = (request: LoggedRequest, answer: Answer) => void;

/** Gives the function that logs an answer, before it can have been read. */
export function createAccessLog(form: AccessLogForm, sink: LineSink): AccessLog {
  if (form === 'none') return () => undefined;
  const format = form === 'json' ? formatJson : createCombined();
  const { write } = batchLines(sink);
  return (request, answer) => void write(format(request, answer));
}

function createCombined(): (request: LoggedRequest, answer: Answer) => string {
  const formatTimeOnce = everySecond(formatTime);
  // Most lines begin and end as the one before.
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
    const { method, target, isPlain, httpVersion } = request;
    const path = isPlain ? target : escape(target);
    return `${start}${method} ${path} HTTP/${httpVersion}" ${status} ${bytes || '-'}${end}`;
  };
}

function formatEnd(referer = '-', userAgent = '-'): string {
  return ` "${escape(referer)}" "${escape(userAgent)}"\n`;
}

function formatJson(request: LoggedRequest, answer: Answer): string {
  const { status, bytes, outcome, path } = answer;
  const location = path === undefined ? undefined : parseLocation(path);
  const line = JSON.stringify({
    time: new Date().toISOString(),
    client: request.client,
    method: request.method,
    path: request.target,
    status,
    bytes,
    outcome,
    repository: location?.repository ?? null,
    digest: location ? `sha256:${location.hex}` : null,
    number: location?.number ?? null,
  });
  // JSON leaves control characters beyond ASCII as they are, and terminals obey them.
  return `${line.replaceAll(/[^ -~]/g, toUnicodeEscape)}\n`;
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
