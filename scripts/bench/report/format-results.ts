import { formatPart } from './format-tables.ts';
import type { BenchResult, Chart, Machine } from './result.ts';

/** The file of a chart, beside the page that shows it. */
export function chartFile({ name }: Pick<Chart, 'name'>): string {
  return `performance-${name}.svg`;
}

/** All results as Markdown, the charts as images beside the page. */
export function formatResults({ machine, parts }: BenchResult): string {
  const sections = parts.flatMap((part) => [
    formatPart(part),
    ...part.charts.map((chart) => `![${chart.title}](${chartFile(chart)})`),
  ]);
  return ['### Machine', formatMachine(machine), ...sections].join('\n\n');
}

/** The machine as a list. */
export function formatMachine({ processor, cores, memory, kernel, programs }: Machine): string {
  const versions = Object.entries(programs).map(([name, version]) => `${name} ${version}`);
  return [
    `- processor: ${processor}`,
    `- cores: ${cores}`,
    `- memory: ${memory}`,
    `- kernel: ${kernel}`,
    `- programs: ${versions.join(', ')}`,
  ].join('\n');
}
