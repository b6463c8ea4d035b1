// The signatures that an upstream has for one manifest, verified with its keys.
import type { Signature } from '../../generator/gate/judge.ts';
import type { PlacingJudge } from '../../generator/gate/placing-judge.ts';
import { toBlobEntry } from '../../generator/sources/source.ts';
import { MAX_SIGNATURES } from '../../generator/store/numbering.ts';
import { formatLocation } from '../../generator/terms/location.ts';
import { type Rejection, isRejection, reject } from '../../generator/terms/rejection.ts';
import type { RememberedSignature } from './mirror-memory.ts';
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
      readonly signature: Signature;
    }
  | { readonly kind: 'refused'; readonly rejection: Rejection }
);

export interface DirectoryReading {
  /** In the order of their numbers. */
  readonly files: readonly UpstreamFile[];
  /** Why there may be more; undefined where the store said that there is not. */
  readonly doubt: Doubt | undefined;
}

export interface DirectoryReader {
  readonly upstream: Upstream;
  /** Of the keys of the upstream. */
  readonly judge: Pick<PlacingJudge, 'place'>;
  readonly now: Date;
}

/**
 * Reads a directory of an upstream, number by number until the first 404. What is `known`, number by number, is
 * asked for by its ETag alone; undefined for what has to be read.
 */
export async function readUpstreamDirectory(
  directory: string,
  digestHex: string,
  known: readonly (RememberedSignature | undefined)[],
  { upstream, judge, now }: DirectoryReader,
): Promise<DirectoryReading> {
  const files: UpstreamFile[] = [];
  for (let number = 1; number <= MAX_SIGNATURES; number++) {
    const before = known[number - 1];
    const location = formatLocation(directory, number);
    const answer = await upstream.ask(location, before?.etag);
    switch (answer.kind) {
      case 'none':
        return { files, doubt: undefined };
      case 'doubt':
        return { files, doubt: answer.doubt };
      case 'unchanged': {
        if (!before) {
          const doubt = { message: `304 for ${location}, unasked`, isPassing: false };
          return { files, doubt };
        }
        files.push({ kind: 'unchanged', number, blob: before.blob, etag: before.etag });
        break;
      }
      case 'file': {
        const { bytes, etag } = answer;
        const verdict = await verify(judge, bytes, digestHex, now);
        files.push(
          isRejection(verdict)
            ? { kind: 'refused', number, blob: undefined, etag, rejection: verdict }
            : { kind: 'good', number, blob: blobOf(bytes), etag, bytes, signature: verdict },
        );
      }
    }
  }
  return { files, doubt: undefined };
}

function blobOf(bytes: Uint8Array): string {
  return toBlobEntry('', bytes).id;
}

/** Under whatever name it was signed: which names count is for those to say who take it. */
async function verify(
  judge: Pick<PlacingJudge, 'place'>,
  bytes: Uint8Array,
  digestHex: string,
  now: Date,
): Promise<Signature | Rejection> {
  const placed = await judge.place(bytes, now);
  if (isRejection(placed)) return placed;
  if (placed.place.digestHex === digestHex) return placed.signature;
  return reject(
    'digest-mismatch',
    `expected the digest sha256:${digestHex}, got sha256:${placed.place.digestHex}`,
    { hint: 'Tell those who run the upstream: it has a signature in a wrong directory.' },
  );
}
