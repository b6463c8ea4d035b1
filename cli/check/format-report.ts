import { posix } from 'node:path';
import type { CheckReport, ReportedFile } from '../../generator/store/report.ts';
import { formatJson } from '../../generator/terms/text.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';
import type { Settings } from '../base/options.ts';
import { readVersion } from '../base/read-version.ts';
import { formatGithub } from './format-github.ts';
import { formatJunit } from './format-junit.ts';
import { formatSarif } from './format-sarif.ts';
import { formatText } from './format-text.ts';

/** The report in the form that was asked for. */
export function formatReport(
  report: CheckReport,
  source: string,
  { format, strict, path }: Settings,
  { stdout, environment }: ProcessIo,
): string {
  const options = { strict, prefix: prefixOf(report, source, path), version: readVersion() };
  switch (format) {
    case 'text':
      return formatText(report, { colour: hasColour(stdout, environment), strict });
    case 'json':
      return `${formatJson({ ...report, files: report.files.map(withoutName) }, 2)}\n`;
    case 'github':
      return formatGithub(report, options);
    case 'sarif':
      return formatSarif(report, options);
    case 'junit':
      return formatJunit(report, options);
  }
}

/** What was signed is for explain, and stands in the message. */
function withoutName(file: ReportedFile): ReportedFile {
  if (!('signedAs' in file)) return file;
  const { signedAs: _, ...rest } = file;
  return rest;
}

/**
 * From the root of a repository to what is published: CI names a checkout by a path relative to
 * where it stands, and that is the root.
 */
function prefixOf({ source: { kind } }: CheckReport, source: string, path: string): string {
  const isInside =
    kind === 'directory' && !source.startsWith('/') && !/^[.][.](?:\/|$)/.test(source);
  const prefix = posix.normalize(posix.join(isInside ? source : '.', path)).replace(/\/+$/, '');
  return prefix === '.' ? '' : prefix;
}
