// What every form of a node's files has in common.
import type { Scope } from '../../policy/policy.ts';
import type { NodeFile } from '../node-file.ts';
import type { StoreUrl } from '../store-url.ts';

/** The forms in which a node's files can be written down. */
export const TARGET_NAMES = [
  'files',
  'machineconfig',
  'butane',
  'script',
  'ansible',
  'kickstart',
  'cloud-init',
  'flatpak',
] as const;

export type TargetName = (typeof TARGET_NAMES)[number];

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
  /** What the files were made from, for a form that knows no policy.json. */
  readonly scopes: readonly Scope[];
  /** Undefined where every scope has a store of its own. */
  readonly url: StoreUrl | undefined;
}

/** A form in which a node's files can be written down. */
export interface Target {
  /** @throws TargetError for a name, pool or file that the form cannot hold. */
  readonly write: (files: readonly NodeFile[], options: TargetOptions) => readonly WrittenFile[];
  /** Whether the files, one after the other, are one file of the same form. */
  readonly isConcatenable: boolean;
  /** Whether it can hold the files of one user's home directory. */
  readonly isForHomes: boolean;
  /** Sentences of one fact each, and what to do about it. */
  readonly adviseOn?: (files: readonly NodeFile[], options: TargetOptions) => readonly string[];
}

/** A name, a pool or a file that a form cannot hold. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
  /** What to do about it. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
