import { availableParallelism } from 'node:os';
import { runOrThrow } from '../../../test/kit/process/run.ts';
import { toolPath } from '../tools.ts';

/** Runs a command once for each list of arguments, so many at a time. Seconds. */
export async function runEach(
  command: readonly string[],
  lists: readonly (readonly string[])[],
  env: Readonly<Record<string, string>> = {},
  atATime = availableParallelism(),
): Promise<number> {
  const [first = []] = lists;
  const input = lists.flatMap((list) => list.map((argument) => `${argument}\0`)).join('');
  const options = ['-0', `-n${first.length}`, `-P${atATime}`];
  const started = performance.now();
  // Fails when any of the commands does.
  await runOrThrow(toolPath('xargs'), [...options, ...command], { input, env, timeout: 300_000 });
  return (performance.now() - started) / 1000;
}
