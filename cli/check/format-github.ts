// The report as workflow commands of GitHub Actions, which shows them at the files of a pull
// request. No text of a file can end its command, begin another, or add a property: what a
// command cannot hold is escaped as the runner undoes it (actions/runner ActionCommand.cs,
// actions/toolkit command.ts).
import type { CheckReport } from '../../generator/store/report.ts';
import { toPrintable } from '../../generator/terms/text.ts';
import {
  type Finding,
  type FindingOptions,
  formatFinding,
  formatRefused,
  formatSummary,
  listAddedKeys,
  listAddedSignatures,
  listFindings,
  listRemarks,
  listKeyFindings,
  toRepositoryPath,
} from './findings.ts';

/** Added signatures that are told one by one: GitHub shows a notice in full. */
const SHOWN = 20;

/** One command a finding, then a notice with the counts. */
export function formatGithub(report: CheckReport, options: FindingOptions): string {
  const findings = listFindings(report, options);
  const lines = findings.map((finding) => {
    const { path, code, level } = finding;
    return formatCommand(level, { file: path, title: code }, formatFinding(finding));
  });
  for (const { code, level, message, hint } of listKeyFindings(report, options.strict)) {
    lines.push(formatCommand(level, { title: code }, `${message}; ${hint}`));
  }
  for (const { code, message } of listRemarks(report))
    lines.push(formatCommand(options.strict ? 'error' : 'warning', { title: code }, message));
  if (report.refused) {
    const { code, hint } = report.refused;
    lines.push(
      formatCommand('error', { title: code }, `${formatRefused(report.refused)}; ${hint}`),
    );
  }
  for (const message of listAddedKeys(report)) {
    lines.push(formatCommand('notice', { title: 'new-key' }, message));
  }
  const added = listAddedSignatures(report);
  if (added.length > 0) {
    const shown = added
      .slice(0, SHOWN)
      .map(({ path, message }) => `${toRepositoryPath(path, options.prefix)}: ${message}`);
    if (added.length > SHOWN) shown.push(`and ${added.length - SHOWN} more`);
    lines.push(formatCommand('notice', { title: 'new-signatures' }, shown.join('\n')));
  }
  lines.push(
    formatCommand('notice', { title: 'lookaside' }, formatSummary(report, options.strict)),
  );
  return `${lines.join('\n')}\n`;
}

function formatCommand(
  name: Finding['level'] | 'notice',
  properties: Readonly<Record<string, string>>,
  data: string,
): string {
  const list = Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(value)}`);
  return `::${name} ${list.join(',')}::${escapeData(data)}`;
}

/** Line breaks come back in the runner; what else no log or terminal should get does not. */
function escapeData(text: string): string {
  const escaped = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return toPrintable(escaped);
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
