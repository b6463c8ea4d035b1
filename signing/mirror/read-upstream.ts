// The signatures that an upstream has for one manifest, verified with its keys.
import { toBlobEntry } from '../../generator/sources/source.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { type Rejection, isRejection } from '../../generator/terms/rejection.ts';
import type { RememberedSignature } from './mirror-memory.ts';
import type { WantedDigest } from './mirror-names.ts';
import type { UpstreamSignature } from './mirror-report.ts';
import type { StoreRules } from './store-rules.ts';
import type { Doubt, Upstream } from './upstream.ts';

/** A file that an upstream has under a number. */
export type UpstreamFile = {
  readonly number: number;
  /** The object name that git has for its bytes; undefined for one that was refused. */
  readonly blob: string | undefined;
  readonly etag: string | undefined;
} & (
  | { readonly kind: 'unchanged'; readonly blob: string }
  | {
      readonly kind: 'good';
      readonly blob: string;
      readonly bytes: Uint8Array;
      readonly signature: UpstreamSignature;
    }
  | { readonly kind: 'refused'; readonly rejection: Rejection }
);

export interface DirectoryReading {
  /** In the order of their numbers. */
  readonly files: readonly UpstreamFile[];
  /** Why there may be more, the first reason; undefined where the store said that there is not. */
  readonly doubt: Doubt | undefined;
}

export interface DirectoryReader {
  readonly upstream: Upstream;
  readonly rules: StoreRules;
  readonly now: Date;
}

/**
 * Reads a directory of an upstream, number by number until the first 404. What is `known`, number by number, is
 * asked for by its ETag alone; undefined for what has to be read.
 */
export async function readUpstreamDirectory(
  wanted: Pick<WantedDigest, 'directory' | 'digestHex'>,
  known: readonly (RememberedSignature | undefined)[],
  reader: DirectoryReader,
): Promise<DirectoryReading> {
  const { upstream, rules } = reader;
  const files: UpstreamFile[] = [];
  let doubt: Doubt | undefined;
  for (let number = 1; number <= rules.mostSignatures; number++) {
    const found = await readFile(wanted, number, known[number - 1], reader);
    if (found === undefined) break;
    if ('kind' in found) {
      files.push(found);
      continue;
    }
    doubt ??= found;
    if (!rules.passesOver || upstream.isAway) break;
  }
  return { files, doubt };
}

/** Undefined where the store says that there is none. */
async function readFile(
  { directory, digestHex }: Pick<WantedDigest, 'directory' | 'digestHex'>,
  number: number,
  before: RememberedSignature | undefined,
  { upstream, rules, now }: DirectoryReader,
): Promise<UpstreamFile | Doubt | undefined> {
  const location = formatLocation(directory, number);
  const answer = await upstream.ask(location, before?.etag);
  switch (answer.kind) {
    case 'none':
      return undefined;
    case 'doubt':
      return answer.doubt;
    case 'unchanged':
      return before
        ? { kind: 'unchanged', number, blob: before.blob, etag: before.etag }
        : { message: `304 for ${location}, unasked`, isPassing: false };
    case 'file': {
      const { bytes, etag } = answer;
      const verdict = await rules.verify(bytes, digestHex, now);
      return isRejection(verdict)
        ? { kind: 'refused', number, blob: undefined, etag, rejection: verdict }
        : { kind: 'good', number, blob: blobOf(bytes), etag, bytes, signature: verdict };
    }
  }
}

function blobOf(bytes: Uint8Array): string {
  return toBlobEntry('', bytes).id;
}
