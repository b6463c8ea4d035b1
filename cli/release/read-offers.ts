// The signatures of a release as its clients get them: from a source as it would be served, or from a running store.
import type { OfferedSignature } from '../../generator/release/check-release.ts';
import { MAX_BLOB_BYTES } from '../../generator/openpgp/signature-file.ts';
import { MOST_RELEASE_SIGNATURES } from '../../generator/release/release-order.ts';
import { hasCode, messageOf } from '../../generator/terms/errors.ts';
import {
  formatReleaseDirectory,
  parseReleaseDirectory,
} from '../../generator/terms/release-location.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { parseUrl, toLine } from '../../generator/terms/text.ts';
import type { Settings } from '../base/options.ts';
import type { ProcessIo } from '../base/process-io.ts';
import { UsageError } from '../base/usage-error.ts';
import { checkOnce, reportOn } from '../check/check-once.ts';

/** Reads those of a digest (hex), in the order of their numbers. */
export type ReadOffers = (hex: string, ending: AbortSignal) => Promise<readonly OfferedSignature[]>;

/** How long a store may take for one answer. Milliseconds. */
const TIME_LIMIT = 60_000;

/** What the release areas of a source would serve; says on standard error what else is there, and why not. */
export async function offersInSource(
  source: string,
  settings: Settings,
  io: ProcessIo,
): Promise<ReadOffers> {
  const checked = await checkOnce(source, settings, io);
  const { store } = checked;
  const rejected = reportOn(checked, store.noteworthy()).files.filter(
    (file) => file.status === 'rejected',
  );
  return async (hex) => {
    for (const { path, code, message } of rejected) {
      if (path.includes(hex)) {
        io.stderr.write(`lookaside: ${toLine(path)} is not served: ${code}: ${message}\n`);
      }
    }
    const directory = [...store.releases].find(
      (one) => parseReleaseDirectory(one)?.digestHex === hex,
    );
    if (directory === undefined) return [];
    return store
      .servedFilesIn(directory)
      .map(({ path, signature }) => ({ place: toLine(path), bytes: signature.bytes }));
  };
}

/** Asks as the cluster-version operator does: from 1 to 9, until one is missing; an empty one is passed over. */
export function offersAtServer(server: string): ReadOffers {
  const base = parseUrl(server);
  if (!base || !/^https?:$/.test(base.protocol)) {
    const hint =
      'write the address of the store as clusters have it: https://signatures.example.com/';
    throw new UsageError(`--server: expected a URL, got ${JSON.stringify(server)}`, hint);
  }
  const prefix = base.pathname.replace(/\/+$/, '');
  return async (hex, ending) => {
    const offered: OfferedSignature[] = [];
    for (let number = 1; number <= MOST_RELEASE_SIGNATURES; number++) {
      const url = new URL(base);
      url.pathname = `${prefix}/${formatLocation(formatReleaseDirectory('', hex), number)}`;
      const bytes = await fetchSignature(url, ending);
      if (!bytes) break;
      if (bytes.length > 0) offered.push({ place: url.pathname, bytes });
    }
    return offered;
  };
}

/** Undefined where it is missing. */
async function fetchSignature(url: URL, ending: AbortSignal): Promise<Uint8Array | undefined> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error('interrupted'));
  const timer = setTimeout(() => stopping.abort(new Error('no answer in time')), TIME_LIMIT);
  ending.addEventListener('abort', stop);
  try {
    const response = await fetch(url, { signal: stopping.signal });
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok) throw new Error(`status ${response.status}`);
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of response.body ?? []) {
      size += piece.length;
      if (size > MAX_BLOB_BYTES) throw new Error('the answer is no signature: it is too large');
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } catch (cause) {
    const inner = cause instanceof Error && cause.cause ? cause.cause : cause;
    const hint = hasCode(inner, 'ECONNREFUSED') ? 'is the store running?' : undefined;
    const shown = `${url.origin}${url.pathname}`;
    throw new UsageError(`cannot ask ${shown}: ${toLine(messageOf(inner))}`, hint, { cause });
  } finally {
    clearTimeout(timer);
    ending.removeEventListener('abort', stop);
  }
}
