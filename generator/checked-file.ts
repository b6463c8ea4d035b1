import type { Signature } from './judge.ts';
import type { Location } from './location.ts';
import type { Rejection } from './rejection.ts';

/** A file at a location whose signature may be published. */
export interface PublishableFile {
  readonly kind: 'publishable';
  readonly path: string;
  readonly location: Location;
  readonly signature: Signature;
}

/** One path of the signature repository after the check, or after its removal. */
export type CheckedFile =
  | PublishableFile
  | { readonly kind: 'rejected'; readonly path: string; readonly rejection: Rejection }
  | { readonly kind: 'ignored'; readonly path: string }
  | { readonly kind: 'removed'; readonly path: string };
