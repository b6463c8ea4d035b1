// The two long-lived processes that read a clone: one tells types and sizes, the other gives
// contents, so that nothing is read before its size is known.
import type { Environment } from '../processes/git-child.ts';
import { type CatFile, openCatFile } from './cat-file.ts';
import type { Missing } from './left-out.ts';

export interface GitObjects {
  readonly directory: string;
  readonly environment: Environment;
  /** Brings what the clone lacks; undefined where nothing can. */
  readonly missing: Missing | undefined;
  /** Types and sizes of objects, by any name that git resolves. */
  readonly sizes: CatFile;
  /** Whole objects; starts when it is first asked for. */
  readonly contents: () => CatFile;
  /** Lets others go before them from now on: what follows are refreshes, for which nobody waits. */
  readonly giveWay: () => void;
  readonly hasEnded: () => boolean;
  readonly close: () => Promise<void>;
}

/** Starts them. `ending` stops them at once. */
export function openGitObjects(
  directory: string,
  environment: Environment,
  ending: AbortSignal | undefined,
  missing?: Missing,
): GitObjects {
  const sizes = openCatFile(directory, environment, '--batch-check');
  let opened: CatFile | undefined;
  let closed = false;
  let isGivingWay = false;
  const openContents = (): CatFile => {
    const started = openCatFile(directory, environment, '--batch');
    if (isGivingWay) started.giveWay();
    return started;
  };
  const contents = (): CatFile => {
    opened ??= openContents();
    if (closed || ending?.aborted) opened.kill();
    return opened;
  };
  const kill = (): void => {
    sizes.kill();
    opened?.kill();
  };
  if (ending?.aborted) kill();
  ending?.addEventListener('abort', kill, { once: true });
  return {
    directory,
    environment,
    missing,
    sizes,
    contents,
    giveWay: () => {
      if (isGivingWay) return;
      isGivingWay = true;
      sizes.giveWay();
      opened?.giveWay();
    },
    hasEnded: () => sizes.hasEnded() || opened?.hasEnded() === true,
    close: async () => {
      closed = true;
      ending?.removeEventListener('abort', kill);
      await Promise.all([sizes.close(), opened?.close()]);
    },
  };
}
