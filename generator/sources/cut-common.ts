// Two trees of thousands of entries mostly differ in one: what they begin and end with alike is
// passed over as bytes, which is many times cheaper than reading it.

const NUL = 0x00;
const SPACE = Buffer.from(' ');
const END = Buffer.from([NUL]);

/** Parts of two tree objects. */
export interface TreePair {
  readonly before: Buffer;
  readonly after: Buffer;
}

/**
 * The entries of two tree objects without those that both begin with and both end with. Object
 * names have `idLength` bytes. What is no tree stays as it is.
 */
export function cutCommon(before: Buffer, after: Buffer, idLength: number): TreePair {
  const alike = commonStart(before, after);
  const start = endOfLastEntry(before, alike, idLength);
  const [restBefore, restAfter] = [before.subarray(start), after.subarray(start)];
  const end = commonEnd(restBefore, restAfter, idLength);
  return {
    before: restBefore.subarray(0, restBefore.length - end),
    after: restAfter.subarray(0, restAfter.length - end),
  };
}

/** Whether a tree object has an entry of a name more than once, which no git writes; or seems to. */
export function mayHaveTwice(tree: Buffer, name: Uint8Array): boolean {
  const entry = Buffer.concat([SPACE, name, END]);
  const first = tree.indexOf(entry);
  return first >= 0 && tree.includes(entry, first + 1);
}

/** How many bytes are the same from the start. */
function commonStart(a: Buffer, b: Buffer): number {
  let [same, different] = [0, Math.min(a.length, b.length) + 1];
  while (different - same > 1) {
    const middle = (same + different) >> 1;
    if (a.compare(b, same, middle, same, middle) === 0) same = middle;
    else different = middle;
  }
  return same;
}

/** Where the last entry ends that lies within the first `limit` bytes. */
function endOfLastEntry(tree: Buffer, limit: number, idLength: number): number {
  let end = 0;
  for (let next = nextEntry(tree, 0, idLength); next <= limit;) {
    end = next;
    next = nextEntry(tree, next, idLength);
  }
  return end;
}

/** How many bytes of whole entries both end with. */
function commonEnd(a: Buffer, b: Buffer, idLength: number): number {
  const starts = new Set<number>();
  for (let at = 0; at < a.length; at = nextEntry(a, at, idLength)) starts.add(a.length - at);
  for (let at = 0; at < b.length; at = nextEntry(b, at, idLength)) {
    const length = b.length - at;
    if (starts.has(length) && a.compare(b, at, b.length, a.length - length, a.length) === 0) {
      return length;
    }
  }
  return 0;
}

/** Where the entry behind this one starts; Infinity if this one is cut short. */
function nextEntry(tree: Buffer, at: number, idLength: number): number {
  const nul = tree.indexOf(NUL, at);
  const end = nul + 1 + idLength;
  return nul < 0 || end > tree.length ? Infinity : end;
}
