import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseUrl } from '../../generator/terms/text.ts';

/** `[user@]host:path`, which git reads as ssh. */
const SCP = /^([^/:\s]+):(.+)$/s;

/** A source as a URI, which tells it from others: that of a path has the scheme `file`. */
export function toSourceUri({
  kind,
  location,
}: {
  readonly kind: 'git' | 'directory';
  readonly location: string;
}): string {
  if (kind === 'directory' || location.startsWith('/'))
    return pathToFileURL(resolve(location)).href;
  const [, host, path = ''] = (location.includes('://') ? null : SCP.exec(location)) ?? [];
  const text = host === undefined ? location : `ssh://${host}/${path.replace(/^\/+/, '')}`;
  return parseUrl(text)?.href ?? pathToFileURL(resolve(location)).href;
}
