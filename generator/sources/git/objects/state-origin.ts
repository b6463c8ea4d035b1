// Who brought a state, as its newest commit says, for the message when a state is refused. A commit may
// be as large as a push: only its first bytes are read.
import { toPrintable } from '../../../terms/text.ts';
import type { StateOrigin } from '../../source.ts';
import { type GitEnvironment, readGit } from '../processes/git-child.ts';

/** The author comes after the tree and the parents, which take less in any honest merge. Bytes. */
const HEADER_LENGTH = 64 * 1024;
/** How long git may take to show one commit. Milliseconds. */
const PATIENCE = 10_000;
/** Characters of a name, and of an address. */
const MAX_NAME_LENGTH = 100;

/**
 * Reads the author of a commit, named in full, from the clone at `directory`: `Name <email>`,
 * printable and cut. Without the author where git cannot tell. Never rejects.
 */
export async function readOrigin(
  directory: string,
  environment: GitEnvironment,
  commit: string,
): Promise<StateOrigin> {
  const header = await readHeader(directory, environment, commit).catch(() => '');
  const author = parseAuthor(header);
  return { commit, ...(author !== undefined && { author }) };
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

function parseAuthor(untrustedHeader: string): string | undefined {
  const [headers = ''] = untrustedHeader.split('\n\n', 1);
  const line = headers.split('\n').find((one) => one.startsWith('author '));
  const [name = '', rest] = line?.slice('author '.length).split('<', 2) ?? [];
  if (rest === undefined) return undefined;
  const [email = ''] = rest.split('>', 1);
  return `${cut(name.trim())} <${cut(email.trim())}>`;
}

function cut(text: string): string {
  const characters = text.slice(0, MAX_NAME_LENGTH);
  return toPrintable(text.length > MAX_NAME_LENGTH ? `${characters}…` : characters);
}
