import { styleText } from 'node:util';
import { type RefusedState, formatClaims } from '../../generator/store/report.ts';
import { type Rejection, nameFileIn } from '../../generator/terms/rejection.ts';
import { formatJson, toPrintable } from '../../generator/terms/text.ts';
import type { Proposal, PushReport, PushedSignature } from '../../signing/push/push-report.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, hasColour } from '../base/process-io.ts';
import { type RuleGiver, cureRefusal, formatAcceptance } from './rule-giver.ts';

type Colour = 'green' | 'red' | 'yellow';

/** What came of a push. */
export interface PushResult {
  readonly report: PushReport;
  readonly giver: RuleGiver;
  /** How long it took until the store served all, in milliseconds, or why it does not yet. */
  readonly served?: number | Error;
  /** Whether nothing was pushed, but it was tried how far a push would come. */
  readonly isTried?: boolean;
}

/** In the form that was asked for. */
export function formatOutcome(
  outcome: PushResult,
  settings: Pick<Settings, 'format' | 'keep-going'>,
  { stdout, environment }: Pick<ProcessIo, 'stdout' | 'environment'>,
): string {
  if (settings.format === 'json') return `${formatJson(toDocument(outcome), 2)}\n`;
  return formatText(outcome, settings, hasColour(stdout, environment));
}

/** For people: a line a signature, then what was pushed where. */
function formatText(
  { report, giver, served, isTried }: PushResult,
  { 'keep-going': keepsGoing }: Pick<Settings, 'keep-going'>,
  colour: boolean,
): string {
  const paint = (name: Colour, text: string): string =>
    colour ? styleText(name, text, { validateStream: false }) : text;
  const lines = [
    ...report.signatures.flatMap((one) => formatSignature(one, giver, paint)),
    ...(report.refused ? formatRefusedPush(report.refused, paint) : []),
    formatSummary(report, giver, paint),
    ...(keepsGoing ? [] : formatHeldBack(report)),
    ...(report.proposal ? [formatProposal(report.proposal, report.branch)] : []),
    ...(isTried ? [formatUntried([HOST_RULES])] : []),
  ];
  if (typeof served === 'number') lines.push(formatServed(served));
  return lines.map((line) => `${line}\n`).join('');
}

type Paint = (name: Colour, text: string) => string;

function formatSignature(one: PushedSignature, giver: RuleGiver, paint: Paint): readonly string[] {
  if (one.status === 'refused') {
    const { code, message, hint } = cureFile(one, giver);
    const fault = `${toPrintable(one.origin)}: ${paint('red', code)}: ${toPrintable(message)}`;
    return [fault, `  hint: ${toPrintable(hint)}`];
  }
  const { claims, signer } = one.signature;
  const image = `${claims.dockerReference} ${claims.manifestDigest}`;
  const by = signer ? `, signed by ${signer.primaryFingerprint}` : '';
  const lines = [toPrintable(`${image}: ${describe(one)} ${one.path}${by}`)];
  for (const { code, message } of one.status === 'there' ? [] : one.warnings) {
    lines.push(`  ${paint('yellow', code)}: ${toPrintable(message)}`);
  }
  return lines;
}

/** The refusal of a file, with the name of the file in its cure. */
function cureFile(
  { origin, rejection }: Extract<PushedSignature, { status: 'refused' }>,
  giver: RuleGiver,
): Rejection {
  const cured = cureRefusal(rejection, giver);
  return { ...cured, hint: nameFileIn(cured.hint, origin) };
}

function describe({ status, isSame }: Exclude<PushedSignature, { status: 'refused' }>): string {
  switch (status) {
    case 'new':
      return 'new:';
    case 'would-be-new':
      return 'would be new:';
    case 'there':
      return isSame ? 'already there:' : 'already there by the same signer:';
    case 'proposed':
      return 'proposed already:';
  }
}

