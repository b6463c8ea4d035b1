import type { Entry, FileEntry, Snapshot, Source } from '../../../generator/sources/source.ts';

/** One state of a source: files by path. */
export interface State {
  readonly commit: string;
  readonly files: Readonly<Record<string, string>>;
}

/** A source in memory that does as the test says. */
export interface MemorySource extends Source {
  /** What the next refresh brings. */
  state: State;
  /** Runs in every refresh, before it answers: may wait, may throw. */
  onRefresh: () => Promise<void> | void;
  /** Runs when changes or entries are listed. */
  onList: () => Promise<void> | void;
  /** Runs when a file is read. */
  onRead: () => Promise<void> | void;
  /** Runs when a state is noted. */
  onKeep: () => Promise<void> | void;
  onHasCommit: (commit: string) => Promise<boolean> | boolean;
  recalled: State | undefined;
  readonly kept: string[];
  readonly count: {
    refreshes: number;
    running: number;
    mostRunning: number;
    open: number;
    hurried: number;
  };
}

export function createMemorySource(state: State): MemorySource {
  const files = new WeakMap<Snapshot, State['files']>();
  const openSnapshot = ({ commit, files: own }: State): Snapshot => {
    const entries = Object.entries(own).map(([path, text]) => toEntry(path, text));
    source.count.open++;
    const snapshot: Snapshot = {
      commit,
      entries: async function* () {
        await source.onList();
        yield* entries;
      },
      count: async () => entries.length,
      changesSince: async function* (previous) {
        await source.onList();
        const before = files.get(previous) ?? {};
        for (const entry of entries) if (before[entry.path] !== own[entry.path]) yield entry;
        for (const path of Object.keys(before)) if (!(path in own)) yield { kind: 'removed', path };
      },
      read: async ({ path }) => {
        await source.onRead();
        return Buffer.from(own[path] ?? '');
      },
      close: async () => {
        source.count.open--;
      },
    };
    files.set(snapshot, own);
    return snapshot;
  };
  const source: MemorySource = {
    state,
    onRefresh: () => undefined,
    onList: () => undefined,
    onRead: () => undefined,
    onKeep: () => undefined,
    onHasCommit: (commit) => commit === source.state.commit,
    recalled: undefined,
    kept: [],
    count: { refreshes: 0, running: 0, mostRunning: 0, open: 0, hurried: 0 },
    kind: 'git',
    location: 'memory',
    branch: () => 'main',
    refresh: async () => {
      const { count } = source;
      count.refreshes++;
      count.mostRunning = Math.max(count.mostRunning, ++count.running);
      try {
        await source.onRefresh();
        return openSnapshot(source.state);
      } finally {
        count.running--;
      }
    },
    hurry: () => void source.count.hurried++,
    hasCommit: async (commit) => source.onHasCommit(commit),
    isAncestor: async (previous, next) => previous < next,
    recall: async () => source.recalled && openSnapshot(source.recalled),
    keep: async ({ commit = '' }) => {
      await source.onKeep();
      source.kept.push(commit);
    },
    lastChange: async () => undefined,
    watch: () => async () => undefined,
    close: async () => undefined,
  };
  return source;
}

function toEntry(path: string, text: string): FileEntry & Entry {
  return { kind: 'file', path, size: text.length, id: text };
}
