// The report as SARIF 2.1.0, for code scanning: one result a finding, at the first line of its
// file. Section numbers are those of the OASIS standard.
import { createHash } from 'node:crypto';
import type { Log, Notification, ReportingDescriptor, Result, Run } from 'sarif';
import type { CheckReport } from '../../generator/store/report.ts';
import { LOSSES } from '../../generator/terms/loss.ts';
import { REJECTIONS } from '../../generator/terms/rejection.ts';
import { formatJson, parseUrl } from '../../generator/terms/text.ts';
import {
  type Finding,
  type FindingOptions,
  formatFinding,
  formatRefused,
  listAddedKeys,
  listFindings,
  listRemarks,
  listKeyFindings,
} from './findings.ts';

const SCHEMA =
  'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

export interface SarifOptions extends FindingOptions {
  /** The version of this program. */
  readonly version: string;
}

/** A SARIF log with one run. Equal reports give equal logs. */
export function formatSarif(report: CheckReport, options: SarifOptions): string {
  const findings = listFindings(report, options);
  const firsts = new Map<string, Finding>();
  for (const finding of findings) {
    if (!firsts.has(finding.code)) firsts.set(finding.code, finding);
  }
  const codes = [...firsts.keys()];
  const rules = [...firsts.values()].map(toRule);
  const log: Log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Lookaside', version: options.version, rules } },
        invocations: [toInvocation(report, options.strict)],
        ...toProvenance(report),
        results: findings.map((finding) => toResult(finding, codes.indexOf(finding.code))),
      },
    ],
  };
  return `${formatJson(log, 2)}\n`;
}

/** GitHub wants both descriptions and a help of every rule. */
function toRule({ code, level, message }: Finding): ReportingDescriptor {
  const { cause, cure } = CODES.get(code) ?? { cause: message, cure: message };
  return {
    id: code,
    shortDescription: { text: escapeMessage(cause) },
    fullDescription: { text: escapeMessage(cause) },
    help: { text: escapeMessage(cure) },
    defaultConfiguration: { level },
  };
}

/** What is known of the codes of faults; warnings explain themselves. */
const CODES: ReadonlyMap<string, { readonly cause: string; readonly cure: string }> = new Map(
  Object.entries({ ...REJECTIONS, ...LOSSES }),
);

function toResult(finding: Finding, ruleIndex: number): Result {
  const { path, code, level, breaksPulls } = finding;
  return {
    ruleId: code,
    ruleIndex,
    level,
    message: { text: escapeMessage(formatFinding(finding)) },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: toUri(path) }, region: { startLine: 1 } },
      },
    ],
    // Not `primaryLocationLineHash`: GitHub's upload computes that itself, and warns of another.
    partialFingerprints: { 'lookasideFinding/v1': hash(`${code}\0${path}`) },
    properties: { breaksPulls },
  };
}

/** A state that is refused has no file to point at: the run tells of it (3.20.21). */
function toInvocation(
  report: CheckReport,
  strict: boolean,
): NonNullable<Run['invocations']>[number] {
  const { refused } = report;
  const notifications: Notification[] = [
    ...listAddedKeys(report).map((message) => ({
      descriptor: { id: 'new-key' },
      level: 'note' as const,
      message: { text: escapeMessage(message) },
    })),
    ...listKeyFindings(report, strict).map(({ code, level, message, hint }) => ({
      descriptor: { id: code },
      level,
      message: { text: escapeMessage(`${message}; ${hint}`) },
    })),
    ...listRemarks(report).map(({ message }) => ({
      level: strict ? ('error' as const) : ('warning' as const),
      message: { text: message },
    })),
  ];
  return {
    executionSuccessful: !refused,
    ...(refused && {
      toolExecutionNotifications: [
        {
          descriptor: { id: refused.code },
          level: 'error',
          message: { text: escapeMessage(`${formatRefused(refused)}; ${refused.hint}`) },
        },
      ],
    }),
    ...(notifications.length > 0 && { toolConfigurationNotifications: notifications }),
  };
}

function toProvenance({
  source,
}: CheckReport): Pick<Run, 'versionControlProvenance' | 'properties'> {
  const { kind, location, commit } = source;
  if (commit === undefined) return {};
  const isUri =
    kind === 'git' && /^[a-z][a-z0-9+.-]*:\/\//i.test(location) && parseUrl(location) !== undefined;
  return {
    ...(isUri && {
      versionControlProvenance: [{ repositoryUri: new URL(location).href, revisionId: commit }],
    }),
    properties: { commit },
  };
}

/**
 * A relative reference to a file. `:` is escaped, lest the first component reads as a scheme;
 * `@` and `=` mean nothing in a path (RFC 3986, 3.3) and stay readable.
 */
function toUri(path: string): string {
  // A lone surrogate, which no URI can hold, becomes U+FFFD.
  const wellFormed = Buffer.from(path).toString();
  return wellFormed
    .split('/')
    .map((component) => encodeURIComponent(component).replaceAll('%40', '@').replaceAll('%3D', '='))
    .join('/');
}

/** Braces are doubled, as placeholders have them (3.11.5); what would read as a link is not one (3.11.6). */
function escapeMessage(text: string): string {
  return text.replaceAll('{', '{{').replaceAll('}', '}}').replaceAll('](', '] (');
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
