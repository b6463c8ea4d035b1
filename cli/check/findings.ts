// What a report has to tell of its files: faults and warnings, in the form that all formats for
// people and machines are made from.
import type { ScopeKeyFault } from '../../generator/policy/key-faults.ts';
import {
  type CheckReport,
  type RefusedState,
  type ReportedFile,
  warningsOf,
} from '../../generator/store/report.ts';
import type { Loss } from '../../generator/terms/loss.ts';
import { asSentence, toPrintable } from '../../generator/terms/text.ts';

/** What a warning without keys says, in reports and logs alike. */
export const NO_KEYS =
  'no keys were given: of images, form and location are checked, who signed is not (see --keys)';

/** How findings are judged and where the files lie. */
export interface FindingOptions {
  /** Whether warnings count as errors. */
  readonly strict: boolean;
  /** From the root of the repository to what is published: '' or a path without slashes at its ends. */
  readonly prefix: string;
}

/** A fault or a warning of one file. */
export interface Finding {
  /** From the root of the repository; whatever bytes the name has. */
  readonly path: string;
  readonly code: string;
  readonly level: 'error' | 'warning';
  /** One printable line without a full stop. */
  readonly message: string;
  /** The cure, one printable line; undefined if none is known. */
  readonly hint: string | undefined;
  readonly breaksPulls: boolean;
}

/** What a report for machines says of all files, and of what a proposal takes away. */
export function listFindings(report: CheckReport, options: FindingOptions): readonly Finding[] {
  return [
    ...report.files.flatMap((file) => toFindings(file, options)),
    ...(report.losses ?? []).map(toLossFinding),
  ];
}

/** What a report for machines says of something that a proposal takes away. */
export function toLossFinding({ path, code, message, hint, isAllowed }: Loss): Finding {
  return {
    path,
    code,
    level: isAllowed ? 'warning' : 'error',
    message: toPrintable(message),
    hint: isAllowed ? undefined : toPrintable(hint),
    breaksPulls: false,
  };
}

/** What a report for machines says of one file; nothing of a good one. */
export function toFindings(file: ReportedFile, options: FindingOptions): readonly Finding[] {
  const path = toRepositoryPath(file.path, options.prefix);
  switch (file.status) {
    case 'rejected': {
      const { code, breaksPulls } = file;
      const message = `${toPrintable(file.message)}${describeHarm(file)}`;
      return [{ path, code, level: 'error', message, hint: toPrintable(file.hint), breaksPulls }];
    }
    case 'ignored':
    case 'accepted':
    case 'unverified':
      return warningsOf(file).map(({ code, message }) => ({
        path,
        code,
        level: options.strict ? 'error' : 'warning',
        message: toPrintable(message),
        hint: undefined,
        breaksPulls: false,
      }));
  }
}

/** Whether a check with this report fails: for faults, and if strict for warnings. */
export function hasFaults(report: CheckReport, strict: boolean): boolean {
  const { summary, files, refused, losses = [] } = report;
  if (summary.rejected > 0 || refused || losses.some(({ isAllowed }) => !isAllowed)) return true;
  if (listKeyFindings(report, strict).some(({ level }) => level === 'error')) return true;
  const hasRemarks = listRemarks(report).length > 0;
  return strict && (hasRemarks || files.some((file) => warningsOf(file).length > 0));
}

/** A warning that is about no file. */
export interface Remark {
  readonly code: 'no-keys' | 'no-signatures';
  readonly message: string;
}

const NO_SIGNATURES =
  'nothing here could be a signature: no file lies where nodes look, in REPOSITORY@sha256=HEX/signature-N (see --path and --branch)';

/** What there is to say of a check as a whole. */
export function listRemarks({
  summary: { accepted, unverified, rejected },
  files,
  signersUnchecked,
  refused,
  base,
}: CheckReport): readonly Remark[] {
  // A proposal may change anything, and of a state that is refused no file is known.
  const isEmpty =
    accepted + unverified + rejected === 0 &&
    files.every(({ status }) => status === 'ignored') &&
    refused === undefined &&
    base === undefined;
  return [
    ...(signersUnchecked === true ? [{ code: 'no-keys', message: NO_KEYS } as const] : []),
    ...(isEmpty ? [{ code: 'no-signatures', message: NO_SIGNATURES } as const] : []),
  ];
}

