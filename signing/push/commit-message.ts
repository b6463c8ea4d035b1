import type { Signature } from '../../generator/gate/judge.ts';
import { toLine } from '../../generator/terms/text.ts';

/** What the message says of a signature. */
export interface SaidSignature extends Pick<Signature, 'claims'> {
  readonly signer?: Pick<NonNullable<Signature['signer']>, 'primaryFingerprint'> | undefined;
}

/** What was done to images, as subjects of commits begin. */
export type CommitVerb = 'Sign' | 'Mirror';

/** Longer subjects are cut by those who show them. */
const SUBJECT_LENGTH = 72;
/** Of a release with more, the commit itself tells. */
const MOST_LINES = 200;

/** The message of a commit of signatures: which images, by whom, and by which run of CI. */
export function formatCommitMessage(
  signatures: readonly SaidSignature[],
  run: string | undefined,
  verb?: CommitVerb,
): string {
  const lines = new Set(
    signatures.map(({ claims, signer }) => {
      const by = signer ? ` by ${signer.primaryFingerprint}` : '';
      return toLine(`${claims.dockerReference} ${claims.manifestDigest}${by}`);
    }),
  );
  const shown = [...lines].slice(0, MOST_LINES);
  if (lines.size > shown.length) shown.push(`and ${lines.size - shown.length} more`);
  const trailer = run === undefined ? '' : `\n${toLine(run)}\n`;
  return `${formatSubject(signatures, verb)}\n\n${shown.join('\n')}\n${trailer}`;
}

/** `Sign quay.io/team/app:v1, …`, as far as it fits. */
export function formatSubject(
  signatures: readonly SaidSignature[],
  verb: CommitVerb = 'Sign',
): string {
  const images = [...new Set(signatures.map(({ claims }) => toLine(claims.dockerReference)))];
  let subject = `${verb} ${images[0] ?? 'nothing'}`;
  for (const [index, image] of images.entries()) {
    if (index === 0) continue;
    const left = images.length - index;
    const rest = ` and ${left} more`;
    const longer = `${subject}, ${image}`;
    const room = index === images.length - 1 ? SUBJECT_LENGTH : SUBJECT_LENGTH - rest.length;
    if (longer.length > room) return `${subject}${rest}`;
    subject = longer;
  }
  return subject;
}
