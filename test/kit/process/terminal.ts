import { type Background, startBackground } from './background.ts';

/** Starts a command under a pseudo-terminal, where standard output and standard error are one. */
export async function startOnTerminal(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Background> {
  const words = command.map((word) => `'${word}'`).join(' ');
  return startBackground('script', ['-qefc', words, '/dev/null'], { env });
}