/** What a report says of keys that cannot be used: they lie in no file of the repository. */
export type KeyFinding = Pick<Finding, 'code' | 'level' | 'message'> & { readonly hint: string };

/**
 * A scope that cannot be judged is a fault; one that goes on without some of its files is not, nor is what
 * a proposal has found as it is.
 */
export function listKeyFindings(
  { keyFaults = [], newKeys = [] }: CheckReport,
  strict: boolean,
): readonly KeyFinding[] {
  const isError = ({ code, isKnown = false }: ScopeKeyFault): boolean =>
    !isKnown && (strict || code === 'scope-not-judged');
  const unusable = newKeys.flatMap(({ warning }) => warning ?? []);
  return [
    ...keyFaults.map((fault): KeyFinding => ({
      code: fault.code,
      level: isError(fault) ? 'error' : 'warning',
      message: toPrintable(fault.message),
      hint: toPrintable(fault.hint),
    })),
    ...unusable.map(({ code, message }): KeyFinding => ({
      code,
      level: strict ? 'error' : 'warning',
      message: toPrintable(message),
      hint: UNUSABLE_HINT,
    })),
  ];
}

const UNUSABLE_HINT = 'extend the key and export it again, or leave it out';

/** The keys that a proposal makes accepted, a printable sentence each. */
export function listAddedKeys({ newKeys = [] }: CheckReport): readonly string[] {
  return newKeys.map(({ message }) => toPrintable(message));
}

/** The good signatures that a proposal adds, by path, a printable sentence each; none of a whole state. */
export function listAddedSignatures({
  base,
  files,
  keys,
}: CheckReport): readonly { readonly path: string; readonly message: string }[] {
  if (base === undefined) return [];
  const users = new Map(keys.map(({ fingerprint, userIds: [user] }) => [fingerprint, user]));
  const nameKey = (fingerprint: string): string => {
    const user = users.get(fingerprint);
    return user === undefined ? fingerprint : `${fingerprint} (${user})`;
  };
  return files.flatMap((file) => {
    if (file.status !== 'accepted' && file.status !== 'unverified') return [];
    const { path, claims, signer, awaits = [] } = file;
    const by =
      signer === undefined
        ? ' (who signed is not checked)'
        : ` by ${nameKey(signer.primaryFingerprint)}`;
    const others = awaits.map((one) => one.map(nameKey).join(' or ')).join(' and by ');
    const rest =
      others === '' ? '' : `; nodes refuse the image until it is signed by ${others} too`;
    const image = JSON.stringify(claims.dockerReference);
    return { path, message: `adds a signature of ${image}${by}${rest}` };
  });
}

/** Why a state is refused, in one printable line; who brought it with it. */
export function formatRefused({ message, author }: RefusedState): string {
  const by = author === undefined ? '' : `, brought by ${author}`;
  return toPrintable(`the state is refused: ${message}${by}`);
}

/** The verdict and the counts, in one line without colours. */
export function formatSummary(report: CheckReport, strict: boolean): string {
  const { accepted, unverified, rejected, ignored } = report.summary;
  const verdict = hasFaults(report, strict) ? 'faults' : 'good';
  const counts = [
    `${accepted} accepted`,
    ...(unverified > 0 ? [`${unverified} unverified`] : []),
    `${rejected} rejected`,
    `${ignored} ignored`,
    ...(report.losses ? [formatLost(report.losses)] : []),
  ];
  const files = report.base === undefined ? 'files' : 'changed files';
  return `${verdict}: ${accepted + unverified + rejected + ignored} ${files}: ${counts.join(', ')}`;
}

function formatLost(losses: readonly Loss[]): string {
  const isMeant = losses.length > 0 && losses.every(({ isAllowed }) => isAllowed);
  return `${losses.length} lost${isMeant ? ', as allowed' : ''}`;
}

/** What a file would do if a web server had it; nothing for most. */
export function describeHarm({ breaksPulls }: { readonly breaksPulls: boolean }): string {
  return breaksPulls ? ' (served, it would fail every pull of the image)' : '';
}

/** The path of a file as the repository has it; `prefix` as in {@link FindingOptions}. */
export function toRepositoryPath(path: string, prefix: string): string {
  return prefix === '' ? path : `${prefix}/${path}`;
}

/** Message and cure in one line. */
export function formatFinding({ message, hint }: Finding): string {
  return hint === undefined ? message : `${message}. ${asSentence(hint)}`;
}
