// A temporary directory that goes with the process that made it, or, where that was killed, with the
// next one that makes the like. Its name says whose it is: what goes is only a directory of the same
// user that has a name of ours, and whose process is gone. A process of another container looks gone
// without being so: its directories are left alone.
import { lstat, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeProcess } from './directory-lock.ts';

const NAME =
  /^lookaside-[a-z]+-(?<pid>[0-9]+)-(?<startTime>[0-9]+)-(?<namespace>[0-9]+)-[A-Za-z0-9]{6}$/;

/** Makes one below `base`; `purpose` is a word of small letters. Throws as mkdtemp does. */
export async function makeScratchDirectory(base: string, purpose: string): Promise<string> {
  const [self, namespace] = await Promise.all([describeProcess('self'), readNamespace()]);
  const owner = [...(self || '0 0').split(' '), namespace].join('-');
  const made = await mkdtemp(join(base, `lookaside-${purpose}-${owner}-`));
  // Whoever cannot tidy up can work all the same.
  await removeAbandoned(base, namespace, (await lstat(made)).uid).catch(() => undefined);
  return made;
}

async function removeAbandoned(base: string, namespace: string, user: number): Promise<void> {
  // Without /proc nobody knows who is gone.
  if (namespace === UNKNOWN) return;
  for (const name of await readdir(base)) {
    const found = NAME.exec(name)?.groups;
    if (found?.['namespace'] !== namespace) continue;
    const { pid = '', startTime } = found;
    if ((await describeProcess(pid)) === `${pid} ${startTime}`) continue;
    const path = join(base, name);
    const stats = await lstat(path).catch(() => undefined);
    if (!stats?.isDirectory() || stats.uid !== user) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

const UNKNOWN = '0';

/** Of process numbers: which processes this one can see. */
async function readNamespace(): Promise<string> {
  const link = await readlink('/proc/self/ns/pid').catch(() => '');
  return /^pid:\[([0-9]+)\]$/.exec(link)?.[1] ?? UNKNOWN;
}
