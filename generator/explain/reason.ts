// Why a node that looks for the signatures of an image finds none: a closed set of reasons, each
// with what was found and the next step.
import type { HistoryCommit } from '../sources/source.ts';
import type { RejectionCode } from '../terms/rejection.ts';

/** In the order in which they are tried. */
export const REASON_CODES = [
  'quarantined',
  'removed',
  'elsewhere',
  'other-digests',
  'unknown-repository',
] as const;

export type ReasonCode = (typeof REASON_CODES)[number];

/** A rejected file that has to do with the image. */
export interface QuarantinedFile {
  readonly path: string;
  readonly code: RejectionCode;
  readonly message: string;
  readonly hint: string;
  /** That brought it as it is; null where git does not tell. */
  readonly commit: HistoryCommit | null;
}

/** An image that is signed. */
export interface SignedImage {
  /** `[prefix/]namespace/repo`, where its signatures lie. */
  readonly repository: string;
  /** `sha256:HEX`. */
  readonly digest: string;
  /** The name that was signed. */
  readonly identity: string;
  /** The fingerprint of the signer's primary key; null if nobody has checked. */
  readonly signer: string | null;
  /** ISO 8601, as the signature says. */
  readonly signedAt: string;
}

/** What each reason found. */
type ReasonFacts =
  | {
      /** There are files for this digest, and none of them may be served. */
      readonly code: 'quarantined';
      readonly files: readonly QuarantinedFile[];
    }
  | {
      /** Signatures lay there until a commit took them away. */
      readonly code: 'removed';
      readonly commit: HistoryCommit;
    }
  | {
      /** The digest is signed, in another repository or below another prefix. */
      readonly code: 'elsewhere';
      readonly images: readonly SignedImage[];
    }
  | {
      /** The repository has signatures, of other digests; the newest ones. */
      readonly code: 'other-digests';
      readonly images: readonly SignedImage[];
    }
  | {
      /** Nothing of the repository is here. */
      readonly code: 'unknown-repository';
    };

export type Reason = ReasonFacts & {
  /** What was found, in a sentence. */
  readonly message: string;
  /** What to do, in a sentence. */
  readonly next: string;
};
