import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runOrThrow } from '../kit/process/run.ts';
import { toolPath } from '../with-tools.ts';

export const DIRECTORY = 'deploy/monitoring';
export const ALERTS = 'lookaside-alerts.yaml';

/** The text of a file of `deploy/monitoring/`. */
export function readMonitoring(name: string): string {
  return readFileSync(join(DIRECTORY, name), 'utf8');
}

/** Runs promtool, and gives what it says; throws when it complains. */
export async function promtool(args: readonly string[], cwd = DIRECTORY): Promise<string> {
  // It spends an eighth of its time on looking for garbage.
  const env = { GOGC: '400' };
  const { stdout } = await runOrThrow(toolPath('promtool'), args, { cwd, env });
  return stdout;
}
