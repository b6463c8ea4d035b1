import { styleText } from 'node:util';
import type { ProbeFinding, ProbeSeverity } from '../../generator/probe/probe-finding.ts';
import type { ProbeReport } from '../../generator/probe/probe-store.ts';
import { formatJson, toLine } from '../../generator/terms/text.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';

type Paint = (severity: ProbeSeverity) => string;

const WIDTH = 'addresses:  '.length;
const COLOURS = { fails: 'red', risk: 'yellow', note: 'cyan' } as const;
/** Addresses and images that a line names. */
const NAMED = 8;

/** For programs, an object whose form is stable; for people a block a finding, a line a fact. */
export function formatProbe(
  report: ProbeReport,
  isJson: boolean,
  { stdout, environment }: ProcessIo,
): string {
  if (isJson) return `${formatJson({ version: 1, ...report }, 2)}\n`;
  const paint: Paint = (severity) =>
    hasColour(stdout, environment)
      ? styleText(COLOURS[severity], severity, { validateStream: false })
      : severity;
  const blocks = [
    describeStore(report),
    ...report.findings.map((finding) => formatFinding(finding, paint)),
    [summarize(report)],
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function describeStore({ url, addresses, images, requests }: ProbeReport): readonly string[] {
  const shown = addresses.map(({ address, isReachable }) =>
    isReachable ? address : `${address} (not reachable)`,
  );
  const signed = images.filter(({ signatures }) => signatures > 0).length;
  return [
    factLine('store', url),
    factLine('addresses', shown.length === 0 ? 'none' : listNames(shown)),
    factLine(
      'images',
      images.length === 0
        ? 'none asked for; name some with --images to see whether their signatures can be read'
        : `${signed} of ${images.length} have signatures`,
    ),
    factLine('requests', String(requests)),
  ];
}

function formatFinding(finding: ProbeFinding, paint: Paint): readonly string[] {
  const { code, severity, addresses, image, asked, got, node, hint } = finding;
  return [
    // The only word in colour is ours.
    `${paint(severity)}: ${code}`,
    ...(image === null ? [] : [factLine('image', image)]),
    ...(asked === null ? [] : [factLine('asked', asked)]),
    ...(addresses.length === 0 ? [] : [factLine('at', listNames(addresses))]),
    factLine('got', got),
    factLine('node', node),
    factLine('hint', hint),
  ];
}

function listNames(names: readonly string[]): string {
  const more = names.length > NAMED ? `, and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}

function summarize({ url, verdict, findings }: ProbeReport): string {
  const of = (severity: ProbeSeverity): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const counts = `${of('fails')} that ${of('fails') === 1 ? 'fails' : 'fail'} pulls, ${count(of('risk'), 'risk')}, ${count(of('note'), 'note')}`;
  const all = findings.length === 0 ? '' : `: ${counts}`;
  switch (verdict) {
    case 'unreachable':
      return `${url} cannot be reached${all}`;
    case 'unfinished':
      return `${url} was not asked everything in time${all}`;
    case 'fails-pulls':
      return `pulls fail because of ${url}${all}`;
    case 'good':
      return `no pull fails because of ${url}${all}`;
  }
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

/** Every value may be a stranger's word. */
function factLine(name: string, value: string): string {
  return `${`${name}:`.padEnd(WIDTH)}${toLine(value)}`;
}
