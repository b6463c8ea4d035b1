// What was made for a reader is kept for the next one. Readers find the store under one address or
// two, but a client may send any Host: made-up ones neither fill the memory nor cost a page each. What
// was asked for longest ago is forgotten first.
import { keepNewest } from '../../generator/terms/keep-newest.ts';
import type { Download } from './downloads.ts';
import { type StoreAddress, findStoreAddress } from './store-address.ts';

/** What a page is made from, beside the policy and the address. */
export interface PageStamp {
  /** Its number; undefined before the first. */
  readonly generation: number | undefined;
  /** Minutes since 1970. */
  readonly minute: number;
}

/** Addresses for which pages are kept, and new ones for which pages are made in a minute. */
const ADDRESSES = 16;
/** A file is small, and made in less time than it takes to ask for it. */
const FILES = 64;

/** The files of one policy, by address. */
export class KeptFiles {
  readonly #files = new Map<string, Buffer>();

  read({ path, bytesFor }: Download, { url }: StoreAddress): Buffer {
    const key = `${path} ${url.base}${url.query}`;
    const file = this.#files.get(key) ?? Buffer.from(bytesFor(url));
    keepNewest(this.#files, key, file, FILES);
    return file;
  }
}

/** The page of one policy, by address. */
export class Pages {
  readonly #pages = new Map<string, { readonly stamp: PageStamp; readonly body: Buffer }>();
  #minute = 0;
  #made = 0;

  /**
   * The page, made by `render` unless it is there. When there were too many new addresses in this
   * minute, it is the one for readers of whom no address is known.
   */
  read(address: StoreAddress, stamp: PageStamp, render: (shown: StoreAddress) => string): Buffer {
    const key = `${address.origin} ${address.url.base}`;
    const kept = this.#pages.get(key);
    if (!kept && address.origin === 'asked' && !this.#mayMake(stamp.minute)) {
      return this.read(findStoreAddress(undefined, 'https', undefined), stamp, render);
    }
    const isCurrent =
      kept?.stamp.minute === stamp.minute && kept.stamp.generation === stamp.generation;
    const page = kept && isCurrent ? kept : { stamp, body: Buffer.from(render(address)) };
    keepNewest(this.#pages, key, page, ADDRESSES);
    return page.body;
  }

  #mayMake(minute: number): boolean {
    if (minute !== this.#minute) this.#made = 0;
    this.#minute = minute;
    return this.#made++ < ADDRESSES;
  }
}
