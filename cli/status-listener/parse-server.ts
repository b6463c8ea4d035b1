// What `--server` names: a running server, by the address of its status listener.
import { parseUrl } from '../../generator/terms/text.ts';
import { UsageError } from '../base/usage-error.ts';

/** What to give where nothing that answers was named. */
export const SERVER_HINT =
  'give the address of its --status-listen, for example http://localhost:8081';

/** The address of a running server; undefined for what is a SOURCE. */
export function parseServer(text: string): URL | undefined {
  if (/^(?:[a-z0-9.-]+|\[[0-9a-f:]+\]):[0-9]+\/?$/i.test(text)) {
    throw new UsageError(
      `--server: expected a URL, got ${JSON.stringify(text)}`,
      `write http://${text}`,
    );
  }
  if (!isServerUrl(text)) return undefined;
  const url = parseUrl(text);
  if (!url)
    throw new UsageError(`--server: expected a URL, got ${JSON.stringify(text)}`, SERVER_HINT);
  if (url.username !== '' || url.password !== '') {
    throw new UsageError('--server: expected no user name or password in the URL', SERVER_HINT);
  }
  if (/[?#]/.test(text)) {
    throw new UsageError('--server: expected no query and no fragment in the URL', SERVER_HINT);
  }
  return url;
}

/** Whether text is taken for a running server, and not for a git repository. */
export function isServerUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && !/\.git\/*$/.test(text);
}
