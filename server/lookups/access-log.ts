// One line a lookup, in a form that operators know how to search.
import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { ReasonCode } from '../../generator/explain/reason.ts';
import { parseAnyLocation } from '../../generator/terms/release-location.ts';
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

/** A request that could not be understood, as it is logged. */
export interface LoggedFault {
  /** An address, or `-`. */
  readonly client: string;
  readonly status: number;
  /** Why, in a word. */
  readonly reason: string;
  /** What was understood of it; undefined for nothing. */
  readonly request: Omit<LoggedRequest, 'client'> | undefined;
}

export interface AccessLog {
  /**
   * Logs an answer. The line is written at the end of this turn of the event loop, or of the next one
   * where requests came faster than they were answered; a line with a reason follows when that is known.
   */
  log(request: LoggedRequest, answer: Answer): void;
  /** Logs the answer to a request that is no lookup, as it could not be understood. */
  logFault(fault: LoggedFault): void;
  /** Settles when the line of every answer so far is written. */
  flush(): Promise<void>;
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
  switch (form) {
    case 'combined':
      return new CombinedLog(sink);
    case 'json':
      return new JsonLog(sink, reasonOf);
    case 'none':
      return { log: () => undefined, logFault: () => undefined, flush: endOfTurn };
  }
}

/** Gathers the lines of one turn of the event loop into one write, as each write costs sinks much. */
class LineBatch {
  readonly #sink: LineSink;
  #lines = '';

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  add(line: string): void {
    if (this.#lines === '') setImmediate(this.#flush);
    this.#lines += line;
  }

  readonly #flush = (): void => {
    const lines = this.#lines;
    this.#lines = '';
    this.#sink.write(lines);
  };
}

/** Apache's combined form. Most lines begin and end as the one before, so both parts are kept. */
class CombinedLog implements AccessLog {
  readonly #batch: LineBatch;
  readonly #readTime = cachedPerSecond(formatTime);
  #client = '';
  #time = '';
  #start = '';
  #userAgent: string | undefined;
  #referer: string | undefined;
  #end = formatEnd(undefined, undefined);

  constructor(sink: LineSink) {
    this.#batch = new LineBatch(sink);
  }

  log(request: LoggedRequest, { status, bytes }: Answer): void {
    const time = this.#readTime();
    if (time !== this.#time || request.client !== this.#client) this.#renewStart(request, time);
    if (request.userAgent !== this.#userAgent || request.referer !== this.#referer) {
      this.#renewEnd(request);
    }
    const { method, target, needsNoEscape, httpVersion } = request;
    const path = needsNoEscape ? target : escape(target);
    this.#batch.add(
      `${this.#start}${method} ${path} HTTP/${httpVersion}" ${status} ${bytes || '-'}${this.#end}`,
    );
  }

  /** As Apache does, which writes `-` for a request line that never came. */
  logFault({ client, status, request }: LoggedFault): void {
    const line = request
      ? `${request.method} ${escape(request.target)} HTTP/${request.httpVersion}`
      : '-';
    const end = formatEnd(request?.referer, request?.userAgent);
    this.#batch.add(`${formatStart(client, this.#readTime())}${line}" ${status} -${end}`);
  }

  async flush(): Promise<void> {
    await endOfTurn();
  }

  #renewStart({ client }: LoggedRequest, time: string): void {
    this.#client = client;
    this.#time = time;
    this.#start = formatStart(client, time);
  }

  #renewEnd({ referer, userAgent }: LoggedRequest): void {
    this.#referer = referer;
    this.#userAgent = userAgent;
    this.#end = formatEnd(referer, userAgent);
  }
}

/** One JSON object a line. */
class JsonLog implements AccessLog {
  readonly #batch: LineBatch;
  readonly #reasonOf: ReasonOf;
  /** Lines whose reason is not known yet. */
  readonly #waiting = new Set<Promise<void>>();

  constructor(sink: LineSink, reasonOf: ReasonOf) {
    this.#batch = new LineBatch(sink);
    this.#reasonOf = reasonOf;
  }

  log(request: LoggedRequest, answer: Answer): void {
    const fields = listFields(request, answer);
    if (answer.outcome !== 'unsigned') {
      this.#batch.add(formatJson(fields));
      return;
    }
    const { path = '' } = answer;
    const reason = this.#reasonOf(path.slice(0, path.lastIndexOf('/')));
    if (typeof reason === 'string') {
      this.#batch.add(formatJson({ ...fields, reason }));
      return;
    }
    const written = this.#addLater(fields, reason).finally(() => this.#waiting.delete(written));
    this.#waiting.add(written);
  }

  logFault({ client, status, reason, request }: LoggedFault): void {
    this.#batch.add(
      formatJson({
        time: new Date().toISOString(),
        client,
        method: request?.method ?? null,
        path: request?.target ?? null,
        status,
        bytes: 0,
        outcome: reason,
        repository: null,
        digest: null,
        number: null,
      }),
    );
  }

  async flush(): Promise<void> {
    await Promise.all(this.#waiting);
    await endOfTurn();
  }

  async #addLater(fields: object, reason: Promise<ReasonCode>): Promise<void> {
    this.#batch.add(formatJson({ ...fields, reason: await reason }));
  }
}

function formatStart(client: string, time: string): string {
  return `${client} - - [${time}] "`;
}

function formatEnd(referer = '-', userAgent = '-'): string {
  return ` "${escape(referer)}" "${escape(userAgent)}"\n`;
}

function listFields(request: LoggedRequest, answer: Answer): object {
  const { status, bytes, outcome, path } = answer;
  const location = path === undefined ? undefined : parseAnyLocation(path);
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
