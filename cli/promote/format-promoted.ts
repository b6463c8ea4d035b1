// What `promote` tells: who has signed each image at its stage and what was copied, then as `sign` does.
import { styleText } from 'node:util';
import { formatReference } from '../../generator/policy/signed-identity.ts';
import { formatJson, formatTime, toLine } from '../../generator/terms/text.ts';
import { type FoundSigner, describeDemand } from '../../signing/stage/signer-demand.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';
import { type SignReport, formatSigned, toSignObject } from '../sign/format-signed.ts';
import { type AssessedImage, missingOf, signersOfAll } from './assess-images.ts';
import type { CopyOutcome } from './copy-images.ts';

export interface PromoteReport {
  readonly images: readonly AssessedImage[];
  /** By the names of images; empty where nothing was to be copied, or it did not come so far. */
  readonly copies: ReadonlyMap<string, CopyOutcome>;
  readonly signed: SignReport;
  /** Why images that are signed have not got their tags; undefined where nothing failed. */
  readonly failure: unknown;
}

const LABELS = { copied: 'copied', there: 'was there', refused: 'not copied' } as const;
const COLOURS = { copied: 'green', there: 'green', refused: 'red' } as const;
/** As wide as those of `sign`. */
const WIDTH = 15;

/** The report in full. */
export function formatPromoted(report: PromoteReport, isJson: boolean, io: ProcessIo): string {
  if (isJson) return `${formatJson(toObject(report), 2)}\n`;
  const { images, copies, signed } = report;
  const hasColours = hasColour(io.stdout, io.environment);
  const now = Date.now();
  const lines = images.flatMap((one) => {
    const { name, target, digestHex } = one.image;
    const signers = signersOfAll(one);
    const by = signers.length === 0 ? 'nobody' : signers.map(formatSigner).join(' and ');
    const age = formatAgeOf(signers, now);
    const told = `${'at its stage'.padEnd(WIDTH)}${name}, sha256:${digestHex}: signed by ${by}${age}`;
    const copy = copies.get(name);
    if (!copy) return [told];
    const label = LABELS[copy.status].padEnd(WIDTH);
    const painted = hasColours
      ? styleText(COLOURS[copy.status], label, { validateStream: false })
      : label;
    return [told, `${painted}${name} as ${formatReference(target)}`];
  });
  return `${lines.map((line) => `${toLine(line)}\n`).join('')}${formatSigned(signed, false, io)}`;
}

/** A signer for people. */
export function formatSigner({ fingerprint, name }: FoundSigner): string {
  return name === fingerprint ? fingerprint : `${name} (${fingerprint})`;
}

/** How long ago the last of some signers has signed, behind a comma; '' for none. */
export function formatAgeOf(signers: readonly FoundSigner[], now: number): string {
  if (signers.length === 0) return '';
  const newest = Math.max(...signers.map(({ signedAt }) => signedAt));
  return `, ${formatAge(now - newest)}`;
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

function formatAge(milliseconds: number): string {
  for (const [unit, length] of UNITS) {
    const count = Math.floor(milliseconds / length);
    if (count >= 1) return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
  }
  return 'just now';
}

/** For programs; stable. */
function toObject({ images, copies, signed }: PromoteReport): object {
  return {
    ...toSignObject(signed),
    promotions: images.map((one) => ({
      ...toImageObject(one),
      copy: copies.get(one.image.name) ?? null,
    })),
  };
}

/** What the stage says of an image, for programs. */
export function toImageObject(one: AssessedImage): object {
  const { name, target, digestHex } = one.image;
  return {
    image: name,
    target: formatReference(target),
    digest: `sha256:${digestHex}`,
    signers: signersOfAll(one).map(toSignerObject),
    missing: missingOf(one).map(describeDemand),
    parts: one.parts.map(({ statement, assessment }) => ({
      part: statement.part,
      digest: `sha256:${statement.digestHex}`,
      signers: assessment.signers.map(toSignerObject),
    })),
  };
}

function toSignerObject({ fingerprint, name, signedAt }: FoundSigner): object {
  return { fingerprint, name, signedAt: formatTime(signedAt) };
}
