// A temporary directory that is removed by the process that made it, or, if that was killed, by the
// next one that makes such a directory. Its name says whose it is: only directories of the same user
// are removed, with a name of ours, whose process is gone. Processes of other containers only look
// gone, so their directories are left alone.
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
  // A failure to tidy up is no reason not to work.
  await removeAbandoned(base, namespace, (await lstat(made)).uid).catch(() => undefined);
  return made;
}

async function removeAbandoned(base: string, namespace: string, user: number): Promise<void> {
  // Without /proc we cannot know which processes are gone.
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

/** The namespace of process numbers: which processes this one can see. */
async function readNamespace(): Promise<string> {
  const link = await readlink('/proc/self/ns/pid').catch(() => '');
  return /^pid:\[([0-9]+)\]$/.exec(link)?.[1] ?? UNKNOWN;
}
