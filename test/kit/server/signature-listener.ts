import type { IncomingMessage } from 'node:http';
import { loadStore } from '../../../generator/store/load-store.ts';
import {
  type Limits,
  type Listener,
  type TlsFiles,
  listen,
} from '../../../server/listen/listener.ts';
import { QuickLookup } from '../../../server/listen/quick-lookup.ts';
import { createAccessLog } from '../../../server/lookups/access-log.ts';
import { Lookup } from '../../../server/lookups/lookup.ts';
import { type CapturedLines, captureLines } from './captured-lines.ts';
import { at, createFakeJudge } from './fake-judge.ts';
import { createMemorySource } from './memory-source.ts';

/** 16 KiB and one byte more: at most so much is answered quickly. */
export const LONGEST = 'x'.repeat(16 * 1024);
export const FILES: Readonly<Record<string, string>> = {
  [at(1)]: 'first',
  [at(2)]: 'the second one',
  [at(3)]: LONGEST,
  [at(4)]: `${LONGEST}y`,
};

export interface SignatureListener extends Listener {
  readonly log: CapturedLines;
  /** Settles when every answer so far is in the log. */
  readonly flush: () => Promise<void>;
  /** The requests that node:http has seen. */
  readonly requests: IncomingMessage[];
}

/** A listener over a few texts; without `isQuick` it is node:http from the first byte. */
export async function startListener(options: {
  readonly isQuick: boolean;
  readonly tls?: TlsFiles;
  readonly limits?: Limits;
  readonly maxConnections?: number;
  readonly cacheMissing?: number;
}): Promise<SignatureListener> {
  const { isQuick, tls, limits, maxConnections, cacheMissing = 0 } = options;
  const snapshot = await createMemorySource({ commit: 'a', files: FILES }).refresh();
  const store = await loadStore(snapshot, createFakeJudge(), new Date());
  const log = captureLines();
  const requests: IncomingMessage[] = [];
  const accessLog = createAccessLog('combined', log, () => 'unknown-repository');
  const lookup = new Lookup({
    store: () => store,
    cacheMissing,
    onAnswer: ({ method = '', url: target = '', httpVersion, headers }, answer) => {
      const { referer, 'user-agent': userAgent } = headers;
      const needsNoEscape = false;
      accessLog.log(
        { client: '127.0.0.1', method, target, needsNoEscape, httpVersion, referer, userAgent },
        answer,
      );
    },
  });
  const { answer: answerPlain } = new QuickLookup({
    store: () => store,
    cacheMissing,
    onAnswer: (request, answer) => accessLog.log(request, answer),
  });
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    tls,
    onError: () => undefined,
    handle: (request, response) => {
      requests.push(request);
      if (!lookup.answer(request, response)) lookup.answerUnknown(request, response);
    },
    ...(isQuick ? { answerPlain } : {}),
    ...(limits ? { limits } : {}),
    ...(maxConnections === undefined ? {} : { maxConnections }),
  });
  return Object.assign(listener, { log, flush: async () => accessLog.flush(), requests });
}
