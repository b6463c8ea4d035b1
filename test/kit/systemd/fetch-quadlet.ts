/**
 * Podman's generator of units. Where the machine's Podman has none, or an old one, it comes out of Debian's next
 * release: its package is downloaded with an apt configuration of its own, and not installed.
 */
import { access, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, runOrThrow } from '../process/run.ts';

const INSTALLED = ['/usr/libexec/podman/quadlet', '/usr/lib/podman/quadlet'];
const INSIDE = './usr/libexec/podman/quadlet';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const RELEASE = 'trixie';

/** Its path; undefined where it cannot be fetched. Writes to a directory that it has for itself. */
export async function fetchQuadlet(directory: string): Promise<string | undefined> {
  for (const path of INSTALLED) if (await isThere(path)) return path;
  try {
    return await download(directory);
  } catch (error) {
    console.log(`cannot fetch Quadlet: ${String(error)}`);
    return undefined;
  }
}

async function download(directory: string): Promise<string> {
  const at = (path: string): string => join(directory, path);
  await Promise.all(
    ['lists/partial', 'archives/partial'].map(async (path) => mkdir(at(path), { recursive: true })),
  );
  await writeFile(at('status'), '');
  const source = `deb [signed-by=${KEYRING}] ${await findMirror()} ${RELEASE} main\n`;
  await writeFile(at('sources.list'), source);
  const settings = [
    `Dir::Etc::SourceList=${at('sources.list')}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${at('lists')}`,
    `Dir::State::Status=${at('status')}`,
    `Dir::Cache=${directory}`,
    'Acquire::Languages=none',
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const apt = async (...args: readonly string[]): Promise<unknown> =>
    runOrThrow('apt-get', [...settings, '--quiet', ...args], { cwd: directory });
  await apt('update');
  await apt('download', 'podman');
  const deb = (await readdir(directory)).find((name) => name.endsWith('.deb')) ?? '';
  await runOrThrow('sh', ['-c', 'dpkg --fsys-tarfile "$1" | tar -x "$2"', 'sh', deb, INSIDE], {
    cwd: directory,
  });
  return at(INSIDE);
}

/** The one that this machine uses. */
async function findMirror(): Promise<string> {
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)']);
  const mirror = stdout.split('\n').find((uri) => /\/debian\/?$/.test(uri));
  return mirror ?? 'http://deb.debian.org/debian/';
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
