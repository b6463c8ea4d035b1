/** One line of a tree object. */
export interface TreeItem {
  /** Six digits, of those that git knows: 100644, 100755, 120000, 160000 or 040000. */
  readonly mode: string;
  readonly name: Uint8Array;
  /** The name, byte for byte, as a key. */
  readonly key: string;
  readonly id: string;
}

const NUL = 0x00;
const SPACE = 0x20;
const TYPE_BITS = 0o170_000;
const EXECUTABLE = 0o100;

/**
 * Reads a tree object, whose object names have `idLength` bytes. Undefined for what no git
 * writes: cut short, with a name twice, or with a slash in a name.
 */
export function parseTree(
  tree: Uint8Array,
  idLength: number,
): ReadonlyMap<string, TreeItem> | undefined {
  const bytes = Buffer.from(tree.buffer, tree.byteOffset, tree.length);
  const items = new Map<string, TreeItem>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(SPACE, at);
    const nul = bytes.indexOf(NUL, space);
    const end = nul + 1 + idLength;
    if (space < 0 || nul < 0 || end > bytes.length) return undefined;
    const key = bytes.toString('latin1', space + 1, nul);
    if (key.includes('/') || items.has(key)) return undefined;
    items.set(key, {
      mode: toMode(Number.parseInt(bytes.toString('latin1', at, space), 8)),
      name: bytes.subarray(space + 1, nul),
      key,
      id: bytes.toString('hex', nul + 1, end),
    });
    at = end;
  }
  return items;
}

/** As git reads the modes that old or foreign programs wrote. */
function toMode(bits: number): string {
  switch (bits & TYPE_BITS) {
    case 0o100_000:
      return bits & EXECUTABLE ? '100755' : '100644';
    case 0o120_000:
      return '120000';
    case 0o040_000:
      return '040000';
    default:
      return '160000';
  }
}
