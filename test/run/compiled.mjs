// For a run of all tests, by `node --import`: TypeScript is compiled at once before (compile.ts), and
// modules keep their addresses. tsx, which compiles one file after another, takes twice the time of the
// processors to load the tests, in each worker.
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const ROOT = new URL('../../', import.meta.url).href;
const COMPILED = new URL('../../node_modules/.cache/lookaside-tests/', import.meta.url).href;

// Node loads this file again in the thread that loads modules.
if (isMainThread) register(import.meta.url);

/** Node's hook: gives what a module is. */
export async function load(url, context, nextLoad) {
  // A package for pipelines imports JSON as bundlers and tsx allow it, without saying that it is JSON.
  if (url.endsWith('.json')) {
    return nextLoad(url, { ...context, importAttributes: { type: 'json' } });
  }
  if (!url.startsWith(ROOT) || !url.endsWith('.ts')) return nextLoad(url, context);
  const file = new URL(`${url.slice(ROOT.length, -'.ts'.length)}.js`, COMPILED);
  return { format: 'module', source: await readFile(file), shortCircuit: true };
}
