/** A file that a node shall have. */
export interface NodeFile {
  /** Relative to `/`, or to the home directory where the files are for one user. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What all of them are read by: the tools of all users. */
export const NODE_FILE_MODE = 0o644;
