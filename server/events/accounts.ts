// Accounts for each state that comes into force: what it has changed since the one that was accounted for
// before. A state that a start takes over from an earlier run was accounted for by that.
import type { Snapshot } from '../../generator/sources/source.ts';
import type { StoreChange } from '../../generator/store/journal.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import type { Events } from './events.ts';
import {
  type Cause,
  NO_DIFFERENCE,
  type PublishedGeneration,
  collectDifference,
  hasChanged,
} from './publication.ts';

interface State {
  readonly store: SignatureStore;
  readonly snapshot: Pick<Snapshot, 'origin'>;
  readonly generation: PublishedGeneration;
}

export class Accounts {
  readonly #events: Pick<Events, 'publish' | 'settle'>;
  #commit: string | null = null;

  constructor(events: Pick<Events, 'publish' | 'settle'>) {
    this.#events = events;
  }

  /** An earlier run has accounted for the state of this commit. */
  begin(commit: string | undefined): void {
    this.#commit = commit ?? null;
  }

  /** Tells what a state has changed, if anything; undefined where nobody knows what was before. */
  async tell(
    cause: Cause,
    { store, snapshot, generation }: State,
    changes: Iterable<StoreChange> | undefined,
  ): Promise<void> {
    const difference = changes
      ? await collectDifference(changes, (directory, { signature }) =>
          store.numberOf(directory, signature),
        )
      : NO_DIFFERENCE;
    const before = this.#commit;
    const isInitial = changes === undefined;
    const isNew = isInitial || before !== generation.commit;
    if (!isNew && !hasChanged(difference)) return;
    this.#commit = generation.commit;
    const { signatures } = store;
    this.#events.publish(
      { generation, signatures, before, isInitial, cause, difference },
      async () => (await snapshot.origin?.()) ?? {},
    );
  }

  /** Settles when a next start need not tell it again, or after a while. */
  async settle(): Promise<void> {
    await this.#events.settle();
  }
}
