// What `mirror-images` tells: for people a line an image and what came of all of them; for programs, an object whose
// form is stable.
import { styleText } from 'node:util';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { abbreviate, formatJson, toLine } from '../../generator/terms/text.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';
import { HOST_RULES, formatProposal, formatServed, formatUntried } from '../push/format-push.ts';
import { formatAcceptance } from '../push/rule-giver.ts';
import type { SignReport } from '../sign/format-signed.ts';
import type { MirrorOutcome, ImageMirrorResult, MirrorImageResult } from './image-mirror.ts';
import type { PlanObstacle } from './plan-images.ts';

export interface ImageMirrorReport
  extends ImageMirrorResult, Pick<SignReport, 'key' | 'to' | 'giver' | 'isDryRun'> {
  /** What is not in the plan, and why. */
  readonly obstacles: readonly PlanObstacle[];
}

type Status = MirrorOutcome['status'];

const LABELS = {
  mirrored: 'mirrored',
  there: 'already there',
  waiting: 'waiting',
  planned: 'would mirror',
  refused: 'refused',
  failed: 'failed',
} as const satisfies Record<Status, string>;
const COLOURS = {
  mirrored: 'green',
  there: 'green',
  waiting: 'yellow',
  planned: 'yellow',
  refused: 'red',
  failed: 'red',
} as const satisfies Record<Status, string>;
/** As they are told. */
const STATUSES: readonly Status[] = [
  'mirrored',
  'there',
  'waiting',
  'planned',
  'refused',
  'failed',
];
const WIDTH = Math.max(...Object.values(LABELS).map(({ length }) => length)) + 2;
const INDENT = ' '.repeat(WIDTH);
/** What a dry run does not try. */
const UNTRIED = ['the policy of upstream', 'the passphrase or PIN of the key', HOST_RULES];

/** 2 where something failed, 1 where something is missing or refused. */
export function exitCodeOfImages(report: ImageMirrorReport): number {
  const outcomes = outcomesOf(report);
  if (outcomes.some(({ status }) => status === 'failed')) return 2;
  return outcomes.some(({ status }) => status === 'refused') ? 1 : 0;
}

function outcomesOf({ images, obstacles }: ImageMirrorReport): readonly MirrorOutcome[] {
  return [...images, ...obstacles].map(({ outcome }) => outcome);
}

/** The report in full. */
export function formatMirroredImages(
  report: ImageMirrorReport,
  isJson: boolean,
  io: ProcessIo,
): string {
  if (isJson) return `${formatJson(toObject(report), 2)}\n`;
  const hasColours = hasColour(io.stdout, io.environment);
  const tell = (outcome: MirrorOutcome, text: string): readonly string[] => {
    const label = LABELS[outcome.status].padEnd(WIDTH);
    const painted = hasColours
      ? styleText(COLOURS[outcome.status], label, { validateStream: false })
      : label;
    const hint =
      'hint' in outcome && outcome.hint ? [`${INDENT}hint: ${toLine(outcome.hint)}`] : [];
    return [`${painted}${toLine(`${text}${describeOutcome(outcome)}`)}`, ...hint];
  };
  const lines = [
    ...report.images.flatMap((one) => tell(one.outcome, describeImage(one))),
    ...report.obstacles.flatMap(({ name, target, outcome }) =>
      tell(outcome, `${name} as ${target}`),
    ),
    toLine(summarize(report)),
    ...report.signed.flatMap(({ delivery, served }) => [
      ...(delivery?.proposal ? [formatProposal(delivery.proposal, delivery.proposal.into)] : []),
      ...(typeof served === 'number' ? [formatServed(served)] : []),
    ]),
    ...(outcomesOf(report).some(({ status }) => status === 'planned') && report.isDryRun
      ? [formatUntried(UNTRIED)]
      : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function describeImage({ image, outcome, copy, signatures }: MirrorImageResult): string {
  const { name, target, digestHex, there } = image;
  const isMoved = there !== undefined && there !== digestHex && outcome.status !== 'there';
  const instead = isMoved ? `, in place of sha256:${there}` : '';
  const made = signatures.filter(({ status }) => status === 'new').length;
  const done = [
    ...(copy === 'copied' ? ['copied'] : []),
    ...(made > 0 ? [`${plural(made, 'signature')} made`] : []),
  ];
  const what = done.length > 0 ? `: ${done.join(', ')}` : '';
  return `${name} as ${formatReference(target)}, sha256:${digestHex}${instead}${what}`;
}

function describeOutcome(outcome: MirrorOutcome): string {
  if (outcome.status === 'refused') return `: ${outcome.code}: ${outcome.message}`;
  return 'message' in outcome ? `: ${outcome.message}` : '';
}

function summarize(report: ImageMirrorReport): string {
  const { key, to, giver, signed } = report;
  const outcomes = outcomesOf(report);
  const parts = STATUSES.flatMap((status) => {
    const count = outcomes.filter((one) => one.status === status).length;
    return count === 0 ? [] : [`${count} ${LABELS[status]}`];
  });
  const fresh = signed.flatMap(({ signatures }) =>
    signatures.flatMap(({ outcome }) => (outcome.status === 'new' ? [outcome.warnings] : [])),
  );
  const told = `${plural(outcomes.length, 'image')}: ${parts.join(', ') || 'none'}`;
  if (fresh.length === 0) return told;
  const isProposed = signed.some(({ delivery }) => delivery?.proposal !== undefined);
  const commits = commitsOf(report).map((commit) => `, commit ${abbreviate(commit)}`);
  const by = `${plural(fresh.length, 'signature')} by ${key.name} (${key.fingerprint})`;
  const went = `${isProposed ? 'proposed for' : 'went to'} ${to}${commits.at(-1) ?? ''}`;
  return `${told}; ${by} ${went}; ${formatAcceptance(fresh, isProposed, giver)}`;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function commitsOf({ signed }: ImageMirrorReport): readonly string[] {
  return signed.flatMap(({ delivery }) => delivery?.commit ?? []);
}

/** For programs; stable. */
function toObject(report: ImageMirrorReport): object {
  const { key, to, isDryRun, images, obstacles, signed } = report;
  const outcomes = outcomesOf(report);
  const count = (status: Status): number => outcomes.filter((one) => one.status === status).length;
  return {
    version: 1,
    key: { fingerprint: key.fingerprint, name: key.name },
    to,
    commits: commitsOf(report),
    proposal: signed.find(({ delivery }) => delivery?.proposal)?.delivery?.proposal ?? null,
    dryRun: isDryRun,
    summary: Object.fromEntries(STATUSES.map((status) => [status, count(status)])),
    images: images.map(toImageObject),
    obstacles: obstacles.map(toObstacleObject),
  };
}

function toImageObject({ image, outcome, copy, signatures }: MirrorImageResult): object {
  const { name, target, digestHex, there, statements } = image;
  return {
    image: name,
    target: formatReference(target),
    digest: `sha256:${digestHex}`,
    before: there === undefined ? null : `sha256:${there}`,
    copy,
    ...outcome,
    signatures: statements.map(({ part, digestHex: hex }, at) => ({
      part,
      digest: `sha256:${hex}`,
      status: signatures[at]?.status ?? null,
    })),
  };
}

function toObstacleObject({ name, target, outcome }: PlanObstacle): object {
  return { name, target, ...outcome };
}
