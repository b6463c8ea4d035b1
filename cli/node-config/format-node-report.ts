import { join } from 'node:path';
import { styleText } from 'node:util';
import type { NodeFinding } from '../../generator/nodes/check/finding.ts';
import { formatJson, toPrintable } from '../../generator/terms/text.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';

/** What `node-config --check` found. */
export interface NodeReport {
  readonly root: string;
  /** How many scopes nodes were asked about. */
  readonly scopes: number;
  readonly findings: readonly NodeFinding[];
}

/** For programs, an object whose form is stable; for people a line a finding with its cure. */
export function formatNodeReport(
  report: NodeReport,
  isJson: boolean,
  { stdout, environment }: ProcessIo,
): string {
  const { root, findings } = report;
  if (isJson) return `${formatJson({ version: 1, root, findings }, 2)}\n`;
  const paint = (colour: 'red' | 'yellow' | 'green', text: string): string =>
    hasColour(stdout, environment) ? styleText(colour, text, { validateStream: false }) : text;
  const lines = findings.flatMap(({ code, severity, path, message, hint }) => [
    `${toPrintable(join(root, path))}: ${paint(severity === 'fault' ? 'red' : 'yellow', code)}: ${message}`,
    `  hint: ${hint}`,
  ]);
  const faults = findings.filter(({ severity }) => severity === 'fault').length;
  const verdict = faults > 0 ? paint('red', 'faults') : paint('green', 'good');
  const counts = [
    count(report.scopes, 'scope'),
    count(faults, 'fault'),
    count(findings.length - faults, 'warning'),
  ];
  return `${[...lines, `${verdict}: ${counts.join(', ')}`].join('\n')}\n`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
