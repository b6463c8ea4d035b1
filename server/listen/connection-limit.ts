// Limits how many connections there are at once. At the limit a new one is not refused, as it may come
// from a node: the least used are closed for it. Clients expect that an idle connection is closed, and
// ask again on another.
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** A connection, and how it is used. */
export interface Held {
  readonly socket: Socket;
  /** How often it was looked at since anything came. */
  readonly looks: number;
  /** Whether a request has come. */
  readonly hasAsked: boolean;
  /** Whether it is being answered. */
  readonly isBusy: boolean;
  /** Whether its request is still coming, as one does that has a body. */
  readonly isSending?: boolean;
}

export interface ConnectionLimitOptions {
  readonly max: number;
  /** All connections but the new one. */
  readonly list: () => Iterable<Held>;
}

/** Open files that are left for everything else: git, the source, the other listener. */
const RESERVED_FILES = 128;
const LEAST = 16;
/** The share of all connections that is closed at once, as each choice looks at all of them. */
const PART = 1 / 64;
/** A connection whose answer was not read for this many looks may be closed for a new one. */
const STUCK = 5;
/** After the system ran out of files, this many stay free for this many looks. */
const FREED = 32;
const LOWERED_LOOKS = 30;

export class ConnectionLimit {
  readonly #max: number;
  readonly #list: () => Iterable<Held>;
  readonly #open = new Set<Socket>();
  #closing = 0;
  #lowered: { readonly max: number; looks: number } | undefined;

  constructor({ max, list }: ConnectionLimitOptions) {
    this.#max = max;
    this.#list = list;
  }

  get open(): ReadonlySet<Socket> {
    return this.#open;
  }

  /** Takes a new connection, and closes it if no other can be closed for it. */
  add(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    const max = Math.min(this.#max, this.#lowered?.max ?? Infinity);
    if (this.#open.size - this.#closing <= max) return;
    if (this.#free(Math.ceil(max * PART), socket) === 0) socket.destroy();
  }

  /** To be called when the system has no more files for connections. */
  noteExhaustion(): void {
    const freed = this.#free(FREED, undefined);
    this.#lowered = { max: Math.max(1, this.#open.size - freed), looks: LOWERED_LOOKS };
  }

  /** To be called with every look at the connections. */
  check(): void {
    if (this.#lowered && this.#lowered.looks-- === 0) this.#lowered = undefined;
  }

  /** Closes up to `count` connections; gives how many it were. */
  #free(count: number, spared: Socket | undefined): number {
    const ranked = Array.from(this.#list(), (held) => ({ held, rank: rankOf(held) }))
      .filter(({ held, rank }) => rank < KEPT && held.socket !== spared && !held.socket.destroyed)
      .toSorted((one, other) => one.rank - other.rank || other.held.looks - one.held.looks);
    const chosen = ranked.slice(0, count);
    for (const { held } of chosen) {
      this.#closing++;
      held.socket.once('close', () => this.#closing--).destroy();
    }
    return chosen.length;
  }
}

const KEPT = 5;

/**
 * The lowest goes first: those on which nothing was asked, then idle ones. A request that is still
 * coming is no lookup, and anybody can make it last.
 */
function rankOf({ looks, hasAsked, isBusy, isSending = false }: Held): number {
  const isRecent = looks < 2;
  if (isSending) return isRecent ? 4 : 1;
  if (isBusy) return looks >= STUCK ? 4 : KEPT;
  if (hasAsked) return isRecent ? 3 : 1;
  // It may just be about to ask.
  return isRecent ? 2 : 0;
}

/** As many connections as the limit of open files allows. */
export function fitConnections(max: number, openFiles: number | undefined): number {
  if (openFiles === undefined) return max;
  return Math.min(max, Math.max(LEAST, openFiles - RESERVED_FILES));
}

/** How many files the process may have open; undefined where the system does not say. */
export async function readOpenFileLimit(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const soft = /^Max open files +([0-9]+) /m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}
