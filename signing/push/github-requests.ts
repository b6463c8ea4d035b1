// Pull requests on GitHub, or GitHub Enterprise Server, by its REST API.
import { messageOf } from '../../generator/terms/errors.ts';
import { toLine } from '../../generator/terms/text.ts';
import { RepositoryError } from '../target/repository-error.ts';
import { GITHUB, type HostedRepository, type RequestText, compareLink } from '../target/forge.ts';

/** Milliseconds. */
const PATIENCE = 30_000;

/**
 * Opens the request and gives its address.
 * @throws RepositoryError where GitHub does not open it
 */
export async function openGithubRequest(
  hosted: HostedRepository,
  token: string,
  branch: string,
  request: RequestText,
): Promise<string> {
  const { target, title, description } = request;
  const link = compareLink(hosted, request, branch);
  try {
    const body = JSON.stringify({ title, body: description, head: branch, base: target });
    const answer = await ask(hosted, token, 'POST', '', body);
    return textIn(answer, 'html_url') ?? link;
  } catch (cause) {
    const hint = `the branch is pushed; open the request by hand: ${link}`;
    const message = `no pull request could be opened for ${branch}: ${messageOf(cause)}`;
    throw new RepositoryError(message, { hint, cause });
  }
}

/**
 * The address of an open request for a branch; undefined for none.
 * @throws RepositoryError where GitHub does not say
 */
export async function findGithubRequest(
  hosted: HostedRepository,
  token: string,
  branch: string,
  request: RequestText,
): Promise<string | undefined> {
  const [owner = ''] = hosted.path.split('/', 1);
  const wanted = { state: 'open', head: `${owner}:${branch}`, base: request.target };
  try {
    const answer = await ask(hosted, token, 'GET', `?${new URLSearchParams(wanted)}`);
    const [first]: readonly unknown[] = Array.isArray(answer) ? answer : [];
    return textIn(first, 'html_url');
  } catch (cause) {
    const hint = `the branch is there; look for it by hand: ${compareLink(hosted, request, branch)}`;
    const message = `no pull request could be looked up for ${branch}: ${messageOf(cause)}`;
    throw new RepositoryError(message, { hint, cause });
  }
}

/** What the API says of pull requests; throws for anything but success. */
async function ask(
  { origin, host, path }: HostedRepository,
  token: string,
  method: 'GET' | 'POST',
  query: string,
  body?: string,
): Promise<unknown> {
  const api = host === GITHUB ? `https://api.${GITHUB}` : `${origin}/api/v3`;
  const response = await fetch(`${api}/repos/${path}/pulls${query}`, {
    method,
    headers: {
      Accept: 'application/vnd.github+json',
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      'User-Agent': 'lookaside',
      'X-GitHub-Api-Version': '2022-11-28',
    },
    ...(body !== undefined && { body }),
    signal: AbortSignal.timeout(PATIENCE),
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.status === (method === 'POST' ? 201 : 200)) return answer;
  throw new Error(`${response.status} ${toLine(textIn(answer, 'message') ?? '')}`.trim());
}

/** A text in an answer; undefined where it is none. */
function textIn(answer: unknown, name: string): string | undefined {
  const found: unknown =
    typeof answer === 'object' && answer !== null
      ? Object.getOwnPropertyDescriptor(answer, name)?.value
      : undefined;
  return typeof found === 'string' ? found : undefined;
}
