// What `mirror` tells: a line for each manifest of which there is something to say, then what there is in all.
import { styleText } from 'node:util';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { type RefusedState, formatClaims } from '../../generator/store/report.ts';
import { formatJson, toLine, toPrintable } from '../../generator/terms/text.ts';
import {
  type MirrorReport,
  type MirroredDigest,
  type MirroredFile,
  type UntakenFile,
  isTaken,
} from '../../signing/mirror/mirror-report.ts';
import { type ProcessIo, hasColour } from '../base/process-io.ts';
import type { UsageError } from '../base/usage-error.ts';
import { formatProposal } from '../push/format-push.ts';

export interface MirrorResult {
  readonly report: MirrorReport;
  /** The address of the upstream, without a login. */
  readonly from: string;
  /** Entries of lists that are not mirrored, and what they are: `not below any --map`. */
  readonly leftOut: number;
  readonly leftOutAs: string;
  /** Entries of lists that name no manifest. */
  readonly passed: number;
  /** Images that the registry was asked for in vain. */
  readonly failures: readonly UsageError[];
  /** What to add to the configuration of the repository. */
  readonly advice: string | undefined;
}

type Status = MirroredDigest['status'];

const LABELS: Readonly<Record<Status, string>> = {
  new: 'mirrored',
  'would-be-new': 'would be new',
  proposed: 'was proposed',
  there: 'was there',
  missing: 'no signature',
  refused: 'refused',
  unknown: 'not known',
  unasked: 'not asked',
};
const COLOURS: Readonly<Record<Status, 'green' | 'yellow' | 'red'>> = {
  new: 'green',
  'would-be-new': 'green',
  proposed: 'green',
  there: 'green',
  missing: 'yellow',
  refused: 'red',
  unknown: 'red',
  unasked: 'red',
};
const WIDTH = 15;
/** As sentences count manifests. */
const COUNTED: Readonly<Record<Status, string>> = {
  new: 'with new signatures',
  'would-be-new': 'would get new signatures',
  proposed: 'proposed already',
  there: 'had all before',
  missing: 'without a signature upstream',
  refused: 'refused',
  unknown: 'not known',
  unasked: 'not asked, as the store did not answer',
};

/** The report in full. */
export function formatMirrored(
  result: MirrorResult,
  isJson: boolean,
  { stdout, environment }: Pick<ProcessIo, 'stdout' | 'environment'>,
): string {
  if (isJson) return `${formatJson(toDocument(result), 2)}\n`;
  const { report, advice } = result;
  const hasColours = hasColour(stdout, environment);
  const lines = [
    ...report.digests.flatMap((one) => formatDigest(one, hasColours)),
    ...(report.refused ? formatRefusedState(report.refused) : []),
    formatSummary(result),
    ...(report.proposal ? [formatProposal(report.proposal, report.branch)] : []),
  ];
  const told = lines.map((line) => `${line}\n`).join('');
  if (advice === undefined) return told;
  const where = toPrintable(report.repository);
  const cure = `${where} takes these signatures once it has the public keys, and these scopes in its lookaside.yaml`;
  const why =
    'the first for pulls by the name upstream, also through a mirror in registries.conf; remapIdentity for pulls by the name here';
  return `${told}hint: ${cure} (${why}):\n\n${advice}`;
}

function formatRefusedState({ code, message, hint }: RefusedState): readonly string[] {
  return [
    toLine(`${code}: the repository would be refused: ${message}`),
    toLine(`  hint: ${hint}`),
  ];
}

function formatDigest(one: MirroredDigest, hasColours: boolean): readonly string[] {
  const { wanted, status, files, doubt } = one;
  const untaken = files.filter((file) => !isTaken(file));
  const faults = untaken.filter((file) => file.status === 'refused');
  const isTold = faults.length > 0 || (doubt && status !== 'unasked');
  if (!isTold && (status === 'there' || status === 'unasked')) return [];
  const label = LABELS[status].padEnd(WIDTH);
  const painted = hasColours ? styleText(COLOURS[status], label, { validateStream: false }) : label;
  const name = nameOfManifest(wanted);
  const taken = files.length - untaken.length;
  const as = taken > 0 ? `: ${countOf(taken, 'signature')} in ${wanted.place.directory}` : '';
  const why = status === 'unknown' && doubt ? `: ${doubt.message}` : '';
  return [
    painted + toLine(`${name}${as}${why}`),
    ...faults.flatMap(formatFault),
    ...(doubt && status !== 'unknown' && status !== 'unasked'
      ? [toLine(`  there may be more upstream: ${doubt.message}`)]
      : []),
  ];
}

