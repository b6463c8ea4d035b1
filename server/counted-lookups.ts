// Both ways in which a lookup is answered, and what becomes of each answer: it is counted and logged, and
// where an image has no signature, the pull is remembered as refused.
import type { IncomingMessage } from 'node:http';
import { isVouchedFor } from '../generator/gate/place.ts';
import type { Policy } from '../generator/policy/policy.ts';
import { parseDirectory } from '../generator/terms/location.ts';
import type { BrokenRequest } from './listen/broken-requests.ts';
import { createClientAddress } from './listen/client-address.ts';
import { QuickLookup } from './listen/quick-lookup.ts';
import { type LoggedRequest, createAccessLog } from './lookups/access-log.ts';
import { type Answer, Lookup } from './lookups/lookup.ts';
import type { Parts } from './parts.ts';
import type { ServerOptions } from './server-options.ts';

export interface CountedLookups {
  /** Behind node:http. */
  readonly lookup: Lookup;
  /** Before it. */
  readonly answerPlain: QuickLookup['answer'];
  /** Told of requests that could not be understood. */
  readonly onBroken: (broken: BrokenRequest) => void;
  /** Settles when every answer is in the access log. */
  readonly flush: () => Promise<void>;
}

/** @throws TrustedProxiesError */
export function createCountedLookups(
  options: Pick<ServerOptions, 'accessLog' | 'accessLogSink' | 'trustedProxies' | 'cacheMissing'>,
  { refresher, reasons, lookups, refused, missing, metrics, policy }: Parts,
): CountedLookups {
  const accessLog = createAccessLog(options.accessLog, options.accessLogSink, (directory) =>
    reasons.codeOf(directory),
  );
  const clientAddress = createClientAddress(options.trustedProxies);
  const noteAnswer = (request: LoggedRequest, found: Answer): void => {
    const answer = withoutVouched(found, policy());
    const { outcome, path, startedAt } = answer;
    lookups.add(outcome, startedAt);
    if (outcome === 'unsigned' && path !== undefined) {
      refused.record(path, request.client);
      missing?.note(path);
    }
    accessLog.log(request, answer);
  };
  const { store } = refresher;
  const { cacheMissing } = options;
  // The prefixes of areas are read once, at the start; only their keys may change.
  const releases = policy().releases.map(({ prefix }) => prefix);
  const lookup = new Lookup({
    store,
    releases,
    cacheMissing,
    onAnswer: (request, answer) => noteAnswer(toLogged(request, clientAddress(request)), answer),
  });
  const { answer: answerPlain } = new QuickLookup({
    store,
    releases,
    cacheMissing,
    onAnswer: noteAnswer,
  });
  const onBroken = ({ reason, status, client, request, target }: BrokenRequest): void => {
    metrics.addBroken(reason);
    if (status === undefined) return;
    // Only a whole head says who asked a trusted proxy.
    const logged = request && { ...toLogged(request, clientAddress(request)), target };
    accessLog.logFault({ client: logged?.client ?? client, status, reason, request: logged });
  };
  return { lookup, answerPlain, onBroken, flush: async () => accessLog.flush() };
}

/** Where a release vouches for an image, nobody misses its signature: a 404 is what every pull gets. */
function withoutVouched(answer: Answer, policy: Policy): Answer {
  const { outcome, path } = answer;
  const place =
    outcome === 'unsigned' && path !== undefined
      ? parseDirectory(path.slice(0, path.lastIndexOf('/')))
      : undefined;
  return place && isVouchedFor(policy, place) ? { ...answer, outcome: 'end' } : answer;
}

function toLogged(request: IncomingMessage, client: string): LoggedRequest {
  const { method = '', url: target = '', httpVersion, headers } = request;
  const { referer, 'user-agent': userAgent } = headers;
  return { client, method, target, needsNoEscape: false, httpVersion, referer, userAgent };
}
