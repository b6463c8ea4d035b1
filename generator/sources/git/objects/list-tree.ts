import type { Entry } from '../../source.ts';
import { type GitEnvironment, readGit } from '../processes/git-child.ts';
import { NO_SIZE } from './left-out.ts';
import { toEntry } from './tree-entry.ts';

const NUL = 0x00;
const TAB = 0x09;
const SPACE = 0x20;

/**
 * Every file below a tree, with its size (NO_SIZE where it is missing), in the order of git, as it
 * comes. `ending` stops git. Throws a SourceError.
 */
export async function* listTree(
  directory: string,
  environment: GitEnvironment,
  tree: string,
  ending?: AbortSignal,
): AsyncGenerator<Entry[]> {
  const output = readGit(
    directory,
    environment,
    ['ls-tree', '-r', '-z', '-l', '--full-tree', tree],
    ending,
  );
  for await (const records of parseRecords(output)) yield records.map(parseRecord);
}

/** `MODE SP TYPE SP ID SP+ SIZE TAB PATH`, where the size of no blob is `-`, of a missing one `BAD`. */
function parseRecord(record: Buffer): Entry {
  const tab = record.indexOf(TAB);
  const afterType = record.indexOf(SPACE, 7) + 1;
  const afterId = record.indexOf(SPACE, afterType);
  return toEntry(
    record.toString('latin1', 0, 6),
    record.toString('latin1', afterType, afterId),
    readSize(record.toString('latin1', afterId, tab)),
    record.subarray(tab + 1),
  );
}

function readSize(text: string): number {
  return text.endsWith('BAD') ? NO_SIZE : Number(text);
}

/** Cuts a stream into its NUL-terminated records; gives those that end in each chunk. */
async function* parseRecords(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const records: Buffer[] = [];
    let from = 0;
    for (let nul = bytes.indexOf(NUL); nul >= 0; nul = bytes.indexOf(NUL, from)) {
      records.push(bytes.subarray(from, nul));
      from = nul + 1;
    }
    rest = bytes.subarray(from);
    yield records;
  }
}
