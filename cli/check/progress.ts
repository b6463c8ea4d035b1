import type { SingleBar } from 'cli-progress';
import type { Snapshot } from '../../generator/sources/source.ts';
import type { ProcessIo } from '../base/process-io.ts';

/** Work shorter than this shows no bar. Milliseconds. */
const PATIENCE = 1000;

/**
 * A bar without colours, on a terminal that waits for long work; on anything else, nothing. `what` is
 * counted.
 */
export function showProgress(
  { count }: Pick<Snapshot, 'count'>,
  { stderr: stream, environment }: Pick<ProcessIo, 'stderr' | 'environment'>,
  what = 'files',
): { step: () => void; stop: () => void } {
  if (!stream.isTTY || environment['TERM'] === 'dumb') {
    return { step: () => undefined, stop: () => undefined };
  }
  let done = 0;
  let stopped = false;
  let bar: SingleBar | undefined;
  const start = async (): Promise<void> => {
    const total = await count();
    const { SingleBar: Bar } = await import('cli-progress');
    if (stopped) return;
    bar = new Bar({
      stream,
      format: `{bar} {percentage}% {value}/{total} ${what}, {eta_formatted} left`,
    });
    bar.start(total, done);
  };
  // A listing that fails here fails in the check itself, which says so.
  const timer = setTimeout(() => void start().catch(() => undefined), PATIENCE);
  return {
    step: () => {
      done++;
      bar?.update(done);
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      bar?.stop();
    },
  };
}
