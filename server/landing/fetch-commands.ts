// Commands for a node: what it fetches from the store, and where it goes.
import { dirname, join } from 'node:path/posix';
import { formatStoreUrl } from '../../generator/nodes/store-url.ts';
import { toShellWord } from '../../generator/terms/text.ts';
import type { Download } from './downloads.ts';
import type { PageFacts } from './page-facts.ts';

/** Commands that fetch files which a node may have already: what was there first is kept beside them. */
export function fetchWithBackup(
  downloads: readonly Download[],
  facts: Pick<PageFacts, 'url'>,
): string {
  const backups = downloads.map(({ installedAt = '' }) => {
    // Clients read no file that ends so.
    const [file, before] = [toPath(installedAt), toPath(`${installedAt}.before`)];
    // Done again, it keeps the first one; a node may have had none.
    return `[ -e ${before} ] || [ ! -e ${file} ] || cp -p ${file} ${before}`;
  });
  return [...backups, fetchAll(downloads, facts)].join('\n');
}

/** Commands that put files in their places. */
export function fetchAll(downloads: readonly Download[], { url }: Pick<PageFacts, 'url'>): string {
  const directories = new Set(downloads.map(({ installedAt = '' }) => dirname(installedAt)));
  const made = [...directories].map((directory) => `install -d -m 755 ${toPath(directory)}`);
  const fetched = downloads.map(({ path, installedAt = '' }) =>
    fetchTo(installedAt, formatStoreUrl(url, path)),
  );
  return [...made, ...fetched].join('\n');
}

/** A broken transfer leaves the file as it was, and users other than root can read it. */
function fetchTo(place: string, address: string): string {
  // Clients read no file that ends so.
  const fresh = toPath(join(dirname(place), 'lookaside.new'));
  return `curl -fsS -o ${fresh} \\
  ${toShellWord(address)} &&
  chmod 644 ${fresh} &&
  mv -f ${fresh} ${toPath(place)}`;
}

function toPath(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : toShellWord(path);
}

/** The command that shows keys with their fingerprints. */
export function showKeys(keys: readonly Download[]): string {
  const [first] = keys;
  const paths =
    keys.length === 1 && first ? first.installedAt : '/etc/pki/containers/lookaside*.asc';
  return `gpg --show-keys ${paths}`;
}
