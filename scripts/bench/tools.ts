import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from '../../test/kit/process/run.ts';

/** Programs that parts need: their Debian packages, and how they say their version. */
const TOOLS = {
  git: { package: 'git', version: ['--version'] },
  nginx: { package: 'nginx-light', version: ['-v'] },
  apache2: { package: 'apache2', version: ['-v'] },
  caddy: { package: 'caddy', version: ['version'] },
  wrk: { package: 'wrk', version: ['-v'] },
  gpg: { package: 'gnupg', version: ['--version'] },
  gpgv: { package: 'gpgv', version: ['--version'] },
  skopeo: { package: 'skopeo', version: ['--version'] },
  openssl: { package: 'openssl', version: ['version'] },
  bzip2: { package: 'bzip2', version: ['--version'] },
  haproxy: { package: 'haproxy', version: ['-v'] },
  unshare: { package: 'util-linux', version: ['--version'] },
  xargs: { package: 'findutils', version: ['--version'] },
} as const satisfies Record<string, { package: string; version: readonly string[] }>;

export type Tool = keyof typeof TOOLS;

/** The absolute path of a tool, or undefined where there is none. */
export function findTool(tool: Tool, path = process.env['PATH'] ?? ''): string | undefined {
  // Servers lie in sbin, which is not on every user's PATH.
  for (const directory of [...path.split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const file = join(directory, tool);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there: look on.
    }
  }
  return undefined;
}

/** The absolute path of a tool. Throws where there is none. */
export function toolPath(tool: Tool): string {
  const path = findTool(tool);
  if (path === undefined) throw new Error(`${tool} is not installed`);
  return path;
}

/** What to say of tools that are missing; undefined if none is. */
export function describeMissing(
  tools: readonly Tool[],
  find: (tool: Tool) => string | undefined = (tool) => findTool(tool),
): string | undefined {
  const missing = [...new Set(tools)].filter((tool) => find(tool) === undefined);
  if (missing.length === 0) return undefined;
  const packages = [...new Set(missing.map((tool) => TOOLS[tool].package))];
  return `not installed: ${missing.join(', ')}\nhint: apt-get install ${packages.join(' ')}`;
}

/** The versions of those tools that are there, by their names. */
export async function readVersions(tools: readonly Tool[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const tool of new Set(tools)) {
    const path = findTool(tool);
    if (path === undefined) continue;
    // Some say it on stderr, and one of them then fails.
    const { stdout, stderr } = await run(path, TOOLS[tool].version);
    const [version] = /\d+(?:\.\d+)+\S*/.exec(stdout + stderr) ?? [];
    if (version !== undefined) versions[tool] = version.replace(/[,)]+$/, '');
  }
  return versions;
}
