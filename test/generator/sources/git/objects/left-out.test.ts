import assert from 'node:assert/strict';
import { ObjectMissingError } from '../../../../../generator/sources/git/objects/cat-file.ts';
import {
  LeftOutError,
  NO_SIZE,
  type SizedObjects,
  completeSizes,
} from '../../../../../generator/sources/git/objects/left-out.ts';
import type { FileEntry } from '../../../../../generator/sources/source.ts';

const DIRECTORY = `app@sha256=${'a'.repeat(64)}`;
const SIZE = 7;

/** A clone that lacks all blobs, and notes how they are asked for; `lost`: they never come. */
class EmptyClone {
  readonly asked: string[] = [];
  readonly #has = new Set<string>();
  readonly #lost: ReadonlySet<string>;

  constructor(lost: readonly string[] = []) {
    this.#lost = new Set(lost);
  }

  /** As far as sizes are looked for. */
  open(ids: readonly string[]): SizedObjects {
    const bring = (wanted: readonly string[]): void => {
      for (const id of wanted) if (!this.#lost.has(id)) this.#has.add(id);
    };
    return {
      missing: {
        byName: async (wanted) => {
          this.asked.push(`${wanted.length} by name`);
          bring(wanted);
        },
        all: async () => {
          this.asked.push('all');
          bring(ids);
        },
      },
      sizes: {
        ask: async (id) => {
          if (!this.#has.has(id)) throw new ObjectMissingError(`${id} is missing`);
          return { id, type: 'blob', size: SIZE, bytes: new Uint8Array() };
        },
      },
    };
  }
}

function signatures(count: number, size = NO_SIZE, id?: string): FileEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'file',
    path: `${DIRECTORY}/signature-${index + 1}`,
    size,
    id: id ?? index.toString(16).padStart(40, '0'),
  }));
}

describe('files that a remote has left out', () => {
  for (const [count, asked] of [
    [1, ['1 by name']],
    [1000, ['1000 by name']],
    [1001, ['all']],
  ] as const) {
    it(`are brought in one step, ${count} that are named like signatures`, async () => {
      const entries = signatures(count);
      const clone = new EmptyClone();
      const complete = await completeSizes(entries, clone.open(entries.map(({ id }) => id)));
      assert.deepEqual(complete, signatures(count, SIZE));
      assert.deepEqual(clone.asked, asked);
    });
  }

  it('are asked for once where many of them are the same', async () => {
    const entries = signatures(2000, NO_SIZE, 'a'.repeat(40));
    const clone = new EmptyClone();
    await completeSizes(entries, clone.open([]));
    assert.deepEqual(clone.asked, ['1 by name']);
  });

  it('make a state that cannot be judged where they do not come', async () => {
    const entries = signatures(3);
    const ids = entries.map(({ id }) => id);
    const clone = new EmptyClone(ids.slice(1, 2));
    await assert.rejects(completeSizes(entries, clone.open(ids)), LeftOutError);
    assert.deepEqual(clone.asked, ['3 by name', 'all']);
  });
});
