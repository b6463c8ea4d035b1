import { type Document, isScalar, visit } from 'yaml';

/**
 * Where a mapping of a YAML document has a key for the second time, as an offset into its text;
 * undefined if none does. The parser's own look at it takes hours for a file of some megabytes.
 */
export function findRepeatedKey(document: Document): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Map: (_key, { items }) => {
      const names = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (names.has(key.value)) offset ??= key.range?.[0] ?? 0;
        names.add(key.value);
      }
      return offset === undefined ? undefined : visit.BREAK;
    },
  });
  return offset;
}
