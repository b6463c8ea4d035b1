import { styleText } from 'node:util';
import type { CheckedRelease, JudgedOffer } from '../../generator/release/check-release.ts';
import { formatSignatureName } from '../../generator/terms/location.ts';
import { isRejection, type Rejection } from '../../generator/terms/rejection.ts';
import { formatJson } from '../../generator/terms/text.ts';
import { hasColour, type ProcessIo } from '../base/process-io.ts';

const NAMES = {
  'cluster-version-operator': 'cluster-version operator',
  'oc-mirror': 'oc-mirror',
  node: 'node',
} as const;
const WIDTH = 'cluster-version operator:  '.length;

/** For programs, an object whose form is stable; for people a block a digest, a line a client. */
export function formatCheckedReleases(
  releases: readonly CheckedRelease[],
  isJson: boolean,
  { stdout, environment }: ProcessIo,
): string {
  if (isJson) {
    const accepted = releases.every(({ verdicts }) => verdicts.every((one) => one.isAccepted));
    return `${formatJson({ version: 1, releases: releases.map(toJson), accepted }, 2)}\n`;
  }
  const isColoured = hasColour(stdout, environment);
  return releases.map((release) => formatRelease(release, isColoured)).join('\n');
}

function toJson({ digest, offers, verdicts }: CheckedRelease) {
  return {
    digest,
    clients: verdicts.map(({ client, isAccepted, reason }) => ({
      client,
      accepted: isAccepted,
      reason,
    })),
    signatures: offers.map(({ place, operator, mirror, node }, index) => ({
      number: index + 1,
      place,
      clusterVersionOperator: toVerdict(operator),
      ocMirror: mirror === undefined ? null : toVerdict(isRejection(mirror) ? mirror : undefined),
      node: toVerdict(node),
    })),
  };
}

function toVerdict(refusal: Rejection | undefined) {
  if (!refusal) return { status: 'accepted' };
  const { code, message, hint } = refusal;
  return { status: 'rejected', code, message, hint };
}

function formatRelease({ digest, offers, verdicts }: CheckedRelease, isColoured: boolean): string {
  const paint = (isAccepted: boolean): string => {
    const word = isAccepted ? 'accepts' : 'refuses';
    if (!isColoured) return word;
    return styleText(isAccepted ? 'green' : 'red', word, { validateStream: false });
  };
  const lines = verdicts.map(
    ({ client, isAccepted, reason }) =>
      `${`${NAMES[client]}:`.padEnd(WIDTH)}${paint(isAccepted)} it: ${reason}`,
  );
  const details = offers.flatMap((offer, index) => formatOffer(offer, index + 1));
  return [`release ${digest}`, ...lines, ...details].map((line) => `${line}\n`).join('');
}

/** What is wrong with one signature, for whom. */
function formatOffer(
  { place, operator, mirror, node }: JudgedOffer,
  number: number,
): readonly string[] {
  const refusals: readonly (readonly [string, Rejection | undefined])[] = [
    [NAMES['cluster-version-operator'], operator],
    [NAMES['oc-mirror'], mirror && isRejection(mirror) ? mirror : undefined],
    [NAMES.node, node],
  ];
  return refusals.flatMap(([client, refusal]) =>
    refusal
      ? [
          `${formatSignatureName(number)} (${place}), ${client}: ${refusal.code}: ${refusal.message}`,
          `  hint: ${refusal.hint}`,
        ]
      : [],
  );
}
