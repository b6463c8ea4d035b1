// A page whose shell blocks a reader pastes into one bash, in order.
import { startBackground } from '../kit/process/background.ts';
import type { RunOptions } from '../kit/process/run.ts';

export interface Block {
  readonly commands: string;
  /** Parts of lines that the page shows as its output. */
  readonly shown: readonly string[];
  /** Whether the page says that it fails. */
  readonly mustFail: boolean;
}

export interface Pasted extends Block {
  readonly output: string;
  /** Whether a command failed. */
  readonly failed: boolean;
}

/** A block of commands, and directly behind it what it prints. */
const BLOCK =
  /(?<mark><!-- must fail -->\s*)?^```sh\n(?<commands>.*?)^```$(?:\s*^```\n(?<shown>.*?)^```$)?/gms;
const END = '@@ end of block';

/** The `sh` blocks of a page, each with the output that is shown behind it. */
export function readBlocks(page: string): readonly Block[] {
  return [...page.matchAll(BLOCK)].map(({ groups }) => ({
    commands: groups?.['commands'] ?? '',
    shown: (groups?.['shown'] ?? '').split('\n').filter(Boolean),
    mustFail: groups?.['mark'] !== undefined,
  }));
}

/**
 * Runs blocks in one bash that controls jobs and goes on after a fault, as one into which a reader
 * pastes. What it started and left running is killed.
 */
export async function paste(
  blocks: readonly Block[],
  options: Pick<RunOptions, 'cwd' | 'env'>,
): Promise<readonly Pasted[]> {
  const script = [
    'exec 2>&1',
    'set -m',
    "failed=0; trap 'failed=1' ERR",
    ...blocks.map(({ commands }) => `${commands}printf '\\n${END} %s\\n' $failed; failed=0`),
    'trap - ERR',
    // Jobs have groups of their own, so the end of this one leaves them alone.
    'for job in $(jobs -p); do kill -KILL -- "-$job"; done; true',
  ].join('\n');
  const bash = await startBackground('bash', ['--noprofile', '--norc', '-c', script], options);
  await bash.ended();
  const [, ...ends] = bash.stdout().split(`\n${END} `);
  const outputs = bash.stdout().split(new RegExp(`\n${END} [01]\n`));
  return blocks.map((block, index) => ({
    ...block,
    output: outputs[index] ?? '',
    failed: ends[index]?.startsWith('0') !== true,
  }));
}
