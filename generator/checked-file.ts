import type { Signature } from './judge.ts';
import type { Rejection } from './rejection.ts';
import type { Entry } from './sources/source.ts';

/** A file at a location whose signature may be published. */
export interface PublishableFile {
  readonly kind: 'publishable';
  readonly path: string;
  /** `[prefix/]namespace/repo@sha256=HEX`. */
  readonly directory: string;
  /** 1 or more, as in the file's name. */
  readonly number: number;
  readonly signature: Signature;
}

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
    })
  | (OtherFile & { readonly kind: 'ignored'; readonly entry: PresentEntry })
  | (OtherFile & { readonly kind: 'removed' });
