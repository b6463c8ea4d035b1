// Asks a store as nodes do, from outside, and says what would fail pulls. It asks every address of the
// store's name, as each node picks one.
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import pMap from 'p-map';
import type { DescribeOptions } from '../explain/describe-signature.ts';
import { messageOf } from '../terms/errors.ts';
import { AddressProbe, type AddressOptions } from './probe-address.ts';
import { type ProbeFinding, createProbeFinding, mergeFindings } from './probe-finding.ts';
import { ImageProbe, type ProbedImage } from './probe-image.ts';
import { type ProbedStore, formatShownAddress, inspectAddress } from './store-address.ts';
import { toPlainHost } from './inspect-tls.ts';

/** `fails-pulls`: there is a finding of that severity. `unreachable`: no address answers at all. */
export type ProbeVerdict = 'good' | 'fails-pulls' | 'unreachable' | 'unfinished';

export interface ProbeReport {
  /** Without a password or a query. */
  readonly url: string;
  readonly verdict: ProbeVerdict;
  /** In the order of the system. */
  readonly addresses: readonly { readonly address: string; readonly isReachable: boolean }[];
  /** How many signatures the first address that answers has of each image. */
  readonly images: readonly { readonly image: string; readonly signatures: number }[];
  /** How many requests were made. */
  readonly requests: number;
  /** The worst first. */
  readonly findings: readonly ProbeFinding[];
}

export interface ProbeOptions extends Omit<AddressOptions, 'store' | 'address' | 'missingHex'> {
  readonly images: readonly ProbedImage[];
  readonly reading: DescribeOptions;
  /** All addresses of a name, as the system knows them. */
  readonly lookup: (name: string) => Promise<readonly string[]>;
  /** For everything, in milliseconds. */
  readonly timeLimit: number;
}

/** Of a name; more would be a mistake of DNS. */
const MOST_ADDRESSES = 16;
const ADDRESSES_AT_ONCE = 4;
const IMAGES_AT_ONCE = 4;

/** Probes a store. Throws only if `ending` is aborted. */
export async function probeStore(store: ProbedStore, options: ProbeOptions): Promise<ProbeReport> {
  return new StoreProbe(store, options).run();
}

class TimeOver extends Error {
  override readonly name = 'TimeOver';
}

class StoreProbe {
  readonly #store: ProbedStore;
  readonly #options: ProbeOptions;
  readonly #stopping = new AbortController();
  readonly #findings: ProbeFinding[];
  #probes: readonly AddressProbe[] = [];
  /** By address, in the order of the images. */
  readonly #images = new Map<AddressProbe, readonly ImageProbe[]>();
  #isUnfinished = false;

  constructor(store: ProbedStore, options: ProbeOptions) {
    this.#store = store;
    this.#options = options;
    this.#findings = [...inspectAddress(store)];
    // Each request that runs listens for it.
    setMaxListeners(0, this.#stopping.signal);
  }

  async run(): Promise<ProbeReport> {
    const { ending, timeLimit } = this.#options;
    // Not AbortSignal.any: Node 20 may collect what it makes before it is aborted.
    const stop = (): void => this.#stopping.abort(ending.reason);
    const timer = setTimeout(() => this.#stopping.abort(new TimeOver()), timeLimit);
    ending.addEventListener('abort', stop);
    try {
      await this.#probeAll();
      this.#compare();
    } catch (error) {
      if (!(error instanceof TimeOver)) throw error;
      this.#isUnfinished = true;
      const got = `no end within ${timeLimit / 1000} s`;
      this.#findings.push(createProbeFinding('unfinished', { got }));
    } finally {
      clearTimeout(timer);
      ending.removeEventListener('abort', stop);
      for (const { client } of this.#probes) client.close();
    }
    return this.#report();
  }

  async #probeAll(): Promise<void> {
    const { lookup, images, reading } = this.#options;
    const name = toPlainHost(this.#store.url.hostname);
    const addresses = await lookup(name).catch((error: unknown) => {
      this.#findings.push(createProbeFinding('no-address', { got: messageOf(error) }));
      return [];
    });
    const missingHex = randomBytes(32).toString('hex');
    const ending = this.#stopping.signal;
    this.#probes = [...new Set(addresses)]
      .slice(0, MOST_ADDRESSES)
      .map(
        (address) =>
          new AddressProbe({ ...this.#options, store: this.#store, address, missingHex, ending }),
      );
    await pMap(
      this.#probes,
      async (probe) => {
        await probe.run();
        if (!probe.isReachable) return;
        const all = images.map((image) => new ImageProbe(probe, image, reading));
        this.#images.set(probe, all);
        await pMap(all, async (image) => image.run(), { concurrency: IMAGES_AT_ONCE });
        await all.find(({ isReadable }) => isReadable)?.askInOtherForms();
      },
      { concurrency: ADDRESSES_AT_ONCE },
    );
  }

  /** Whether all addresses serve the same. */
  #compare(): void {
    for (const [index, { name }] of this.#options.images.entries()) {
      const served = [...this.#images].map(([probe, images]) => ({
        address: probe.options.address,
        hashes: images[index]?.hashes ?? [],
      }));
      const kinds = new Set(served.map(({ hashes }) => hashes.join(' ')));
      if (kinds.size < 2) continue;
      const counts = served.map(({ address, hashes }) => `${hashes.length} at ${address}`);
      const got = `signatures that differ: ${counts.join(', ')}`;
      this.#findings.push(createProbeFinding('replicas-differ', { got, image: name }));
    }
  }

  #report(): ProbeReport {
    const isReachable = this.#probes.some((probe) => probe.isReachable);
    const found = this.#probes.flatMap((probe) =>
      probe.findings.map((one) => soften(one, probe, isReachable)),
    );
    const findings = mergeFindings([...this.#findings, ...found]);
    const read = [...this.#images.values()][0] ?? [];
    return {
      url: formatShownAddress(this.#store),
      verdict: this.#judge(isReachable, findings),
      addresses: this.#probes.map((probe) => ({
        address: probe.options.address,
        isReachable: probe.isReachable,
      })),
      images: this.#options.images.map(({ name }, index) => ({
        image: name,
        signatures: read[index]?.hashes.length ?? 0,
      })),
      requests: this.#probes.reduce((sum, { client }) => sum + client.requests, 0),
      findings,
    };
  }

  #judge(isReachable: boolean, findings: readonly ProbeFinding[]): ProbeVerdict {
    if (!isReachable && !this.#isUnfinished) return 'unreachable';
    if (findings.some(({ severity }) => severity === 'fails')) return 'fails-pulls';
    return this.#isUnfinished ? 'unfinished' : 'good';
  }
}

/** Nodes go on to an address that answers. Of one to which this machine has no way, nothing is known. */
function soften(finding: ProbeFinding, probe: AddressProbe, isReachable: boolean): ProbeFinding {
  if (finding.code !== 'unreachable' || !isReachable) return finding;
  return { ...finding, severity: probe.hasNoRoute ? 'note' : 'risk' };
}
