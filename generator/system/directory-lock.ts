// Keeps two processes of one machine from working in the same directory. The lock names its holder by
// process number and start time, so the lock of a killed process is recognised and replaced, even in a
// container where everybody is process 1. Processes in different containers cannot see each other and
// are not kept apart.
import { readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../terms/errors.ts';

/** A dangling link: it is created together with its content, by one process only. */
const LOCK = '.lock';
/** Held for a moment by the one process that replaces the lock of a dead one. */
const CLAIM = '.lock.claim';
/** Field of /proc/PID/stat, counted behind the command's closing bracket, that holds the start time. */
const START_TIME_FIELD = 19;

/** Another running process holds the directory. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
  readonly hint = 'give every process its own directory';
  constructor(directory: string, pid: string) {
    super(`${directory} is in use by another lookaside${pid && ` (process ${pid})`}`);
  }
}

/**
 * Locks an existing directory; gives the function that unlocks it.
 * @throws DirectoryInUseError
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const lock = join(directory, LOCK);
  const claim = join(directory, CLAIM);
  const self = (await describeProcess('self')) || 'unknown';
  const unlock = async (): Promise<void> => rm(lock, { force: true });
  let holder: string | undefined;
  while (holder === undefined) {
    if (await create(lock, self)) return unlock;
    holder = await readHolder(lock);
  }
  await assertDead(directory, holder);
  const claimant = await readHolder(claim);
  if (claimant !== undefined) {
    await assertDead(directory, claimant);
    await rm(claim, { force: true });
  }
  // Of all who saw the dead process's lock, the first to claim replaces it. Another may have done so
  // already, and taken its claim away again: so look once more.
  if (!(await create(claim, self))) throw new DirectoryInUseError(directory, '');
  if ((await readHolder(lock)) !== holder) {
    await rm(claim, { force: true });
    throw new DirectoryInUseError(directory, '');
  }
  await rename(claim, lock);
  return unlock;
}

async function create(path: string, holder: string): Promise<boolean> {
  try {
    await symlink(holder, path);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** What the lock says, '' for what is no lock of ours, undefined if nothing is there. */
async function readHolder(path: string): Promise<string | undefined> {
  return readlink(path).catch((error: unknown) => (hasCode(error, 'ENOENT') ? undefined : ''));
}

async function assertDead(directory: string, holder: string): Promise<void> {
  const [pid = ''] = holder.split(' ');
  const isRunning = /^[0-9]+$/.test(pid) && (await describeProcess(pid)) === holder;
  if (isRunning) throw new DirectoryInUseError(directory, pid);
}

/** `PID STARTTIME`, or '' where there is no such process or no /proc. */
export async function describeProcess(pid: string): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[START_TIME_FIELD];
  return startTime === undefined ? '' : `${Number.parseInt(stat, 10)} ${startTime}`;
}
