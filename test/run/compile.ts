/** All TypeScript of the repository as JavaScript, for the processes of one run (compiled.mjs). */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const ROOMS = ['cli', 'generator', 'server', 'signing', 'scripts', 'test'];
const COMPILED = join(ROOT, 'node_modules/.cache/lookaside-tests');

/** Our reporter in one file: mocha asks for it by `require`, of which compiled.mjs does not hear. */
export const COMPILED_REPORTER = join(COMPILED, 'reporter.mjs');

const OPTIONS = {
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: 'inline',
  sourcesContent: false,
  logLevel: 'error',
} as const;

/** Compiles every file by itself, without a look at its types. Throws where one is no TypeScript. */
export async function compileAll(): Promise<void> {
  const files = ROOMS.flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(ROOT, room, name)),
  );
  await build({ ...OPTIONS, entryPoints: files, outdir: COMPILED, outbase: ROOT });
  await build({
    ...OPTIONS,
    entryPoints: [join(import.meta.dirname, 'reporter.ts')],
    outfile: COMPILED_REPORTER,
    bundle: true,
    packages: 'external',
  });
}
