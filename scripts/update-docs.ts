// Writes the parts of docs/ that say what the code says: options, codes, metrics, troubles. With
// --check it changes nothing and fails when a part is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import {
  type Command,
  OPTION_NAMES,
  type OptionName,
  optionOf,
  optionsOf,
  variableOf,
} from '../cli/base/options.ts';
import { CLUSTER_FINDINGS } from '../generator/nodes/cluster/cluster-finding.ts';
import { NODE_FINDINGS } from '../generator/nodes/check/finding.ts';
import { KEY_NOTES } from '../generator/openpgp/import/key-notes.ts';
import { LOSSES } from '../generator/terms/loss.ts';
import { VENDORS, type VendorScope } from '../generator/policy/vendors.ts';
import { PROBE_FINDINGS } from '../generator/probe/probe-finding.ts';
import { REJECTIONS } from '../generator/terms/rejection.ts';
import { METRICS } from '../server/metrics/metric-list.ts';
import { TROUBLES } from '../server/troubles/troubles.ts';

type Codes = Readonly<Record<string, { readonly cause: string; readonly cure: string }>>;

const COMMANDS = [...new Set(OPTION_NAMES.flatMap((name) => optionOf(name).commands))];

/** The written parts of each page, by the name in their first marker. */
const PAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'cli.md': Object.fromEntries(
    COMMANDS.map((command) => [`options of ${command}`, listOptions(command)]),
  ),
  'configuration.md': { options: OPTION_NAMES.map(toSection).join('\n\n') },
  'rejection-codes.md': {
    codes: listCodes(REJECTIONS, (code) => `### ${code}`),
    losses: listCodes(LOSSES, (code) => `### ${code}`),
    'notes on keys': listCodes(toKeyCodes(), (code) => `### ${code}`),
  },
  'vendors.md': { vendors: listVendors() },
  'kubernetes.md': { 'cluster findings': listCodes(CLUSTER_FINDINGS, (code) => `#### ${code}`) },
  'nodes.md': { findings: listCodes(NODE_FINDINGS, (code) => `#### ${code}`) },
  'probe.md': { findings: listProbeFindings() },
  'metrics.md': { metrics: list(Object.entries(METRICS).map(describeMetric)) },
  'operations.md': {
    troubles: list(Object.entries(TROUBLES).map(([kind, means]) => `\`${kind}\`: ${means}`)),
  },
};

function listOptions(command: Command): string {
  return optionsOf(command)
    .map((name) => `[\`${formatName(name)}\`](configuration.md#${name})`)
    .join(',\n');
}

function toSection(name: OptionName): string {
  const { argument, commands, default: byDefault, description, wording = {} } = optionOf(name);
  const { isInFileOnly, repeatable } = optionOf(name);
  const flag = `\`${formatName(name)}${argument ? ` ${argument}` : ''}\``;
  const facts = [
    isInFileOnly ? 'only in the file' : `${flag}${repeatable ? ', repeatable' : ''}`,
    ...(isInFileOnly ? [] : [`\`${variableOf(name)}\``]),
    ...(byDefault ? [`default: \`${byDefault}\``] : []),
    `for ${commands.join(', ')}`,
    ...Object.entries(wording).map(([command, meaning]) => `${command}: ${meaning}`),
  ];
  return `### ${name}\n\n${toSentence(description)}\n\n${list(facts)}`;
}

/** As sentences: of a key, what it has or is. */
function toKeyCodes(): Codes {
  return Object.fromEntries(
    Object.entries(KEY_NOTES).map(([code, { of, cause, cure }]) => {
      const sentence = of === 'key' ? `the key ${cause}` : cause;
      return [code, { cause: toSentence(sentence), cure: toSentence(cure) }];
    }),
  );
}

function listCodes(codes: Codes, title: (code: string) => string): string {
  const entries = Object.entries(codes);
  return entries
    .map(([code, { cause, cure }]) => `${title(code)}\n\n${cause}\n\n→ ${cure}`)
    .join('\n\n');
}

function listVendors(): string {
  const entries = Object.entries(VENDORS).flatMap(([vendor, scopes]) =>
    Object.entries<VendorScope>(scopes).map(([scope, { store, keyPath }]) => {
      const keys = keyPath === undefined ? 'give it `keys`' : `keys in \`${keyPath}\``;
      return `\`${scope}\`, \`vendor: ${vendor}\`: the store is ${store}; ${keys}`;
    }),
  );
  return list(entries);
}

/** As the report orders them: what fails pulls first. */
function listProbeFindings(): string {
  const titles = { fails: 'Fails pulls', risk: 'Risks', note: 'Notes' } as const;
  const groups = Object.entries(titles).map(([severity, title]) => {
    const codes = Object.entries(PROBE_FINDINGS).filter(([, code]) => code.severity === severity);
    const listed = codes.map(
      ([code, { cause, node, cure }]) => `#### ${code}\n\n${cause} ${node}\n\n→ ${cure}`,
    );
    return `### ${title}\n\n${listed.join('\n\n')}`;
  });
  return groups.join('\n\n');
}

function describeMetric([name, metric]: [string, (typeof METRICS)[keyof typeof METRICS]]): string {
  const label = 'label' in metric ? `{${[metric.label].flat().join(',')}}` : '';
  return `\`${name}${label}\` (${metric.kind}): ${toSentence(metric.help)}`;
}

function formatName(name: OptionName): string {
  return optionOf(name).isInFileOnly ? name : `--${name}`;
}

function toSentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join('\n');
}

/** The page with these parts between their markers. Throws where a marker is missing. */
function replaceParts(page: string, text: string, parts: Readonly<Record<string, string>>): string {
  let replaced = text;
  for (const [name, part] of Object.entries(parts)) {
    const section = new RegExp(`(<!-- ${name}: .*? -->\n)[\\s\\S]*?(<!-- end -->)`);
    if (!section.test(replaced)) throw new Error(`docs/${page} has no part ${name}`);
    replaced = replaced.replace(
      section,
      (_all, start: string, end: string) => `${start}\n${part}\n\n${end}`,
    );
  }
  return replaced;
}

for (const [page, parts] of Object.entries(PAGES)) {
  const file = new URL(`../docs/${page}`, import.meta.url);
  const before = readFileSync(file, 'utf8');
  const config = await resolveConfig(file);
  const after = await format(replaceParts(page, before, parts), { ...config, parser: 'markdown' });
  if (after === before) continue;
  if (process.argv.includes('--check')) {
    process.stderr.write(`docs/${page} is out of date; run \`npm run docs\`\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, after);
  }
}
