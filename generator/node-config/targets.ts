// The forms in which a node's files can be written down.
import type { NodeFile } from './node-file.ts';

/** A file for people or their tools, below the directory that they name. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable?: true;
}

/** What a form may need to know beside the files. */
export interface TargetOptions {
  /** What names begin with. */
  readonly name: string;
  /** Machine config pools; at least one. */
  readonly pools: readonly string[];
  /** Version of Ignition: `3.2.0`. */
  readonly ignition: string;
  /** Version of Butane's variant openshift: `4.12.0`. */
  readonly butane: string;
  readonly isRootless: boolean;
}

interface Target {
  readonly write: (files: readonly NodeFile[], options: TargetOptions) => readonly WrittenFile[];
  /** Whether the files, one after the other, are one file of the same form. */
  readonly isConcatenable: boolean;
}

export const TARGET_NAMES = ['files'] as const;

export type TargetName = (typeof TARGET_NAMES)[number];

export const TARGETS: Readonly<Record<TargetName, Target>> = {
  files: { write: (files) => files, isConcatenable: false },
};
