// Writes the README's tables from the code that they describe. With --check it changes
// nothing and fails when a table is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { OPTION_NAMES, type OptionName, optionOf, variableOf } from '../cli/options.ts';
import { NODE_FINDINGS } from '../generator/node-config/finding.ts';
import { REJECTIONS } from '../generator/rejection.ts';
import { METRICS } from '../server/metrics/metric-list.ts';

const README = new URL('../README.md', import.meta.url);

const optionRows = OPTION_NAMES.map((name) => {
  const { description, wording = {}, commands, default: byDefault, isInFileOnly } = optionOf(name);
  const others = Object.entries(wording).map(([command, text]) => `${command}: ${text}`);
  const written = byDefault ? `\`${byDefault}\`` : '';
  const variable = isInFileOnly ? '' : `\`${variableOf(name)}\``;
  return [
    formatFlag(name),
    commands.join(', '),
    written,
    [description, ...others].join('; '),
    variable,
  ];
});

const metricRows = Object.entries(METRICS).map(([name, metric]) => {
  const { kind, help } = metric;
  const label = 'label' in metric ? `{${metric.label}}` : '';
  return [`\`${name}${label}\``, kind, help];
});

const TABLES: Record<string, string> = {
  options: table(['option', 'commands', 'default', 'meaning', 'environment'], optionRows),
  codes: codeTable(REJECTIONS),
  'node findings': codeTable(NODE_FINDINGS),
  metrics: table(['metric', 'kind', 'meaning'], metricRows),
};

type Codes = Readonly<Record<string, { readonly cause: string; readonly cure: string }>>;

function codeTable(codes: Codes): string {
  const rows = Object.entries(codes).map(([code, { cause, cure }]) => [`\`${code}\``, cause, cure]);
  return table(['code', 'cause', 'cure'], rows);
}

function formatFlag(name: OptionName): string {
  const { argument, repeatable, isInFileOnly } = optionOf(name);
  if (isInFileOnly) return `\`${name}\` (in the file only)`;
  return `\`--${name}${argument ? ` ${argument}` : ''}\`${repeatable ? ' (repeatable)' : ''}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const before = readFileSync(README, 'utf8');
let after = before;
for (const [name, text] of Object.entries(TABLES)) {
  const section = new RegExp(`(<!-- ${name}: .*? -->\n)[\\s\\S]*?(\n<!-- end -->)`);
  if (!section.test(after)) throw new Error(`README.md has no table ${name}`);
  after = after.replace(section, (_all, start: string, end: string) => `${start}\n${text}\n${end}`);
}
const config = await resolveConfig(README);
after = await format(after, { ...config, parser: 'markdown' });

if (process.argv.includes('--check')) {
  if (after !== before) {
    process.stderr.write('README.md: a table is out of date; run `npm run readme`\n');
    process.exitCode = 1;
  }
} else {
  writeFileSync(README, after);
}
