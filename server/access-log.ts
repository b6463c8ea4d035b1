// One line a lookup, in the form that operators grep already.
import type { IncomingMessage } from 'node:http';
import type { Answer } from './lookup.ts';

/** Where lines go; it buffers them itself. */
export interface LineSink {
  readonly write: (line: string) => unknown;
}

export type AccessLogForm = 'combined' | 'json' | 'none';

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** Gives the function that logs an answer at the moment it is called. */
export function createAccessLog(
  form: AccessLogForm,
  sink: LineSink,
  clientAddress: (request: IncomingMessage) => string,
): (request: IncomingMessage, answer: Answer) => void {
  switch (form) {
    case 'none':
      return () => undefined;
    case 'json':
      return (request, answer) => sink.write(formatJson(request, answer, clientAddress(request)));
    case 'combined': {
      const now = createClock();
      return (request, answer) =>
        sink.write(formatCombined(request, answer, clientAddress(request), now()));
    }
  }
}

function formatCombined(
  request: IncomingMessage,
  { status, bytes }: Answer,
  client: string,
  time: string,
): string {
  const { method = '', url = '', httpVersion, headers } = request;
  const line = `${escape(method)} ${escape(url)} HTTP/${httpVersion}`;
  const referer = escape(headers.referer ?? '-');
  const agent = escape(headers['user-agent'] ?? '-');
  return `${escape(client)} - - [${time}] "${line}" ${status} ${bytes || '-'} "${referer}" "${agent}"\n`;
}

function formatJson(request: IncomingMessage, answer: Answer, client: string): string {
  const { status, bytes, outcome, location } = answer;
  const line = JSON.stringify({
    time: new Date().toISOString(),
    client,
    method: request.method,
    path: request.url,
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

/**
 * As Apache does: control characters, quotes, backslashes and bytes beyond ASCII as `\xNN`.
 * Node gives each byte of a request as one character.
 */
function escape(text: string): string {
  return /[^ !#-[\]-~]/.test(text)
    ? text.replaceAll(/[^ !#-[\]-~]/g, (character) =>
        character === '"' || character === '\\'
          ? `\\${character}`
          : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
      )
    : text;
}

/** `21/Nov/2026:23:57:31 +0000`, made anew once a second. */
function createClock(): () => string {
  let second = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (Math.trunc(now / 1000) !== second) {
      second = Math.trunc(now / 1000);
      const [date = '', time = ''] = new Date(now).toISOString().split(/[T.]/);
      const [year, month, day] = date.split('-');
      const name = MONTHS.slice(3 * (Number(month) - 1), 3 * Number(month));
      text = `${day}/${name}/${year}:${time} +0000`;
    }
    return text;
  };
}
