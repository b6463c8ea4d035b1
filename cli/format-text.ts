import { styleText } from 'node:util';
import type { CheckReport, ReportedFile } from '../generator/report.ts';
import { toPrintable } from '../generator/printable.ts';

/** What a warning without keys says, in reports and logs alike. */
export const NO_KEYS =
  'no keys were given: form and location are checked, who signed is not (see --keys)';

interface Style {
  readonly colour: boolean;
}

/** The report for people: a line a fault with its cure, then a summary. */
export function formatText(report: CheckReport, style: Style): string {
  const lines = report.files.flatMap((file) => formatFile(file, style));
  if (report.keys.length === 0) lines.push(`${paint('yellow', 'warning', style)}: ${NO_KEYS}`);
  return `${[...lines, formatSummary(report, style)].join('\n')}\n`;
}

function formatFile(file: ReportedFile, style: Style): readonly string[] {
  switch (file.status) {
    case 'ignored':
      return [];
    case 'rejected': {
      const harm = file.breaksPulls ? ' (served, it would fail every pull of the image)' : '';
      const code = paint('red', file.code, style);
      return [
        `${toPrintable(file.path)}: ${code}: ${toPrintable(file.message)}${harm}`,
        `  hint: ${toPrintable(file.hint)}`,
      ];
    }
    case 'accepted':
    case 'unverified':
      return file.warnings.map(
        ({ code, message }) =>
          `${toPrintable(file.path)}: ${paint('yellow', code, style)}: ${toPrintable(message)}`,
      );
  }
}

function formatSummary({ summary }: CheckReport, style: Style): string {
  const { accepted, unverified, rejected, ignored } = summary;
  const files = accepted + unverified + rejected + ignored;
  const verdict = rejected > 0 ? paint('red', 'faults', style) : paint('green', 'good', style);
  const counts = [
    `${accepted} accepted`,
    ...(unverified > 0 ? [`${unverified} unverified`] : []),
    `${rejected} rejected`,
    `${ignored} ignored`,
  ];
  return `${verdict}: ${files} files: ${counts.join(', ')}`;
}

function paint(colour: 'red' | 'yellow' | 'green', text: string, style: Style): string {
  return style.colour ? styleText(colour, text, { validateStream: false }) : text;
}
