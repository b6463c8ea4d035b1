import type { Compared } from './compare.ts';

const COLUMNS = ['cases', 'accepted', 'refused', 'gate only', 'skopeo only', 'harm'] as const;

/**
 * A table of how each kind of case was judged: accepted or refused by both, accepted by one
 * only, or judged unlike in whether the file breaks pulls. A case counts for each of its kinds.
 */
export function formatSummary(results: readonly Compared[]): string {
  const rows = new Map<string, Map<string, number>>();
  for (const result of results) {
    for (const kind of new Set([...result.case.kinds, 'all'])) {
      const row = rows.get(kind) ?? new Map<string, number>();
      rows.set(kind, row);
      for (const column of ['cases', columnOf(result)]) {
        row.set(column, (row.get(column) ?? 0) + 1);
      }
    }
  }
  const lines = [...rows]
    .toSorted(
      ([one], [other]) =>
        Number(one === 'all') - Number(other === 'all') || one.localeCompare(other),
    )
    .map(([kind, row]) =>
      formatRow(
        kind,
        COLUMNS.map((column) => String(row.get(column) ?? '')),
      ),
    );
  return [formatRow('', COLUMNS), ...lines].join('\n');
}

function columnOf({ gate, node, isAgreed }: Compared): (typeof COLUMNS)[number] {
  if (isAgreed) return gate.outcome;
  if (gate.outcome === node.outcome) return 'harm';
  return gate.outcome === 'accepted' ? 'gate only' : 'skopeo only';
}

function formatRow(kind: string, cells: readonly string[]): string {
  return [kind.padEnd(28), ...cells.map((cell) => cell.padStart(12))].join('');
}
