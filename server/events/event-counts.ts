// What became of events, for metrics.
import { EVENT_TYPES, type EventKind } from './cloud-event.ts';

/**
 * `delivered`; `failed`: a try, after which there are more; `dropped`: never delivered; `omitted`: never
 * made, as there were too many.
 */
export const EVENT_RESULTS = ['delivered', 'failed', 'dropped', 'omitted'] as const;
export type EventResult = (typeof EVENT_RESULTS)[number];

/** Of all receivers together. */
export class EventCounts {
  readonly #counts = new Map<string, number>();

  add(kind: EventKind, result: EventResult, count = 1): void {
    const key = `${kind} ${result}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** By the type of the event and the result; those of none are 0. */
  *list(): Generator<readonly [labels: readonly [type: string, result: EventResult], number]> {
    for (const kind of ['published', 'refused'] as const) {
      for (const result of EVENT_RESULTS) {
        const count = this.#counts.get(`${kind} ${result}`) ?? 0;
        yield [[EVENT_TYPES[kind], result], count];
      }
    }
  }
}
