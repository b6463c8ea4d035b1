// Reads the signatures of an image from another store as nodes do: up to the first 404, and what else than a
// signature or 404 comes fails the pull (containers/image docker/docker_image_src.go, getOneSignature).
import { fileURLToPath } from 'node:url';
import type { AskedStore, FailedRead, ReadFiles } from '../explain/explain-other-store.ts';
import { checkBlobSize, MAX_BLOB_BYTES, parseSignatureFile } from '../openpgp/signature-file.ts';
import { MAX_SIGNATURES } from '../store/numbering.ts';
import { readBounded } from '../system/read-bounded.ts';
import { hasCode, messageOf } from '../terms/errors.ts';
import { formatLocation } from '../terms/location.ts';
import { isRejection } from '../terms/rejection.ts';
import { type Asked, isAnswer } from './answering.ts';
import { GoClient } from './go-client.ts';
import { type TlsQuestion, inspectTls, toPlainHost } from './inspect-tls.ts';
import { judgeMissing, judgeSilence, judgeTransfer } from './judge-answer.ts';
import { type ProbedStore, formatQuestion } from './store-address.ts';

export interface ReadOptions extends Pick<TlsQuestion, 'trusted' | 'now' | 'patience'> {
  /** All addresses of a name, as the system knows them. */
  readonly lookup: (name: string) => Promise<readonly string[]>;
  readonly ending: AbortSignal;
}

/** Undefined for a signature that is not there. */
type ReadOne = Uint8Array | string | undefined;

/** Reads what lies at `[namespace/]repo@sha256=HEX` below a store. Throws only if `ending` is aborted. */
export async function readSignatures(
  store: ProbedStore,
  directory: string,
  options: ReadOptions,
): Promise<AskedStore> {
  if (store.url.protocol === 'file:') {
    return readAll(directory, async (path) => readFile(formatQuestion(store, path)));
  }
  const addresses = await options
    .lookup(toPlainHost(store.url.hostname))
    .catch((error: unknown) => messageOf(error));
  if (typeof addresses === 'string') return { kind: 'fails', asked: undefined, got: addresses };
  let failed: FailedRead = { kind: 'fails', asked: undefined, got: 'no address' };
  for (const address of addresses) {
    const read = await readAt(address, store, directory, options);
    if (read.kind === 'read' || !read.isUnreachable) return read;
    failed = read;
  }
  return failed;
}

/** Nodes go on to the next address of a name only where nobody takes their connection. */
async function readAt(
  address: string,
  store: ProbedStore,
  directory: string,
  { trusted, now, patience, ending }: ReadOptions,
): Promise<ReadFiles | (FailedRead & { readonly isUnreachable: boolean })> {
  const { url } = store;
  const client = new GoClient({ address, host: url.host, patience, ending });
  let isUnreachable = false;
  const ask = async (path: string): Promise<ReadOne> => {
    const asked = await client.ask(formatQuestion(store, path));
    isUnreachable = !isAnswer(asked) && asked.failed === 'connect';
    return toOne(asked);
  };
  try {
    if (url.protocol === 'https:') {
      const question = { url, address, trusted, expiryWarning: 0, now, patience };
      const fault = (await inspectTls(question)).find(({ code }) => code !== 'tls-expires-soon');
      if (fault) return { kind: 'fails', asked: undefined, got: fault.got, isUnreachable };
    }
    const read = await readAll(directory, ask);
    return read.kind === 'read' ? read : { ...read, isUnreachable };
  } finally {
    client.close();
  }
}

async function readAll(
  directory: string,
  ask: (path: string) => Promise<ReadOne>,
): Promise<AskedStore> {
  const files: Uint8Array[] = [];
  for (let number = 1; number <= MAX_SIGNATURES + 1; number++) {
    const asked = formatLocation(directory, number);
    const one = await ask(asked);
    if (one === undefined) return { kind: 'read', files };
    const got = typeof one === 'string' ? one : findFault(one);
    if (got !== undefined) return { kind: 'fails', asked, got };
    if (typeof one !== 'string') files.push(one);
  }
  return { kind: 'fails', asked: undefined, got: `more than ${MAX_SIGNATURES} signatures` };
}

/** The bytes, or why nodes cannot take them. */
function toOne(asked: Asked): ReadOne {
  if (!isAnswer(asked)) return judgeSilence(asked).got;
  if (asked.status !== 200) return judgeMissing(asked)?.got;
  return judgeTransfer(asked)?.got ?? asked.body;
}

async function readFile(url: string): Promise<ReadOne> {
  try {
    return await readBounded(fileURLToPath(url), MAX_BLOB_BYTES + 1);
  } catch (error) {
    return hasCode(error, 'ENOENT') ? undefined : messageOf(error);
  }
}

/** What is wrong with the form of a file, where that fails pulls. */
function findFault(bytes: Uint8Array): string | undefined {
  const parsed = checkBlobSize(bytes.length) ?? parseSignatureFile(bytes);
  return isRejection(parsed) && parsed.breaksPulls ? parsed.message : undefined;
}
