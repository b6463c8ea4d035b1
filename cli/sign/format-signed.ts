// What `sign` tells: for people a line a manifest and what came of all of them; for programs, an object
// whose form is stable.
import { styleText } from 'node:util';
import type { Warning } from '../../generator/gate/judge.ts';
import { formatJson, toLine } from '../../generator/terms/text.ts';
import type { Delivery } from '../../signing/sign/destination.ts';
import type { ChosenKey } from '../../signing/sign/secret-keys.ts';
import type { Statement } from '../../signing/sign/statement.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';
import { formatProposal, formatServed } from '../push/format-push.ts';

/** What became of a signature that was wanted. */
export type SigningOutcome =
  /** It is made, nodes would accept it, and it lies at its destination. */
  | { readonly status: 'new'; readonly path: string; readonly warnings: readonly Warning[] }
  /** `there`: it was made before. `unsigned`: it is not made, in a dry run or for the fault of others. */
  | { readonly status: 'there' | 'unsigned' }
  | {
      readonly status: 'refused';
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    };

export interface SignedStatement {
  readonly statement: Statement;
  readonly outcome: SigningOutcome;
}

export interface SignReport {
  readonly key: Pick<ChosenKey, 'fingerprint' | 'name'>;
  /** Where they go. */
  readonly to: string;
  readonly isDryRun: boolean;
  /** What went there; undefined where nothing was to go. */
  readonly delivery: Delivery | undefined;
  /** How long it took until a store served all, in milliseconds, or why it does not yet. */
  readonly served: number | Error | undefined;
  readonly signatures: readonly SignedStatement[];
}

/** Digits of a commit. */
const ABBREVIATED = 12;
const COLOURS = { new: 'green', there: 'green', unsigned: 'yellow', refused: 'red' } as const;
const LABELS = {
  new: 'signed',
  there: 'already there',
  unsigned: 'not signed',
  refused: 'refused',
} as const;
const WIDTH = Math.max(...Object.values(LABELS).map(({ length }) => length)) + 2;

/** The report in full. */
export function formatSigned(report: SignReport, isJson: boolean, io: ProcessIo): string {
  if (isJson) return `${formatJson(toObject(report), 2)}\n`;
  const paint = (status: SigningOutcome['status'], text: string): string =>
    hasColour(io.stdout, io.environment)
      ? styleText(COLOURS[status], text, { validateStream: false })
      : text;
  const lines = report.signatures.flatMap(({ outcome, statement }) => [
    `${paint(outcome.status, labelOf(outcome, report).padEnd(WIDTH))}${describe(statement, outcome)}`,
    ...more(outcome),
  ]);
  const { delivery, served } = report;
  lines.push(toLine(summarize(report)));
  if (delivery?.proposal) lines.push(formatProposal(delivery.proposal, delivery.proposal.into));
  if (typeof served === 'number') lines.push(formatServed(served));
  return lines.map((line) => `${line}\n`).join('');
}

function labelOf({ status }: SigningOutcome, { isDryRun }: SignReport): string {
  return status === 'unsigned' && isDryRun ? 'would sign' : LABELS[status];
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

function more(outcome: SigningOutcome): readonly string[] {
  const indent = ' '.repeat(WIDTH);
  if (outcome.status === 'refused') return [`${indent}hint: ${toLine(outcome.hint)}`];
  if (outcome.status !== 'new') return [];
  return outcome.warnings.map(
    ({ code, message }) => `${indent}warning: ${code}: ${toLine(message)}`,
  );
}

function summarize({ key, signatures, to, delivery, isDryRun }: SignReport): string {
  const count = (status: SigningOutcome['status']): number =>
    signatures.filter(({ outcome }) => outcome.status === status).length;
  const by = `by ${key.name} (${key.fingerprint})`;
  if (count('refused') > 0) return `nothing went to ${to}, as nodes would not accept all of it`;
  if (isDryRun) return `${plural(count('unsigned'))} ${by} would go to ${to}`;
  if (count('new') === 0) return `nothing to do: ${to} has all signatures ${by}`;
  const commit = delivery?.commit;
  const where = commit === undefined ? to : `${to}, commit ${commit.slice(0, ABBREVIATED)}`;
  const how = delivery?.proposal ? 'proposed for' : 'went to';
  return `${plural(count('new'))} ${by} ${how} ${where}; nodes that go by its policy accept what is new`;
}

function plural(count: number): string {
  return `${count} signature${count === 1 ? '' : 's'}`;
}

function toObject({ key, to, isDryRun, delivery, served, signatures }: SignReport): object {
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
