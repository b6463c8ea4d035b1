import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The built program. */
const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** Makes `lookaside` a command, as people have it; returns the PATH that has it first. */
export async function putLookasideInPath(directory: string): Promise<string> {
  const bin = join(directory, 'bin');
  await mkdir(bin, { recursive: true });
  const file = join(bin, 'lookaside');
  await writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(file, 0o755);
  return `${bin}${delimiter}${process.env['PATH'] ?? ''}`;
}
