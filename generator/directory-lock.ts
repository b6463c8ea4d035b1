// Keeps two processes of one machine from working in the same directory. The lock names its
// holder by process number and start time, so one left behind by a killed process, or by a
// container in which everybody is process 1, is recognised and replaced. Processes in
// different containers cannot see each other; they are not kept apart.
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const LOCK = '.lock';
/** Field of /proc/PID/stat, counted behind the command's closing bracket, that holds the start time. */
const START_TIME_FIELD = 19;

/** Another running process holds the directory. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
  readonly hint = 'give every process a directory of its own';
}

/**
 * Locks a directory that exists; gives the way to unlock it.
 * @throws DirectoryInUseError
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, LOCK);
  const self = await describeProcess('self');
  const unlock = async (): Promise<void> => rm(path, { force: true });
  if (await create(path, self)) return unlock;
  const holder = await readFile(path, 'utf8').catch(() => '');
  const [pid = ''] = holder.split(' ');
  const isRunning = holder !== '' && (await describeProcess(pid)) === holder;
  if (isRunning) {
    throw new DirectoryInUseError(`${directory} is in use by another lookaside (process ${pid})`);
  }
  await unlock();
  if (await create(path, self)) return unlock;
  throw new DirectoryInUseError(`${directory} is in use by another lookaside`);
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(content);
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** `PID STARTTIME`, or '' where there is no such process or no /proc. */
async function describeProcess(pid: string): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[START_TIME_FIELD];
  return startTime === undefined ? '' : `${Number.parseInt(stat, 10)} ${startTime}`;
}
