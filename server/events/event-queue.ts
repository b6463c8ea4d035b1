// Events that wait for their turn, the oldest first, within bounds: what there is no room for pushes out
// what has waited for longest.

/** What can wait. */
export interface Queued {
  /** Of its text. */
  readonly bytes: number;
}

export interface QueueLimits {
  readonly events: number;
  readonly bytes: number;
}

export class EventQueue<Item extends Queued> {
  readonly #limits: QueueLimits;
  #items: Item[] = [];
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Of all that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an item as the last one; gives what had to go, which may be the item itself. */
  push(item: Item): readonly Item[] {
    if (item.bytes > this.#limits.bytes) return [item];
    this.#items.push(item);
    this.#bytes += item.bytes;
    const dropped: Item[] = [];
    while (this.#items.length > this.#limits.events || this.#bytes > this.#limits.bytes) {
      const oldest = this.shift();
      if (oldest) dropped.push(oldest);
    }
    return dropped;
  }

  /** Takes the oldest. */
  shift(): Item | undefined {
    const item = this.#items.shift();
    this.#bytes -= item?.bytes ?? 0;
    return item;
  }
}
