// `npm run bench`: measures the built program and its peers in one run on the same data. Progress
// goes to stderr, tables to stdout; exit 1 when a part failed, 2 for wrong use or missing programs.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../generator/terms/errors.ts';
import { runOrThrow } from '../../test/kit/process/run.ts';
import { openData } from './data/open-data.ts';
import { describeMachine } from './machine.ts';
import { type Options, USAGE, readOptions } from './options.ts';
import { PARTS } from './parts.ts';
import { formatPart } from './report/format-tables.ts';
import { formatMachine } from './report/format-results.ts';
import { mergeResults } from './report/merge-results.ts';
import { readDocs, writeDocs } from './report/write-docs.ts';
import { runParts } from './run-parts.ts';
import { type Tool, describeMissing } from './tools.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCS = join(ROOT, 'docs');
/** Peers that are left out where they are not installed. */
const OPTIONAL_TOOLS: readonly Tool[] = ['caddy'];

// What is made must be readable for servers that drop their rights.
process.umask(0o022);
const options = read();
process.exitCode = options ? await bench(options) : 2;

function read(): Options | undefined {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\n${USAGE}`);
    return undefined;
  }
}

async function bench({ parts, isFull, writesDocs, builds, data, json }: Options): Promise<number> {
  const started = performance.now();
  const say = (line: string): void => {
    const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
  const chosen = parts.map((name) => PARTS[name]);
  const tools = chosen.flatMap((part): readonly Tool[] => part.tools);
  const missing = describeMissing(tools);
  if (missing !== undefined) {
    process.stderr.write(`bench: ${missing}\n`);
    return 2;
  }
  const machine = await describeMachine([...tools, ...OPTIONAL_TOOLS]);
  const older = writesDocs ? await readDocs(DOCS) : undefined;
  if (builds) await runOrThrow('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  const opened = await openData(data, say);

  process.stdout.write(`${formatMachine(machine)}\n\n`);
  const { results, failed } = await runParts(chosen, { data: opened, isFull, say }, (result) =>
    process.stdout.write(`${formatPart(result)}\n\n`),
  );
  const all = { format: 1 as const, machine, parts: [...results] };
  await mkdir(dirname(json), { recursive: true });
  await writeFile(json, `${JSON.stringify(all, undefined, 2)}\n`);
  const goals = results.flatMap((result) => result.goals);
  say(
    `${goals.filter((goal) => goal.isMet).length} of ${goals.length} goals met; results in ${json}`,
  );
  if (failed.length > 0) {
    process.stderr.write(`bench: failed: ${failed.join(', ')}\n`);
    return 1;
  }
  if (writesDocs) await writeDocs(DOCS, mergeResults(older, all));
  return 0;
}
