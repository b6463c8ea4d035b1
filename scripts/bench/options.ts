import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PART_NAMES, type PartName } from './report/result.ts';

export interface Options {
  /** Those asked for, or all. */
  readonly parts: readonly PartName[];
  /** The store of a million too. */
  readonly isFull: boolean;
  /** Whether docs/ shall quote the results. */
  readonly writesDocs: boolean;
  /** Whether the program is built first. */
  readonly builds: boolean;
  /** Where what is measured on is kept. */
  readonly data: string;
  /** Where the results go as JSON. */
  readonly json: string;
}

export const USAGE = `usage: npm run bench -- [PART…] [--full] [--docs] [--data DIR] [--json FILE] [--no-build]
  PART         ${PART_NAMES.join(', ')}; all unless told
  --full       measure a store of a million signatures too (takes long, and 4 GB on disk)
  --docs       have docs/performance.md quote the results
  --data DIR   where the measured repositories are kept between runs
  --json FILE  where the results go; DIR/results.json unless told
  --no-build   measure what is built already
`;

/** Reads the command line. Throws with a sentence for people if it is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
      'no-build': { type: 'boolean', default: false },
      data: {
        type: 'string',
        default: join(tmpdir(), `lookaside-bench-${process.getuid?.() ?? 0}`),
      },
      json: { type: 'string' },
    },
  });
  const unknown = positionals.find((name) => !PART_NAMES.some((part) => part === name));
  if (unknown !== undefined) {
    throw new Error(`expected a part (${PART_NAMES.join(', ')}), got ${JSON.stringify(unknown)}`);
  }
  return {
    parts: PART_NAMES.filter((name) => positionals.length === 0 || positionals.includes(name)),
    isFull: values.full,
    writesDocs: values.docs,
    builds: !values['no-build'],
    data: values.data,
    json: values.json ?? join(values.data, 'results.json'),
  };
}
