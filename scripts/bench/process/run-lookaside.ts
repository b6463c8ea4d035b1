import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { killGroup, trackGroup } from '../../../test/kit/process/process-group.ts';
import { lookasideEnvironment } from './lookaside-environment.ts';
import { MAIN_FILE } from './main-file.ts';
import { readPeak, readResident } from './proc.ts';

export interface LookasideRun {
  readonly stdout: string;
  /** From its start to its end. */
  readonly seconds: number;
  /** The most memory that it and its children were resident with, in bytes. */
  readonly peak: number;
}

const LOOK_EVERY = 20;

/** How a run differs from a plain one. */
interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** 0 unless told. */
  readonly exitCode?: number;
}

/** Runs `lookaside …` to its end. Throws with its words if it ends with another exit code. */
export async function runLookaside(
  args: readonly string[],
  home: string,
  { environment, exitCode = 0 }: RunOptions = {},
): Promise<LookasideRun> {
  const started = performance.now();
  const child = spawn(process.execPath, [MAIN_FILE, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...lookasideEnvironment(home), ...environment },
  });
  const pid = child.pid ?? 0;
  trackGroup(pid);
  let peak = 0;
  // The kernel keeps the peak of each process, so that nothing is missed between two looks but at
  // the very end.
  const looking = setInterval(() => {
    peak = Math.max(peak, readPeak(pid), readResident(pid));
  }, LOOK_EVERY);
  try {
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    const seconds = (performance.now() - started) / 1000;
    if (child.exitCode === exitCode) return { stdout, seconds, peak };
    throw new Error(`lookaside ${args.join(' ')}: exit code ${child.exitCode}\n${stderr}`);
  } finally {
    clearInterval(looking);
    killGroup(pid);
  }
}
