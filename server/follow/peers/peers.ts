// Passes verified pushes on to the other servers of the same store: forges tell one of them, and the
// others would know at their next poll. Each peer checks the proof of origin itself, so that nobody is
// trusted more than before, and what is lost on the way costs no more than the time to a poll.
import { ADDRCONFIG } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { ProgramLog } from '../../../generator/system/program-log.ts';
import { messageOf } from '../../../generator/terms/errors.ts';
import type { ListenPlace } from '../../listen/bound-addresses.ts';
import type { Troubles } from '../../troubles/troubles.ts';
import { type KeptDelivery, RELAYED_HEADER } from '../webhook/kept-delivery.ts';
import { choosePeers, isOwnAddress } from './choose-peers.ts';
import { Peer, type PeerResult, type PeerTimes } from './peer.ts';
import { postDelivery } from './post-delivery.ts';

export interface PeerLimits extends PeerTimes {
  /** Peers; a name with more addresses is a mistake. */
  readonly peers: number;
  /** Of all deliveries that are on their way, however many peers they go to. Bytes. */
  readonly bytes: number;
  /** What is on its way at the stop gets so much more time. Milliseconds. */
  readonly stop: number;
  /** A trouble is over when nothing was missed for so long: by then a peer has polled. Milliseconds. */
  readonly quiet: number;
}

export const PEER_LIMITS: PeerLimits = {
  patience: 5_000,
  pauses: [500, 2_500],
  peers: 64,
  bytes: 64 * 1024 * 1024,
  stop: 1_000,
  quiet: 3_600_000,
};

/** The name of the peers. */
export interface PeersName {
  readonly name: string;
  /** That of the own listener if left out. */
  readonly port?: number | undefined;
}

export interface PeersOptions extends PeersName {
  /** Where this server listens; none before it does, and when it stops. */
  readonly places: () => readonly ListenPlace[];
  /** Our certificate (PEM) now; with one, peers have TLS as well. */
  readonly certificate: () => Uint8Array | undefined;
  readonly onResult: (result: PeerResult) => void;
  readonly troubles: Pick<Troubles, 'raise' | 'clear'>;
  readonly log: ProgramLog;
  readonly limits?: PeerLimits;
  /** The addresses of a name; the system's resolver unless told. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** Those of this host, which may throw; as the system has them unless told. */
  readonly hostAddresses?: () => readonly string[];
}

interface MissedPushes {
  readonly count: number;
  /** Ends the trouble. */
  readonly quiet: NodeJS.Timeout;
}

/** Pushes in a row that a peer has to miss before operators are told. */
const TOLD_AFTER = 3;

