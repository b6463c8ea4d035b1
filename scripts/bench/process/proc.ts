// What Linux says of a process and its descendants (proc(5)).
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

let ticks: number | undefined;

/** Processor time that a process and all its descendants have used so far, in seconds. */
export function readCpuSeconds(pid: number): number {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const used = listTree(pid).map((each) => parseTicks(readOr(`/proc/${each}/stat`, '')));
  return used.reduce((sum, value) => sum + value, 0) / ticks;
}

/** Resident memory of a process and all its descendants now, in bytes. */
export function readResident(pid: number): number {
  const sizes = listTree(pid).map((each) => readField(each, 'VmRSS'));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The most that a process itself was ever resident with, in bytes. */
export function readPeak(pid: number): number {
  return readField(pid, 'VmHWM');
}

/** File descriptors that this process, and what it starts, may have. */
export function readDescriptorLimit(): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readOr('/proc/self/limits', '')) ?? [];
  return Number(soft ?? Infinity);
}

/** utime, stime and those of the children that were waited for, out of a line of `stat`. */
export function parseTicks(stat: string): number {
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

function readField(pid: number, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readOr(`/proc/${pid}/status`, ''));
  return Number(match?.[1] ?? 0) * 1024;
}

/** A process and its descendants, itself first. */
export function listTree(pid: number): readonly number[] {
  const found = [pid];
  // Grows while it is walked.
  for (const each of found) found.push(...listChildren(each));
  return found;
}

/** Children belong to the thread that started them. */
function listChildren(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      const children = readOr(`/proc/${pid}/task/${thread}/children`, '');
      return children.split(' ').filter(Boolean).map(Number);
    });
  } catch {
    return [];
  }
}

/** A process may end while it is looked at. */
function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
