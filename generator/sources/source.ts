import { createHash } from 'node:crypto';
import type { Rejection } from '../terms/rejection.ts';

/** A regular file of the signature repository. */
export interface FileEntry {
  readonly kind: 'file';
  /** Relative to the published subtree, `/` between components. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Changes when the content does: a blob's object name, or what stat says of a file. */
  readonly id: string;
  /** The content, where the source has read it already. */
  readonly bytes?: Uint8Array;
  /** Something stood there too in the state that this one is compared with. */
  readonly wasThere?: boolean;
}

/** The entry of a regular file as git has it: named for its bytes. */
export function toBlobEntry(path: string, bytes: Uint8Array): FileEntry {
  const size = bytes.length;
  const id = createHash('sha1').update(`blob ${size}\0`).update(bytes).digest('hex');
  return { kind: 'file', path, size, id };
}

/** A symbolic link, which is never followed. */
export interface LinkEntry {
  readonly kind: 'symlink';
  readonly path: string;
  /** Where it leads, to be read as a file; undefined where that is not known. */
  readonly target?: FileEntry;
  /** As for a file. */
  readonly wasThere?: boolean;
}

/** One path of a source, or what became of it. */
export type Entry =
  | FileEntry
  | LinkEntry
  | {
      readonly kind: 'submodule' | 'special-file' | 'name-not-utf8' | 'unreadable';
      readonly path: string;
      /** As for a file. */
      readonly wasThere?: boolean;
    }
  | { readonly kind: 'removed'; readonly path: string };

/** What changes with the content of an entry; '' where it has none. */
export function idOf(entry: Entry): string {
  if (entry.kind === 'symlink') return entry.target?.id ?? '';
  return entry.kind === 'file' ? entry.id : '';
}

/** One state of a source, held open so that its files can be read. */
export interface Snapshot {
  /** The commit in full, for git. */
  readonly commit?: string;
  /** Who brought it, for git. Never rejects. */
  readonly origin?: () => Promise<StateOrigin>;
  /** Every entry, in no order. */
  readonly entries: () => AsyncIterable<Entry>;
  /** How many entries there are, about, for people who wait. */
  readonly count: () => Promise<number>;
  /** What differs from an earlier snapshot of the same source. */
  readonly changesSince: (previous: Snapshot) => AsyncIterable<Entry>;
  /** What git names this state by, whatever commit led to it. */
  readonly tree?: SnapshotTree;
  /** The bytes of a file, or why they cannot be read. */
  readonly read: (entry: FileEntry) => Promise<Uint8Array | Rejection>;
  readonly close: () => Promise<void>;
}

/** The published directory as git has it. */
export interface SnapshotTree {
  /** Its object name. */
  readonly id: string;
  /** What differs from another one; undefined if that is not here. */
  readonly changesSince: (id: string) => Promise<AsyncIterable<Entry> | undefined>;
}

/** A commit as people name it. */
export interface HistoryCommit {
  /** In full. */
  readonly id: string;
  /** As the commit says; nobody has checked it. */
  readonly author: { readonly name: string; readonly email: string };
  /** When it was committed, ISO 8601. */
  readonly date: string;
  /** The first line of its message. */
  readonly subject: string;
}

/** What a commit did to a path, and to what is below it. */
export interface HistoryChange extends HistoryCommit {
  readonly isMerge: boolean;
  /** The files that it took away, by their paths in the repository. */
  readonly removed: readonly string[];
}

/** Where signatures come from. Errors thrown by a source are faults of the world, not of files. */
export interface Source {
  readonly kind: 'git' | 'directory';
  /** For people; without credentials. */
  readonly location: string;
  /** The branch that is followed, once known; undefined for a directory. */
  readonly branch: () => string | undefined;
  /** Brings the newest state. */
  readonly refresh: () => Promise<Snapshot>;
  /**
   * There is news of a newer state while a refresh runs: a remote that says nothing for some seconds is
   * given up, and the refresh fails. One that is alive goes on.
   */
  readonly hurry: () => void;
  /** Whether a commit has reached us with some refresh. */
  readonly hasCommit: (commit: string) => Promise<boolean>;
  /** Whether `next` was made on top of `previous`; false after a force push. */
  readonly isAncestor: (previous: string, next: string) => Promise<boolean>;
  /** The state that was last published, from before a restart; undefined if none is kept. */
  readonly recall: () => Promise<Snapshot | undefined>;
  /** Keeps a state as the last published one. */
  readonly keep: (snapshot: Snapshot) => Promise<void>;
  /**
   * The last commit up to `commit` that changed a path of the published subtree, or anything below
   * it; undefined where none did, or where there is no history. May take seconds. Throws a
   * SourceError.
   */
  readonly lastChange: (commit: string, path: string) => Promise<HistoryChange | undefined>;
  /** Calls back, debounced, when the source says itself that it changed. Gives the way to stop. */
  readonly watch: (onChange: () => void, onError: (error: Error) => void) => () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** One state of a source, to be gone through once. */
export type Pass = Pick<Snapshot, 'commit' | 'entries' | 'count' | 'read' | 'close'>;

/** A source that need not be followed. */
export type ReadableSource = Pick<Source, 'kind' | 'location' | 'close'> & {
  readonly refresh: () => Promise<Pass>;
};

/** The source cannot be reached or read: disk, git, network. The message is for people. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  /** What to do about it. */
  readonly hint: string | undefined;
  constructor(message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.hint = options.hint;
  }
}

/** Who brought a state, as its newest commit says; nobody has checked it. */
export interface StateOrigin {
  /** In full; undefined for a directory. */
  readonly commit?: string | undefined;
  /** `Name <email>`. */
  readonly author?: string | undefined;
  /** The same of who made the commit of what the author wrote. */
  readonly committer?: string | undefined;
  /** When that was, ISO 8601. */
  readonly committedAt?: string | undefined;
}

/**
 * A state costs more than its budget: it is refused as a whole, whoever asks again, and the last good
 * one is served on. The message names the budget, what there was, and the option that raises it.
 */
export class StateRefusedError extends Error {
  override readonly name = 'StateRefusedError';
  readonly hint: string | undefined;
  readonly origin: StateOrigin;
  constructor(message: string, origin: StateOrigin, hint?: string) {
    super(message);
    this.hint = hint;
    this.origin = origin;
  }
}
