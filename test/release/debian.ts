/**
 * A whole Debian 13 for `npm run release:try`, made by mmdebstrap, and what that needs: root, Debian with
 * mmdebstrap, buildah, skopeo and docker-registry, and the mirrors of Debian and npm.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Background } from '../kit/process/background.ts';
import { run, runOrThrow } from '../kit/process/run.ts';

/** For what downloads, on a machine with much else to do. Milliseconds. */
export const PATIENCE = 1_200_000;
const SUITE = 'trixie';
/** As Debian's own images for containers have it: downloads are not kept. */
const CLEAN = [
  'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };',
  'Dir::Cache::pkgcache "";',
  'Dir::Cache::srcpkgcache "";',
].join('\\n');

/** Throws with what to install where a program is missing. */
export async function needPrograms(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { code } = await run('sh', ['-c', `command -v ${name}`]);
    if (code !== 0)
      throw new Error(`release:try needs ${name}: apt-get install ${names.join(' ')}`);
  }
  if (process.getuid?.() !== 0)
    throw new Error('release:try makes and enters roots: run it as root');
}

/** Makes the smallest Debian with some more packages, as a directory or, ending in `.tar`, an archive. */
export async function makeDebian(path: string, packages: readonly string[]): Promise<void> {
  const clean = `--customize-hook=printf '${CLEAN}\\n' >"$1/etc/apt/apt.conf.d/clean"`;
  const args = ['--mode=root', '--variant=minbase', `--include=${packages.join()}`, clean];
  await runOrThrow('mmdebstrap', [...args, SUITE, path], { timeout: PATIENCE });
}

/** Downloads a package of that Debian, and gives the directory into which it was unpacked. */
export async function unpackPackage(directory: string, name: string): Promise<string> {
  const lists = join(directory, 'lists');
  const unpacked = join(directory, name);
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(unpacked);
  const sources = join(directory, 'sources.list');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  await writeFile(
    sources,
    `deb [signed-by=${keyring}] http://deb.debian.org/debian ${SUITE} main\n`,
  );
  const options = [
    `Dir::Etc::SourceList=${sources}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${lists}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  const apt = async (...words: readonly string[]) =>
    runOrThrow('apt-get', [...options, '-q', ...words], { cwd: unpacked, timeout: PATIENCE });
  await apt('update');
  await apt('download', name);
  const [file = ''] = await readdir(unpacked);
  await runOrThrow('dpkg-deb', ['--extract', join(unpacked, file), unpacked]);
  return unpacked;
}

/**
 * Starts with `$1` as the root of a shell's script: a file system that can be entered and left, with /proc and
 * /dev. For `unshare --mount`.
 */
export const MOUNT_ROOT = `
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
`;

/** Ends what `unshare --fork` runs, and not unshare, which would take it down at once. Gives the exit code. */
export async function stopInside(started: Background): Promise<number | null> {
  const { stdout } = await runOrThrow('ps', ['-o', 'pid=', '--ppid', `${started.pid}`]);
  process.kill(Number(stdout), 'SIGTERM');
  return started.ended();
}

/** A line of what was found out. */
export function tell(what: string): void {
  process.stdout.write(`      ${what}\n`);
}
