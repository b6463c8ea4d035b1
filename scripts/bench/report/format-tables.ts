import { formatNumber } from './format-number.ts';
import type { Goal, PartResult, Row } from './result.ts';

/** A part as Markdown: a heading of level 3, what was measured, the goals, notes. */
export function formatPart({ title, measuredAt, seconds, rows, goals, notes }: PartResult): string {
  const blocks = [
    `### ${title}`,
    formatTable(
      ['measured', 'of', 'median', 'min – max', 'unit', 'runs'],
      rows.map(formatRow),
      [2, 3, 5],
    ),
    ...(goals.length > 0
      ? [formatTable(['goal', 'limit', 'got', 'met'], goals.map(formatGoal), [2])]
      : []),
    notes.map((note) => `- ${note}`).join('\n'),
    `Measured on ${measuredAt.slice(0, 10)} in ${formatNumber(seconds)} s.`,
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

/** A Markdown table whose columns are as wide as what is in them; some are aligned right. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const escaped = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) =>
    Math.max(3, ...escaped.map((cells) => cells[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
  };
  const rule = widths.map((width, column) =>
    right.includes(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  const [first = [], ...rest] = escaped.map((cells) => cells.map(pad));
  return [first, rule, ...rest].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function formatRow({ subject, figure, unit, spread }: Row): readonly string[] {
  const { median, min, max, runs } = spread;
  const range = runs === 1 ? '' : `${formatNumber(min)} – ${formatNumber(max)}`;
  return [figure, subject, formatNumber(median), range, unit, String(runs)];
}

function formatGoal({ what, limit, got, isMet }: Goal): readonly string[] {
  return [what, limit, got, isMet ? 'yes' : '**no**'];
}
