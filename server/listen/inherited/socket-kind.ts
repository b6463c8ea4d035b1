// What Linux tells of a socket in its tables, which Node has no call for.
import { fstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** A TCP socket is `listening` or `connected`. */
export type SocketKind = 'listening' | 'connected' | 'udp' | 'unix';

/** The column with the inode, and what a socket is in each table (proc(5)). */
const TABLES: readonly (readonly [
  file: string,
  column: number,
  kindOf: (columns: readonly string[]) => SocketKind,
])[] = [
  ['tcp', 9, kindOfTcp],
  ['tcp6', 9, kindOfTcp],
  ['udp', 9, () => 'udp'],
  ['udp6', 9, () => 'udp'],
  ['unix', 6, () => 'unix'],
];
/** TCP_LISTEN (include/net/tcp_states.h), in the fourth column. */
const LISTEN = '0A';

/**
 * What the socket with an inode is. Undefined where it is in no table: one of another network namespace,
 * as in a container, or one on which nobody listens yet.
 */
export async function findSocketKind(inode: number | undefined): Promise<SocketKind | undefined> {
  for (const [file, column, kindOf] of TABLES) {
    // Not /proc/net, which is hidden from a unit with ProcSubset=pid.
    const table = await readFile(`/proc/self/net/${file}`, 'latin1').catch(() => '');
    for (const line of table.split('\n')) {
      const columns = line.trim().split(/ +/);
      if (columns[column] === String(inode)) return kindOf(columns);
    }
  }
  return undefined;
}

/** The same of a descriptor. */
export async function findKindOfDescriptor(descriptor: number): Promise<SocketKind | undefined> {
  return findSocketKind(fstatSync(descriptor).ino);
}

function kindOfTcp({ 3: state }: readonly string[]): SocketKind {
  return state === LISTEN ? 'listening' : 'connected';
}
