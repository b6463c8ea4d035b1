import { makeTemporary, removeTemporary } from '../../test/kit/temporary.ts';

/** What a measurement has started or made, ended in reverse order when it is done or fails. */
export interface CleanupScope {
  /** Makes a directory that lasts as long as the scope. */
  readonly directory: () => Promise<string>;
  /** Keeps something until the scope ends. */
  readonly keep: <T extends { readonly stop: () => Promise<void> }>(started: T) => T;
}

/** Runs a measurement, and whatever comes of it leaves no process and no directory behind. */
export async function withCleanup<T>(measure: (scope: CleanupScope) => Promise<T>): Promise<T> {
  const endings: (() => Promise<void>)[] = [];
  const scope: CleanupScope = {
    directory: async () => {
      const path = await makeTemporary();
      endings.push(async () => removeTemporary(path));
      return path;
    },
    keep: (started) => {
      endings.push(async () => started.stop());
      return started;
    },
  };
  try {
    return await measure(scope);
  } finally {
    for (const end of endings.toReversed()) await end();
  }
}
