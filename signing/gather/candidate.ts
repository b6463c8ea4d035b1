import type { ImageDirectory } from '../../generator/terms/location.ts';
import type { Rejection } from '../../generator/terms/rejection.ts';

/** A signature that may be pushed; nothing of it is verified. */
export interface Candidate {
  /** Where it comes from, for people: a file, or an image. */
  readonly origin: string;
  readonly bytes: Uint8Array;
  /** The directory that it is for; where it is left out, what it signs decides. */
  readonly place?: ImageDirectory;
  /** Why it cannot be pushed, whatever it says: it could not be read, and has no bytes. */
  readonly rejection?: Rejection;
}

/** One that lies on the disk. */
export interface CandidateFile extends Candidate {
  /** Its path. */
  readonly file: string;
  /**
   * The staging directory that it lies below, or of a file that was named itself, its own; undefined where it
   * belongs to something else, as to a copy of an image.
   */
  readonly staging: string | undefined;
}
