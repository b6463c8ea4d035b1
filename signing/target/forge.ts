// Git hosts, by how a request to merge is opened there.
import { parseUrl } from '../../generator/terms/text.ts';

export const FORGES = ['github', 'gitlab', 'gitea'] as const;
export type Forge = (typeof FORGES)[number];

/** A repository as its git host knows it. */
export interface HostedRepository {
  /** `https://HOST`, or with http where that is how git gets there. */
  readonly origin: string;
  readonly host: string;
  /** Whether the URL is one of the web. The host in one of ssh may be a name that only ssh knows. */
  readonly isWeb: boolean;
  /** `OWNER/NAME`; with GitLab there may be groups in front. */
  readonly path: string;
}

/** `[user@]host:path`. */
const SCP = /^(?:[^@/]+@)?(?<host>[^/:]+):(?<path>[^/].*)$/;

/** Reads where a repository is hosted from its URL; undefined for one on a disk. */
export function parseHosted(url: string): HostedRepository | undefined {
  const scp = SCP.exec(url)?.groups;
  if (scp && !url.includes('://')) {
    const { host = '', path = '' } = scp;
    return { origin: `https://${host}`, host, isWeb: false, path: trimPath(path) };
  }
  const parsed = parseUrl(url);
  if (!parsed || parsed.hostname === '') return undefined;
  const { protocol, hostname, host, pathname } = parsed;
  // The port of ssh is not that of the web.
  const isWeb = /^https?:$/.test(protocol);
  const origin = isWeb ? `${protocol}//${host}` : `https://${hostname}`;
  return { origin, host: hostname, isWeb, path: trimPath(pathname) };
}

function trimPath(path: string): string {
  return path.replace(/^\/+/, '').replace(/\/*(?:\.git)?\/*$/, '');
}

const NAMES: readonly (readonly [pattern: RegExp, forge: Forge])[] = [
  [/(?:^|\.)github\./, 'github'],
  [/(?:^|\.)gitlab\./, 'gitlab'],
  [/(?:^|\.)(?:gitea|forgejo|codeberg)\./, 'gitea'],
];

/** The kind of git host by the name of the host; undefined where that does not tell. */
export function guessForge({ host }: HostedRepository): Forge | undefined {
  return NAMES.find(([pattern]) => pattern.test(host.toLowerCase()))?.[1];
}

/** Where everybody knows GitHub to be. */
export const GITHUB = 'github.com';

/** Whether it is known whose API a token for this repository would go to. */
export function isApiHost({ isWeb, host }: HostedRepository): boolean {
  return isWeb || host === GITHUB;
}

/** Where a person opens a request for a branch, on GitHub and Gitea. */
export function compareLink(
  { origin, path }: HostedRepository,
  { target }: Pick<RequestText, 'target'>,
  branch: string,
): string {
  return `${origin}/${path}/compare/${target}...${branch}?expand=1`;
}

/** Where open requests are listed: on GitLab those for a branch, on Gitea all. */
export function listLink(
  { origin, path }: HostedRepository,
  forge: 'gitlab' | 'gitea',
  branch: string,
): string {
  if (forge === 'gitea') return `${origin}/${path}/pulls`;
  return `${origin}/${path}/-/merge_requests?${new URLSearchParams({ source_branch: branch })}`;
}

/** What is asked for. */
export interface RequestText {
  /** The branch to merge to. */
  readonly target: string;
  readonly title: string;
  readonly description: string;
}

/**
 * Push options with which GitLab opens a merge request for the branch that is pushed. No value may have
 * a line break; GitLab reads `\n` as one.
 */
export function gitlabOptions({ target, title, description }: RequestText): readonly string[] {
  return [
    'merge_request.create',
    `merge_request.target=${target}`,
    `merge_request.title=${toOneLine(title)}`,
    `merge_request.description=${toOneLine(description)}`,
    'merge_request.remove_source_branch',
  ];
}

/** Push options with which Gitea opens a pull request for what is pushed to `refs/for/BRANCH`. */
export function giteaOptions(
  topic: string,
  { title, description }: RequestText,
): readonly string[] {
  return [`topic=${topic}`, `title=${toOneLine(title)}`, `description=${toOneLine(description)}`];
}

function toOneLine(text: string): string {
  return text.trim().replaceAll(/\r?\n/g, String.raw`\n`);
}
