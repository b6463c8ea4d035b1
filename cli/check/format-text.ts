import { styleText } from 'node:util';
import { type CheckReport, type ReportedFile, warningsOf } from '../../generator/store/report.ts';
import type { Loss } from '../../generator/terms/loss.ts';
import { toPrintable } from '../../generator/terms/text.ts';
import {
  type KeyFinding,
  describeHarm,
  formatRefused,
  formatSummary,
  hasFaults,
  listAddedKeys,
  listAddedSignatures,
  listRemarks,
  listKeyFindings,
  toLossFinding,
} from './findings.ts';

/** Added signatures that are told one by one. */
const SHOWN = 100;

interface Style {
  readonly colour: boolean;
  /** Whether warnings are faults. */
  readonly strict: boolean;
}

/** The report for people: a line a fault with its cure, then a summary. */
export function formatText(report: CheckReport, style: Style): string {
  const lines = [...listAddedKeys(report), ...formatAdded(report)];
  lines.push(...report.files.flatMap((file) => formatFile(file, style)));
  lines.push(...(report.losses ?? []).flatMap((loss) => formatLoss(loss, style)));
  lines.push(...listKeyFindings(report, style.strict).flatMap((one) => formatKeys(one, style)));
  for (const { message } of listRemarks(report))
    lines.push(`${paint(style.strict ? 'red' : 'yellow', 'warning', style)}: ${message}`);
  if (report.refused) {
    const code = paint('red', report.refused.code, style);
    lines.push(`${code}: ${formatRefused(report.refused)}`, `  hint: ${report.refused.hint}`);
  }
  const verdict = hasFaults(report, style.strict) ? 'red' : 'green';
  const summary = formatSummary(report, style.strict).replace(/^[a-z]+/, (word) =>
    paint(verdict, word, style),
  );
  return `${[...lines, summary].join('\n')}\n`;
}

function formatAdded(report: CheckReport): readonly string[] {
  const added = listAddedSignatures(report).map(
    ({ path, message }) => `${toPrintable(path)}: ${toPrintable(message)}`,
  );
  const shown = added.slice(0, SHOWN);
  return added.length > SHOWN ? [...shown, `and ${added.length - SHOWN} more signatures`] : shown;
}

function formatFile(file: ReportedFile, style: Style): readonly string[] {
  switch (file.status) {
    case 'rejected': {
      const code = paint('red', file.code, style);
      return [
        `${toPrintable(file.path)}: ${code}: ${toPrintable(file.message)}${describeHarm(file)}`,
        `  hint: ${toPrintable(file.hint)}`,
      ];
    }
    case 'ignored':
    case 'accepted':
    case 'unverified':
      return warningsOf(file).map(
        ({ code, message }) =>
          `${toPrintable(file.path)}: ${paint(style.strict ? 'red' : 'yellow', code, style)}: ${toPrintable(message)}`,
      );
  }
}

function formatLoss(loss: Loss, style: Style): readonly string[] {
  const { path, code, level, message, hint } = toLossFinding(loss);
  const painted = paint(level === 'error' ? 'red' : 'yellow', code, style);
  const line = `${toPrintable(path)}: ${painted}: ${message}`;
  return hint === undefined ? [line] : [line, `  hint: ${hint}`];
}

function formatKeys({ code, level, message, hint }: KeyFinding, style: Style): readonly string[] {
  const painted = paint(level === 'error' ? 'red' : 'yellow', code, style);
  return [`${painted}: ${message}`, `  hint: ${hint}`];
}

function paint(colour: 'red' | 'yellow' | 'green', text: string, style: Style): string {
  return style.colour ? styleText(colour, text, { validateStream: false }) : text;
}
