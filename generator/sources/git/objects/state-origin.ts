// Who brought a state, as its newest commit says, for the message when a state is refused. A commit may
// be as large as a push: only its first bytes are read.
import { formatTime, toPrintable } from '../../../terms/text.ts';
import type { StateOrigin } from '../../source.ts';
import { type GitEnvironment, readGit } from '../processes/git-child.ts';

/** The author comes after the tree and the parents, which take less in any honest merge. Bytes. */
const HEADER_LENGTH = 64 * 1024;
/** How long git may take to show one commit. Milliseconds. */
const PATIENCE = 10_000;
/** Characters of a name, and of an address. */
const MAX_NAME_LENGTH = 100;

/**
 * Reads who made a commit, named in full, from the clone at `directory`: `Name <email>`, printable and
 * cut. Without what git cannot tell. Never rejects.
 */
export async function readOrigin(
  directory: string,
  environment: GitEnvironment,
  commit: string,
): Promise<StateOrigin> {
  const header = await readHeader(directory, environment, commit).catch(() => '');
  const author = parsePerson(header, 'author');
  const committer = parsePerson(header, 'committer');
  return {
    commit,
    ...(author && { author: author.name }),
    ...(committer && { committer: committer.name }),
    ...(committer?.at !== undefined && { committedAt: committer.at }),
  };
}

async function readHeader(
  directory: string,
  environment: GitEnvironment,
  commit: string,
): Promise<string> {
  const git = readGit(
    directory,
    environment,
    ['cat-file', 'commit', commit],
    AbortSignal.timeout(PATIENCE),
  );
  let header = Buffer.alloc(0);
  for await (const chunk of git) {
    header = Buffer.concat([header, chunk]);
    if (header.includes('\n\n') || header.length > HEADER_LENGTH) break;
  }
  return header.toString();
}

/** What a header says of somebody, and when it says that was. */
function parsePerson(
  untrustedHeader: string,
  role: 'author' | 'committer',
): { readonly name: string; readonly at: string | undefined } | undefined {
  const [headers = ''] = untrustedHeader.split('\n\n', 1);
  const line = headers.split('\n').find((one) => one.startsWith(`${role} `));
  const [name = '', rest] = line?.slice(role.length + 1).split('<', 2) ?? [];
  if (rest === undefined) return undefined;
  const [email = '', time = ''] = rest.split('>', 2);
  const [, seconds] = /^ (\d{1,12}) /.exec(time) ?? [];
  const at = seconds === undefined ? undefined : formatTime(Number(seconds) * 1000);
  return { name: `${cut(name.trim())} <${cut(email.trim())}>`, at };
}

function cut(text: string): string {
  const characters = text.slice(0, MAX_NAME_LENGTH);
  return toPrintable(text.length > MAX_NAME_LENGTH ? `${characters}…` : characters);
}
