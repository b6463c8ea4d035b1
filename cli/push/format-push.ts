import { styleText } from 'node:util';
import { formatClaims } from '../../generator/store/report.ts';
import { toPrintable } from '../../generator/terms/text.ts';
import type { PushReport, PushedSignature } from '../../signing/push/push-report.ts';

type Colour = 'green' | 'red' | 'yellow';

/** The report for people: a line a signature, then what was pushed where. */
export function formatPush(report: PushReport, colour: boolean): string {
  const paint = (name: Colour, text: string): string =>
    colour ? styleText(name, text, { validateStream: false }) : text;
  const lines = report.signatures.flatMap((one) => formatSignature(one, paint));
  return [...lines, formatOutcome(report, paint)].map((line) => `${line}\n`).join('');
}

type Paint = (name: Colour, text: string) => string;

function formatSignature(one: PushedSignature, paint: Paint): readonly string[] {
  if (one.status === 'refused') {
    const { code, message, hint } = one.rejection;
    const fault = `${toPrintable(one.origin)}: ${paint('red', code)}: ${toPrintable(message)}`;
    return [fault, `  hint: ${toPrintable(hint)}`];
  }
  const { claims, signer, warnings } = one.signature;
  const image = `${claims.dockerReference} ${claims.manifestDigest}`;
  const by = signer ? `, signed by ${signer.primaryFingerprint}` : '';
  const lines = [toPrintable(`${image}: ${describe(one)} ${one.path}${by}`)];
  for (const { code, message } of one.status === 'there' ? [] : warnings) {
    lines.push(`  ${paint('yellow', code)}: ${toPrintable(message)}`);
  }
  return lines;
}

function describe({ status, isSame }: Exclude<PushedSignature, { status: 'refused' }>): string {
  switch (status) {
    case 'new':
      return 'new:';
    case 'would-be-new':
      return 'would be new:';
    case 'there':
      return isSame ? 'already there:' : 'already there by the same signer:';
  }
}

function formatOutcome(report: PushReport, paint: Paint): string {
  const count = countByStatus(report);
  const where = toPrintable(`${report.repository} (${report.branch})`);
  const parts = [
    count.new > 0 && `${count.new} new`,
    count['would-be-new'] > 0 && `${count['would-be-new']} would be new`,
    count.there > 0 && `${count.there} already there`,
    count.refused > 0 && `${count.refused} refused`,
  ].filter((part) => part !== false);
  const commit = report.commit === undefined ? '' : `, commit ${report.commit.slice(0, 12)}`;
  if (count.new > 0) {
    const accepted = 'nodes with its policy accept what is new';
    return `${paint(count.refused > 0 ? 'red' : 'green', 'pushed')} to ${where}${commit}: ${parts.join(', ')}; ${accepted}`;
  }
  return `${paint(count.refused > 0 ? 'red' : 'green', 'nothing pushed')} to ${where}${commit}: ${parts.join(', ')}`;
}

function countByStatus({ signatures }: PushReport): Record<PushedSignature['status'], number> {
  const count = { new: 0, 'would-be-new': 0, there: 0, refused: 0 };
  for (const { status } of signatures) count[status]++;
  return count;
}

/** The report for programs; stable. */
export function toPushDocument(report: PushReport): object {
  const { repository, branch, commit, signatures, proposal } = report;
  return {
    target: { repository, branch, ...(commit !== undefined && { commit }) },
    ...(proposal && { proposal }),
    summary: countByStatus(report),
    signatures: signatures.map(toSignatureDocument),
  };
}

function toSignatureDocument(one: PushedSignature): object {
  if (one.status === 'refused') {
    const { code, message, hint, breaksPulls } = one.rejection;
    return { origin: one.origin, status: one.status, code, message, hint, breaksPulls };
  }
  const { origin, status, path, isSame, signature } = one;
  return {
    origin,
    status,
    path,
    isSame,
    claims: formatClaims(signature.claims),
    signer: signature.signer ?? null,
    warnings: signature.warnings,
  };
}