export class Peers {
  readonly #options: PeersOptions;
  readonly #limits: PeerLimits;
  /** Those that something is on its way to, by their address. */
  readonly #busy = new Map<string, Peer>();
  /** What is on its way to any of them, the oldest first. */
  #onTheWay: readonly KeptDelivery[] = [];
  /** Waits for the addresses. */
  #waiting: KeptDelivery | undefined;
  #isLooking = false;
  #isStopped = false;
  /** Where this server listens, or did until it began to stop. */
  #known: readonly ListenPlace[] = [];
  #count: number | undefined;
  /** Pushes that were missed in a row, by address, or by the name where it has none. */
  readonly #missed = new Map<string, MissedPushes>();

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#limits = options.limits ?? PEER_LIMITS;
  }

  /** How many peers there were when the name was last looked up; undefined before. */
  readonly count = (): number | undefined => this.#count;

  /** Passes a push on, unless a peer has done so. */
  readonly relay = (delivery: KeptDelivery): void => {
    if (this.#isStopped || delivery.headers[RELAYED_HEADER] !== undefined) return;
    if (this.#waiting) this.#options.onResult('replaced');
    this.#waiting = delivery;
    if (!this.#isLooking) void this.#passOn();
  };

  /**
   * Looks the name up, so that a wrong one is told of before the first push. Not unless the server
   * listens: before that it does not know itself.
   */
  async look(): Promise<void> {
    const { name, log } = this.#options;
    if (this.#places.length === 0) return;
    const found = await this.#findAddresses();
    if (found) log.info({ name, port: this.#port, peers: found.length }, 'peers found');
  }

  /**
   * To be called when no more deliveries come. Settles when the pushes on their way have arrived, or shortly
   * after; those whose answer was the last thing that the server did are on their way, too.
   */
  async stop(): Promise<void> {
    const end = performance.now() + this.#limits.stop;
    do {
      await new Promise((resolve) => setTimeout(resolve, STOP_CHECK));
    } while ((this.#isLooking || this.#busy.size > 0) && performance.now() < end);
    this.#isStopped = true;
    for (const peer of this.#busy.values()) peer.giveUp('the server stops');
  }

  get #port(): number {
    return this.#options.port ?? this.#places[0]?.port ?? 0;
  }

  get #places(): readonly ListenPlace[] {
    const listening = this.#options.places();
    if (listening.length > 0) this.#known = listening;
    return this.#known;
  }

  /** One lookup of the name at a time: the resolver may take long. */
  async #passOn(): Promise<void> {
    this.#isLooking = true;
    while (this.#waiting) {
      const addresses = await this.#findAddresses();
      const delivery = this.#waiting;
      this.#waiting = undefined;
      if (addresses) this.#give(addresses, delivery);
      else this.#options.onResult('unresolved');
    }
    this.#isLooking = false;
  }

  /** Undefined if the name has none. */
  async #findAddresses(): Promise<readonly string[] | undefined> {
    const { name, log, resolve = resolveName } = this.#options;
    const [places, port] = [this.#places, this.#port];
    const isOwn = (address: string): boolean =>
      isOwnAddress(address, port, places, this.#listHostAddresses);
    try {
      const found = choosePeers(await resolve(name), isOwn, this.#limits.peers);
      this.#noteFound(found.addresses);
      if (found.skipped > 0) {
        this.#options.onResult('skipped');
        const facts = { name, skipped: found.skipped, most: this.#limits.peers };
        log.warn(facts, 'the name of the peers has too many addresses; some are left out');
      }
      return found.addresses;
    } catch (error) {
      const message = `the name of the peers cannot be looked up: ${messageOf(error)}`;
      log.warn({ name }, message);
      this.#noteMissed(name, message, 'correct --peers, or the records of this name');
      return undefined;
    }
  }

  /** What the name has no more is neither waited for nor told of. */
  #noteFound(addresses: readonly string[]): void {
    this.#count = addresses.length;
    for (const [address, peer] of this.#busy) {
      if (!addresses.includes(address)) peer.giveUp('its address is gone');
    }
    for (const key of this.#missed.keys()) if (!addresses.includes(key)) this.#noteReached(key);
  }

  /** A sandbox may hide them (no AF_NETLINK): then the server tells itself too, which does no harm. */
  readonly #listHostAddresses = (): readonly string[] => {
    const { hostAddresses = listHostAddresses } = this.#options;
    try {
      return hostAddresses();
    } catch {
      return [];
    }
  };

  #give(addresses: readonly string[], delivery: KeptDelivery): void {
    if (this.#isStopped) return;
    for (const address of addresses) this.#peerAt(address).give(delivery);
    this.#onTheWay = [...this.#onTheWay, delivery];
    this.#makeRoom();
  }

  #peerAt(address: string): Peer {
    const existing = this.#busy.get(address);
    if (existing) return existing;
    const { name, certificate } = this.#options;
    const port = this.#port;
    const peer = new Peer({
      ...this.#limits,
      post: async (delivery, signal) =>
        postDelivery({ name, address, port, certificate: certificate() }, delivery, signal),
      onResult: (result, why) => this.#note(address, result, why),
      onIdle: () => {
        this.#busy.delete(address);
        this.#makeRoom();
      },
    });
    this.#busy.set(address, peer);
    return peer;
  }

  /** Forgets what has arrived, and gives up the oldest of the rest while they are too large together. */
  #makeRoom(): void {
    const peers = [...this.#busy.values()];
    const left = this.#onTheWay.filter((one) => peers.some((peer) => peer.holds(one)));
    let size = left.reduce((sum, { bytes }) => sum + bytes.length, 0);
    while (size > this.#limits.bytes) {
      const oldest = left.shift();
      if (!oldest) break;
      size -= oldest.bytes.length;
      for (const peer of peers) peer.giveUp('newer pushes need the memory', oldest);
    }
    this.#onTheWay = left;
  }

  #note(address: string, result: PeerResult, why: string): void {
    const { log, onResult } = this.#options;
    onResult(result);
    if (result === 'delivered') this.#noteReached(address);
    if (result !== 'failed' && result !== 'refused') return;
    const peer = address.includes(':') ? `[${address}]:${this.#port}` : `${address}:${this.#port}`;
    log.warn({ peer, why }, 'a peer did not take a push; it follows with its next poll');
    const hint = result === 'refused' ? SAME_SECRETS : REACHABLE;
    const message = `the peer ${peer} did not take the last pushes: ${why}`;
    this.#noteMissed(address, message, hint);
  }

  #noteMissed(key: string, message: string, hint: string): void {
    const { troubles } = this.#options;
    const before = this.#missed.get(key);
    clearTimeout(before?.quiet);
    const count = (before?.count ?? 0) + 1;
    const end = (): void => troubles.clear('peers-failing', key);
    this.#missed.set(key, { count, quiet: setTimeout(end, this.#limits.quiet).unref() });
    if (count >= TOLD_AFTER) troubles.raise('peers-failing', { message, hint }, key);
  }

  #noteReached(key: string): void {
    clearTimeout(this.#missed.get(key)?.quiet);
    this.#missed.delete(key);
    this.#options.troubles.clear('peers-failing', key);
  }
}

const STOP_CHECK = 10;
const SAME_SECRETS =
  'give all servers the same --webhook-forges, and secrets in --webhook-secret-file';
const REACHABLE =
  'see whether it runs, whether a firewall or NetworkPolicy lets servers reach each other on this port, whether all have --tls-cert or none, and whether its certificate is of the name of the peers';

/** As the system resolves names: by files, then DNS, with its search domains. */
export async function resolveName(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true, hints: ADDRCONFIG });
  return found.map(({ address }) => address);
}

function listHostAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((own = []) =>
    own.map(({ address }) => address),
  );
}
