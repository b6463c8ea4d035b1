import type { Entry } from '../sources/source.ts';
import { type Rejection, isUndecided } from '../terms/rejection.ts';
import type { Signature } from './judge.ts';

/** A file at a location whose signature may be published. */
export interface PublishableFile {
  readonly kind: 'publishable';
  readonly path: string;
  /** `[prefix/]namespace/repo@sha256=HEX`. */
  readonly directory: string;
  /** 1 or more, as in the file's name. */
  readonly number: number;
  readonly signature: Signature;
  readonly older?: OlderBytes;
}

/**
 * The bytes of a file that lay at the path before, and was good. It is kept beside the present one for
 * as long as nobody can say what that is, and served meanwhile if it is still good. Absent of the
 * present file.
 */
export type OlderBytes = Uint8Array;

/** What stands under a path. */
export type PresentEntry = Exclude<Entry, { readonly kind: 'removed' }>;

/** A path that has no signature to publish: `directory` is undefined where it is no location. */
interface OtherFile {
  readonly path: string;
  readonly directory: string | undefined;
}

/** One path of the signature repository after the check, or after its removal. */
export type CheckedFile =
  | PublishableFile
  | (OtherFile & {
      readonly kind: 'rejected';
      readonly rejection: Rejection;
      readonly entry: PresentEntry;
      readonly older?: OlderBytes;
    })
  | (OtherFile & { readonly kind: 'ignored'; readonly entry: PresentEntry })
  | (OtherFile & { readonly kind: 'removed' });

/** Whether a file lay at its path before, and is only kept beside the present one. */
export function isOlder(file: CheckedFile): boolean {
  return 'older' in file && file.older !== undefined;
}

/** Whether a file is the present one, and nobody can say yet what it is. */
export function isWaiting(
  file: CheckedFile,
): file is Extract<CheckedFile, { readonly kind: 'rejected' }> {
  return file.kind === 'rejected' && !isOlder(file) && isUndecided(file.rejection);
}

/** What stands in place of the entry of an ignored file. */
const NEW: PresentEntry = { kind: 'special-file', path: '' };
const CHANGED: PresentEntry = { ...NEW, wasThere: true };
/** In the name of what may have been rejected under the same path: a link, a submodule. */
const DIGEST_MARK = /@sha/i;

/**
 * The same for a store that only counts ignored files: of millions of them nothing is kept. With
 * the path where the store may know of a rejected file there.
 */
export function withoutDetail(file: CheckedFile): CheckedFile {
  if (file.kind !== 'ignored') return file;
  const path = DIGEST_MARK.test(file.path) ? file.path : '';
  return { ...file, path, entry: file.entry.wasThere === true ? CHANGED : NEW };
}