function formatFault({ number, by, rejection, signature }: UntakenFile): readonly string[] {
  const who = by === 'upstream' ? "by the upstream's keys" : 'by the rules of the repository';
  const identity = signature ? ` for ${signature.claims.dockerReference}` : '';
  return [
    toLine(`  number ${number}${identity}, ${who}: ${rejection.code}: ${rejection.message}`),
    toLine(`    hint: ${rejection.hint}`),
  ];
}

function formatSummary({ report, leftOut, leftOutAs, passed, failures }: MirrorResult): string {
  const { digests, repository, branch, commit, proposal } = report;
  const counts = countByStatus(report);
  const others = digests
    .flatMap(({ files }) => files)
    .filter(({ status }) => status === 'left-out').length;
  const parts = Object.entries(COUNTED).flatMap(([status, words]) => {
    const count = counts.get(status) ?? 0;
    return count > 0 ? [`${count} ${words}`] : [];
  });
  const notes = [
    ...(failures.length > 0
      ? [`not read at the registry: ${countOf(failures.length, 'image')}`]
      : []),
    ...(others > 0 ? [`left out: ${countOf(others, 'signature')} for names not taken here`] : []),
    ...(leftOut > 0 ? [`${leftOutAs}: ${countOf(leftOut, 'image')}`] : []),
    ...(passed > 0 ? [`without a manifest: ${countOf(passed, 'entry', 'entries')}`] : []),
  ];
  const at = commit === undefined ? '' : `, commit ${commit.slice(0, 12)}`;
  const all = countOf(digests.length, 'manifest');
  const what = parts.length === 0 ? 'no manifest was asked for' : `${all}: ${parts.join(', ')}`;
  const told = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  const done = describeDone(counts, proposal !== undefined && !proposal.isEarlier);
  return toPrintable(`${done} to ${repository}, ${branch}${at}; ${what}${told}`);
}

function describeDone(counts: ReadonlyMap<string, number>, isProposed: boolean): string {
  if (isProposed) return 'proposed';
  if (counts.has('new')) return 'mirrored';
  return counts.has('would-be-new') ? 'nothing was pushed' : 'nothing new';
}

function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function countByStatus({ digests }: MirrorReport): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { status } of digests) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}

/** A release may have no name but its digest. */
function nameOfManifest({ image, digestHex }: MirroredDigest['wanted']): string {
  const digest = `sha256:${digestHex}`;
  return image ? `${formatReference(image.upstream)}@${digest}` : digest;
}

/** For programs; stable. */
function toDocument(result: MirrorResult): object {
  const { report, from, leftOut, passed, failures, advice } = result;
  const { repository, branch, commit, digests, proposal, refused } = report;
  const counts = countByStatus(report);
  const summary = Object.keys(LABELS).map((status) => [status, counts.get(status) ?? 0] as const);
  return {
    version: 1,
    from,
    target: { repository, branch, ...(commit !== undefined && { commit }) },
    ...(proposal && { proposal }),
    ...(refused && { refused }),
    summary: Object.fromEntries(summary),
    notMapped: leftOut,
    notRead: passed,
    manifests: digests.map((one) => ({
      image: nameOfManifest(one.wanted),
      local: one.wanted.image ? formatReference(one.wanted.image.local) : null,
      directory: one.wanted.place.directory,
      status: one.status,
      doubt: one.doubt ?? null,
      signatures: one.files.map(toFileDocument),
    })),
    failures: failures.map(({ message, hint }) => ({ message, hint: hint ?? null })),
    advice: advice ?? null,
  };
}

function toFileDocument(file: MirroredFile): object {
  const { number, status, signature } = file;
  const signed = signature
    ? { claims: formatClaims(signature.claims), signer: signature.signer ?? null }
    : {};
  if (isTaken(file)) return { number, status, path: file.path ?? null, ...signed };
  const { code, message, hint, breaksPulls } = file.rejection;
  return { number, status, by: file.by, code, message, hint, breaksPulls, ...signed };
}
