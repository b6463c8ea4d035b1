import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { GIT_ENVIRONMENT } from './git.ts';

/** A commit for git-fast-import(1). */
export interface ImportedCommit {
  readonly message: string;
  /** The branch that it goes to, on top of what is there. */
  readonly ref: string;
  /** The commit that a new branch starts from; a branch that is there goes on. */
  readonly from?: string;
  readonly files: AsyncIterable<ImportedFile> | Iterable<ImportedFile>;
}

export interface ImportedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const AUTHOR = 'Bench <bench@example.test> 1750000000 +0000';
/** Kept loose below this many objects, as a push leaves them. */
const UNPACK_LIMIT = 2000;
const NEWLINE = Buffer.from('\n');

/** Adds commits to a repository without a work tree. Gives their object names, in order. */
export async function fastImport(
  repository: string,
  commits: readonly ImportedCommit[],
): Promise<readonly string[]> {
  const child = spawn(
    'git',
    ['-c', `fastimport.unpackLimit=${UNPACK_LIMIT}`, 'fast-import', '--quiet'],
    { cwd: repository, env: { ...process.env, ...GIT_ENVIRONMENT } },
  );
  const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  // A git that ends before it has read all is judged by its exit code.
  await pipeline(Readable.from(formatStream(commits)), child.stdin).catch(() => undefined);
  const [stdout, stderr] = await output;
  if (child.exitCode !== 0) throw new Error(`git fast-import failed: ${stderr}`);
  return stdout.trim().split('\n');
}

async function* formatStream(commits: readonly ImportedCommit[]): AsyncGenerator<Buffer> {
  for (const [index, { ref, from, message, files }] of commits.entries()) {
    const mark = `:${index + 1}`;
    const data = `data ${Buffer.byteLength(message)}\n${message}\n`;
    const start = from === undefined ? '' : `from ${from}\n`;
    yield Buffer.from(`commit ${ref}\nmark ${mark}\ncommitter ${AUTHOR}\n${data}${start}`);
    for await (const { path, bytes } of files) {
      const head = Buffer.from(`M 100644 inline ${path}\ndata ${bytes.length}\n`);
      yield Buffer.concat([head, bytes, NEWLINE]);
    }
    yield Buffer.from(`\nget-mark ${mark}\n`);
  }
}
