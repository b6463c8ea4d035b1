// Sockets on which somebody else listens for this process, as systemd does for a unit with a `.socket`
// (sd_listen_fds(3)): connections that come while no process is there to take them wait in the system's
// queue, so that a restart loses none. What is wrong with them is told at the start, as far as the system
// shows it.
import { fstatSync } from 'node:fs';
import { hasCode } from '../../../generator/terms/errors.ts';
import { findSocketKind } from './socket-kind.ts';

/** Descriptors, by the listener that they are for; none where it is to listen by itself. */
export interface InheritedSockets {
  readonly store: readonly number[];
  readonly status: readonly number[];
}

/** What a process knows of itself. */
export interface ProcessIds {
  readonly pid: number;
  readonly parentPid: number;
}

/** What was passed on cannot be used. */
export class InheritedSocketError extends Error {
  override readonly name = 'InheritedSocketError';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The first descriptor that is passed on: SD_LISTEN_FDS_START. */
const FIRST = 3;
/** systemd passes on no more. */
const MOST = 4096;
/** A socket that was given no name has this one (systemd-socket-activate). */
const NAMELESS = 'unknown';
/** The first process of a container, which got the sockets for the program that it starts. */
const INIT = 1;
const NAME_THEM =
  'set FileDescriptorName=store in the .socket unit, or FileDescriptorName=status for the status listener';

/** Whether sockets were passed on, but to another process than this one. */
export function areForAnother(environment: Environment, ids: ProcessIds): boolean {
  const { LISTEN_FDS: count, LISTEN_PID: pid } = environment;
  return count !== undefined && pid !== undefined && !isFor(pid, ids);
}

/**
 * The sockets that this process was given, checked.
 * @throws InheritedSocketError
 */
export async function findInheritedSockets(
  environment: Environment,
  ids: ProcessIds,
): Promise<InheritedSockets> {
  const { LISTEN_FDS: count, LISTEN_PID: pid, LISTEN_FDNAMES: names } = environment;
  const sockets: Record<keyof InheritedSockets, number[]> = { store: [], status: [] };
  if (count === undefined || pid === undefined || !isFor(pid, ids)) return sockets;
  const listed = listNames(readCount(count), names);
  for (const [index, name] of listed.entries()) {
    const descriptor = FIRST + index;
    sockets[listenerOf(name, descriptor, listed)].push(descriptor);
    await assertListens(descriptor, name);
  }
  return sockets;
}

/** An init passes on what it was given, to a process with another number. */
function isFor(listenPid: string, { pid, parentPid }: ProcessIds): boolean {
  return listenPid === String(pid) || (listenPid === String(INIT) && parentPid === INIT);
}

function readCount(count: string): number {
  if (/^\d{1,4}$/.test(count) && Number(count) <= MOST) return Number(count);
  const message = `LISTEN_FDS: expected a number of sockets, got ${JSON.stringify(count)}`;
  throw new InheritedSocketError(message, 'whoever passes sockets on sets it, as systemd does');
}

function listNames(count: number, names: string | undefined): readonly string[] {
  if (names === undefined) return Array.from({ length: count }, () => NAMELESS);
  const listed = count === 0 ? [] : names.split(':');
  if (listed.length === count) return listed;
  const message = `LISTEN_FDNAMES: expected ${count} names, as LISTEN_FDS says, got ${listed.length}`;
  throw new InheritedSocketError(message, NAME_THEM);
}

/** The only socket is the store's, also without a name. */
function listenerOf(
  name: string,
  descriptor: number,
  { length }: readonly string[],
): keyof InheritedSockets {
  if (name === 'store' || name === 'status') return name;
  if (name === NAMELESS && length === 1) return 'store';
  const what = name === NAMELESS ? 'has no name' : `has the name ${JSON.stringify(name)}`;
  const message = `the inherited socket ${descriptor} ${what}: expected store or status`;
  throw new InheritedSocketError(message, NAME_THEM);
}

async function assertListens(descriptor: number, name: string): Promise<void> {
  const fail = (what: string, hint: string): never => {
    throw new InheritedSocketError(`the inherited socket ${descriptor} (${name}) ${what}`, hint);
  };
  const inode = inodeOf(descriptor);
  if (inode === undefined) fail('is no socket', 'LISTEN_FDS promises more sockets than there are');
  const kind = await findSocketKind(inode);
  if (kind === 'connected') fail('is a connection', 'set Accept=no in the .socket unit');
  if (kind === 'udp') fail('is one for datagrams', 'give a port with ListenStream=, as 8080');
  if (kind === 'unix') fail('is a Unix socket', 'give a port with ListenStream=, as 8080');
}

/** Undefined for what is no socket, or not open. */
function inodeOf(descriptor: number): number | undefined {
  try {
    const stats = fstatSync(descriptor);
    return stats.isSocket() ? stats.ino : undefined;
  } catch (error) {
    if (hasCode(error, 'EBADF')) return undefined;
    throw error;
  }
}