function formatSummary(report: PushReport, giver: RuleGiver, paint: Paint): string {
  const count = countByStatus(report);
  const commit = report.commit === undefined ? '' : `, commit ${report.commit.slice(0, 12)}`;
  const where = toPrintable(`${report.repository}, ${report.branch}`);
  if (report.signatures.length === 0) return `nothing to push to ${where}: no signature is staged`;
  const parts = [
    count.new > 0 && `${count.new} new`,
    count['would-be-new'] > 0 && `${count['would-be-new']} would be new`,
    count.there > 0 && `${count.there} already there`,
    count.proposed > 0 && `${count.proposed} proposed already`,
    count.refused > 0 && `${count.refused} refused`,
  ].filter((part) => part !== false);
  const isProposed = report.proposal?.isEarlier === undefined && report.proposal !== undefined;
  const done = isProposed ? 'proposed' : count.new > 0 ? 'pushed' : 'nothing was pushed';
  const verdict = count.refused > 0 || report.refused ? 'red' : 'green';
  const fresh = report.signatures.flatMap((one) => (one.status === 'new' ? [one.warnings] : []));
  const acceptance =
    fresh.length > 0 ? `; ${formatAcceptance(fresh, report.proposal !== undefined, giver)}` : '';
  return `${paint(verdict, done)} to ${where}${commit}: ${parts.join(', ')}${acceptance}`;
}

/** As the hook and a check of the repository say it. */
function formatRefusedPush({ code, message, hint }: RefusedState, paint: Paint): readonly string[] {
  const fault = `${paint('red', code)}: the repository would be refused: ${toPrintable(message)}`;
  return [fault, `  hint: ${toPrintable(hint)}`];
}

/** What people can do where good signatures are held back for the fault of others. */
function formatHeldBack(report: PushReport): readonly string[] {
  const count = countByStatus(report);
  const held = count['would-be-new'];
  if (held === 0 || count.refused === 0) return [];
  const what = held === 1 ? 'the good one' : `the ${held} good ones`;
  return [`hint: --keep-going pushes ${what} without those that are refused`];
}

/** Where people find what was proposed for a branch, or what they have to do. */
export function formatProposal(proposal: Proposal, branch: string): string {
  const name = proposal.branch === undefined ? '' : ` as ${proposal.branch}`;
  const link = toPrintable(proposal.link ?? 'at the git host');
  if (proposal.isEarlier && !proposal.isOpen) {
    return `the branch ${proposal.branch} is there already; open or look at the request to merge it into ${branch}: ${link}`;
  }
  return proposal.isOpen
    ? `a request to merge into ${branch} is open${name}: ${link}`
    : `open a request to merge into ${branch}${name}: ${link}`;
}

/** What only a push shows. */
export const HOST_RULES = 'what the host decides at the push itself (hooks, protected branches)';

/** What a dry run could not try. */
export function formatUntried(parts: readonly string[]): string {
  const [last = '', ...before] = parts.toReversed();
  const rest = before.toReversed().join(', ');
  return `not tried: ${rest === '' ? '' : `${rest}, and `}${last}`;
}

/** How long it took until a store served all, for people. */
export function formatServed(milliseconds: number): string {
  return `served after ${(milliseconds / 1000).toFixed(1)} s`;
}

function countByStatus({ signatures }: PushReport): Record<PushedSignature['status'], number> {
  const count = { new: 0, 'would-be-new': 0, there: 0, proposed: 0, refused: 0 };
  for (const { status } of signatures) count[status]++;
  return count;
}

/** Without what only few runs can have. */
function toSummary(report: PushReport): object {
  const { proposed, ...count } = countByStatus(report);
  return proposed > 0 ? { ...count, proposed } : count;
}

/** For programs; stable. */
function toDocument({ report, giver, served }: PushResult): object {
  const { repository, branch, commit, signatures, proposal, refused } = report;
  return {
    version: 1,
    target: { repository, branch, ...(commit !== undefined && { commit }) },
    ...(proposal && { proposal }),
    ...(refused && { refused }),
    summary: toSummary(report),
    ...(typeof served === 'number' && { served: { milliseconds: Math.round(served) } }),
    signatures: signatures.map((one) => toSignatureDocument(one, giver)),
  };
}

function toSignatureDocument(one: PushedSignature, giver: RuleGiver): object {
  if (one.status === 'refused') {
    const { code, message, hint, breaksPulls } = cureFile(one, giver);
    return { origin: one.origin, status: one.status, code, message, hint, breaksPulls };
  }
  const { origin, status, path, isSame, signature, warnings } = one;
  return {
    origin,
    status,
    path,
    isSame,
    claims: formatClaims(signature.claims),
    signer: signature.signer ?? null,
    warnings,
  };
}
