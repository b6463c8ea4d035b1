// One look at a store, as a node does it.
import { MAX_BLOB_BYTES } from '../../generator/openpgp/signature-file.ts';

export interface FetchOptions {
  /** For the whole answer. Milliseconds. */
  readonly timeLimit: number;
  /** The ETag of what is known of the location: if it is still that, the status is 304. */
  readonly etag?: string | undefined;
  readonly ending?: AbortSignal | undefined;
}

/** What a store has at a location: bytes, which nobody has checked, or the status that it gave instead. */
export type Served =
  | { readonly bytes: Uint8Array; readonly etag: string | undefined }
  /** 200 for what is larger than any signature; `retryAfter` as the store wrote it. */
  | { readonly status: number; readonly retryAfter: string | undefined };

/**
 * Gets a location of a store, whose address has no slash at its end. Throws where the store does not answer.
 */
export async function fetchServed(
  store: string,
  location: string,
  { timeLimit, etag, ending }: FetchOptions,
): Promise<Served> {
  // Not AbortSignal.any: Node 20 may collect what it makes before it is aborted.
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error('interrupted'));
  const timer = setTimeout(() => stopping.abort(new Error('no answer in time')), timeLimit);
  if (ending?.aborted) stop();
  ending?.addEventListener('abort', stop);
  try {
    const { address, headers } = splitLogin(store);
    const url = `${address}/${encodeURI(location)}`;
    const known = etag === undefined ? headers : { ...headers, 'if-none-match': etag };
    const response = await fetch(url, { headers: known, signal: stopping.signal });
    const { status } = response;
    const retryAfter = response.headers.get('retry-after') ?? undefined;
    if (status !== 200) {
      await response.body?.cancel();
      return { status, retryAfter };
    }
    const bytes = await readBody(response);
    return bytes
      ? { bytes, etag: response.headers.get('etag') ?? undefined }
      : { status, retryAfter };
  } finally {
    clearTimeout(timer);
    ending?.removeEventListener('abort', stop);
  }
}

/** The address of a store without the name and the password that it may have, as nodes send them. */
function splitLogin(store: string): {
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
} {
  const { username, password } = new URL(store);
  const address = withoutLogin(store);
  if (username === '' && password === '') return { address, headers: {} };
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  return { address, headers: { authorization: `Basic ${login.toString('base64')}` } };
}

/** The address of a store, for people and logs. */
export function withoutLogin(store: string): string {
  return store.replace(/^(https?:\/\/)[^/]*@/i, '$1');
}

/** The body of an answer; undefined for one that no signature is as large as. */
async function readBody({ body }: Response): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    size += part.length;
    // This ends the loop, which cancels the rest.
    if (size > MAX_BLOB_BYTES) return undefined;
  }
  return Buffer.concat(parts);
}
