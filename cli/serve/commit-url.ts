// Where commits of a source are shown to people, as far as the name of its git host tells.
import { type Forge, guessForge, parseHosted } from '../../signing/target/forge.ts';

/** Behind the address of a repository. */
const PAGES: Readonly<Record<Forge, string>> = {
  github: '/commit/{commit}',
  gitlab: '/-/commit/{commit}',
  gitea: '/commit/{commit}',
};

/** Hosts that take ssh where a firewall stands in the way, by that of the web. */
const WEB_HOSTS: Readonly<Record<string, string>> = {
  'ssh.github.com': 'github.com',
  'altssh.gitlab.com': 'gitlab.com',
};

/** What needs no escaping in a URL. */
const PLAIN_PATH = /^[\w.~/-]+$/;

/**
 * The page of a commit, with `{commit}` where its name goes; undefined where the host does not say what
 * it is. Nothing of the source's user names and passwords is in it.
 */
export function deriveCommitUrl(source: string): string | undefined {
  const hosted = parseHosted(source);
  const forge = hosted && guessForge(hosted);
  if (!hosted || !forge || !PLAIN_PATH.test(hosted.path)) return undefined;
  const web = WEB_HOSTS[hosted.host.toLowerCase()];
  const origin = web === undefined ? hosted.origin : `https://${web}`;
  return `${origin}/${hosted.path}${PAGES[forge]}`;
}
