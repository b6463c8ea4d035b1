// Opens a pull request on GitHub, or GitHub Enterprise Server, by its REST API.
import { messageOf } from '../../generator/terms/errors.ts';
import { toLine } from '../../generator/terms/text.ts';
import { RepositoryError } from '../target/repository-error.ts';
import { GITHUB, type HostedRepository, type RequestText } from '../target/forge.ts';

/** Milliseconds. */
const PATIENCE = 30_000;

/** Where a person opens the request. */
export function githubLink(
  { origin, path }: HostedRepository,
  { target }: RequestText,
  branch: string,
): string {
  return `${origin}/${path}/compare/${target}...${branch}?expand=1`;
}

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
  const { origin, host, path } = hosted;
  const api = host === GITHUB ? `https://api.${GITHUB}` : `${origin}/api/v3`;
  const { target, title, description } = request;
  const hint = `the branch is pushed; open the request by hand: ${githubLink(hosted, request, branch)}`;
  const fail = (reason: string, cause?: unknown): never => {
    throw new RepositoryError(`no pull request could be opened for ${branch}: ${reason}`, {
      hint,
      cause,
    });
  };
  const response = await fetch(`${api}/repos/${path}/pulls`, {
    method: 'POST',
    headers: {
      Accept: 'application/vnd.github+json',
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      'User-Agent': 'lookaside',
      'X-GitHub-Api-Version': '2022-11-28',
    },
    body: JSON.stringify({ title, body: description, head: branch, base: target }),
    signal: AbortSignal.timeout(PATIENCE),
  }).catch((cause: unknown) => fail(messageOf(cause), cause));
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.status !== 201)
    fail(`${response.status} ${toLine(textIn(answer, 'message') ?? '')}`.trim());
  return textIn(answer, 'html_url') ?? githubLink(hosted, request, branch);
}

function textIn(answer: unknown, name: string): string | undefined {
  const found: unknown =
    typeof answer === 'object' && answer !== null
      ? Object.getOwnPropertyDescriptor(answer, name)?.value
      : undefined;
  return typeof found === 'string' ? found : undefined;
}
