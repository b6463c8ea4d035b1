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
 * The bytes of an older file at the path, which was good. It is kept while the present one has no
 * verdict, and served meanwhile if it is still good. A present file has none.
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

/** Whether this is an older file, kept while the present one has no verdict. */
export function isOlder(file: CheckedFile): boolean {
  return 'older' in file && file.older !== undefined;
}

/** Whether this is a present file that has no verdict yet. */
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
 * Drops the details of ignored files, for a store that only counts them: there may be millions. The
 * path stays if the store may know a rejected file there.
 */
export function withoutDetail(file: CheckedFile): CheckedFile {
  if (file.kind !== 'ignored') return file;
  const path = DIGEST_MARK.test(file.path) ? file.path : '';
  return { ...file, path, entry: file.entry.wasThere === true ? CHANGED : NEW };
}
