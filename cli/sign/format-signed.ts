// What `sign` tells: for people a line a manifest and what came of all of them; for programs, an object
// whose form is stable.
import { styleText } from 'node:util';
import type { Warning } from '../../generator/gate/judge.ts';
import { abbreviate, formatJson, toLine } from '../../generator/terms/text.ts';
import type { Delivery } from '../../signing/sign/destination.ts';
import type { ChosenKey } from '../../signing/sign/secret-keys.ts';
import { type Statement, statementId } from '../../signing/sign/statement.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';
import { HOST_RULES, formatProposal, formatServed, formatUntried } from '../push/format-push.ts';
import { type RuleGiver, formatAcceptance } from '../push/rule-giver.ts';

/** What became of a signature that was wanted. */
export type SigningOutcome =
  /** It is made, nodes would accept it, and it lies at its destination. */
  | { readonly status: 'new'; readonly path: string; readonly warnings: readonly Warning[] }
  /**
   * `there`: it was made before. `proposed`: an earlier run has proposed it. `held`: it is not made, or held
   * back: a dry run, or others are refused.
   */
  | { readonly status: 'there' | 'proposed' | 'held' }
  | RefusedOutcome;

/** With a code of the gate, or one of those that docs/cli.md lists. */
export interface RefusedOutcome {
  readonly status: 'refused';
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export interface SignedStatement {
  readonly statement: Statement;
  readonly outcome: SigningOutcome;
}

export interface SignReport {
  readonly key: Pick<ChosenKey, 'fingerprint' | 'name'>;
  /** Where they go. */
  readonly to: string;
  readonly giver: RuleGiver;
  readonly isDryRun: boolean;
  /** Whether they go to a repository, not to a directory. */
  readonly isPushed: boolean;
  /** What went there; undefined where nothing was to go. */
  readonly delivery: Delivery | undefined;
  /** How long it took until a store served all, in milliseconds, or why it does not yet. */
  readonly served: number | Error | undefined;
  readonly signatures: readonly SignedStatement[];
  /** Whether what is refused is only left out, and all else goes there. */
  readonly leavesOut?: boolean;
}

function isHeldBack(report: SignReport): boolean {
  return hasRefused(report) && report.leavesOut !== true;
}

/** Whether something is refused, so that nothing went anywhere. */
export function hasRefused({ signatures }: Pick<SignReport, 'signatures'>): boolean {
  return signatures.some(({ outcome }) => outcome.status === 'refused');
}

const COLOURS = {
  new: 'green',
  there: 'green',
  proposed: 'yellow',
  held: 'yellow',
  refused: 'red',
} as const;
const LABELS = {
  new: 'signed',
  there: 'already there',
  proposed: 'proposed',
  held: 'held back',
  refused: 'refused',
} as const;
const WIDTH = Math.max(...Object.values(LABELS).map(({ length }) => length)) + 2;
/** What a dry run does not unlock. */
const SECRET = 'the passphrase or PIN of the key';
const INDENT = ' '.repeat(WIDTH);

/** The report in full. */
export function formatSigned(report: SignReport, isJson: boolean, io: ProcessIo): string {
  if (isJson) return `${formatJson(toSignObject(report), 2)}\n`;
  const paint = (status: SigningOutcome['status'], text: string): string =>
    hasColour(io.stdout, io.environment)
      ? styleText(COLOURS[status], text, { validateStream: false })
      : text;
  const lines = report.signatures.flatMap(({ outcome, statement }) => [
    `${paint(outcome.status, labelOf(outcome, report).padEnd(WIDTH))}${describe(statement, outcome)}`,
    ...(outcome.status === 'refused' ? [`${INDENT}hint: ${toLine(outcome.hint)}`] : []),
  ]);
  lines.push(...formatWarnings(report));
  const { delivery, served } = report;
  lines.push(toLine(`${summarize(report)}${formatLeftOut(report)}`));
  if (delivery?.proposal) lines.push(formatProposal(delivery.proposal, delivery.proposal.into));
  if (typeof served === 'number') lines.push(formatServed(served));
  const wasTried =
    report.isDryRun && report.signatures.some(({ outcome }) => outcome.status === 'held');
  if (wasTried) lines.push(formatUntried(report.isPushed ? [SECRET, HOST_RULES] : [SECRET]));
  return lines.map((line) => `${line}\n`).join('');
}

function labelOf({ status }: SigningOutcome, report: SignReport): string {
  return status === 'held' && report.isDryRun && !isHeldBack(report)
    ? 'would sign'
    : LABELS[status];
}

function describe(
  { image, part, identity, digestHex }: Statement,
  outcome: SigningOutcome,
): string {
  const which = part === null ? '' : `, ${part}`;
  const as = identity === image ? '' : `, as ${identity}`;
  const fault = outcome.status === 'refused' ? `: ${outcome.code}: ${outcome.message}` : '';
  return toLine(`${image}${which}${as}, sha256:${digestHex}${fault}`);
}

/** Each once: what is to be said of a key is the same for all its signatures. */
function formatWarnings({ signatures }: SignReport): readonly string[] {
  const lines = warningsOfNew(signatures)
    .flat()
    .map(({ code, message }) => `warning: ${code}: ${toLine(message)}`);
  return [...new Set(lines)];
}

/** Of every signature that is new, once. */
function warningsOfNew(signatures: readonly SignedStatement[]): readonly (readonly Warning[])[] {
  const fresh = new Map<string, readonly Warning[]>();
  for (const { statement, outcome } of signatures) {
    if (outcome.status === 'new') fresh.set(statementId(statement), outcome.warnings);
  }
  return [...fresh.values()];
}

function summarize(report: SignReport): string {
  const { key, signatures, to, giver, delivery, isDryRun } = report;
  const count = (status: SigningOutcome['status']): number =>
    new Set(
      signatures
        .filter(({ outcome }) => outcome.status === status)
        .map(({ statement }) => statementId(statement)),
    ).size;
  const by = `by ${key.name} (${key.fingerprint})`;
  if (isHeldBack(report)) {
    return `nothing ${isDryRun ? 'would go' : 'went'} to ${to}, because of what is refused`;
  }
  if (count('proposed') > 0)
    return `nothing to do: ${plural(count('proposed'))} ${by} ${count('proposed') === 1 ? 'is' : 'are'} proposed for ${to} already`;
  if (count('new') + count('held') === 0) return `nothing to do: ${to} has all signatures ${by}`;
  if (isDryRun) return `${plural(count('held'))} ${by} would go to ${to}`;
  const commit = delivery?.commit;
  const where = commit === undefined ? to : `${to}, commit ${abbreviate(commit)}`;
  const how = delivery?.proposal ? 'proposed for' : 'went to';
  const isProposed = delivery?.proposal !== undefined;
  const acceptance = formatAcceptance(warningsOfNew(signatures), isProposed, giver);
  return `${plural(count('new'))} ${by} ${how} ${where}; ${acceptance}`;
}

function formatLeftOut({ signatures, leavesOut }: SignReport): string {
  const refused = signatures.filter(({ outcome }) => outcome.status === 'refused').length;
  return leavesOut === true ? `; without ${plural(refused)} of what is refused` : '';
}

function plural(count: number): string {
  return `${count} signature${count === 1 ? '' : 's'}`;
}

/** The report for programs; stable. */
export function toSignObject({
  key,
  to,
  isDryRun,
  delivery,
  served,
  signatures,
}: SignReport): object {
  return {
    version: 1,
    key: { fingerprint: key.fingerprint, name: key.name },
    to,
    commit: delivery?.commit ?? null,
    proposal: delivery?.proposal ?? null,
    dryRun: isDryRun,
    ...(typeof served === 'number' && { served: { milliseconds: Math.round(served) } }),
    signatures: signatures.map(toSignatureObject),
  };
}

function toSignatureObject({ statement, outcome }: SignedStatement): object {
  const { image, part, identity, digestHex } = statement;
  return { image, part, identity, digest: `sha256:${digestHex}`, ...outcome };
}
