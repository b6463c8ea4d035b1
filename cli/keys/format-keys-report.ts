// What `keys` prints: each key, then the images that would be lost, which are the list of those to sign again.
import { styleText } from 'node:util';
import { type LostImage, NO_COVERAGE } from '../../generator/forecast/forecast.ts';
import type { KeyPartReport, KeyReport } from '../../generator/forecast/key-report.ts';
import {
  formatToSign,
  sortLost,
  toForecastObject,
  toKeysObject,
} from '../../generator/forecast/keys-object.ts';
import type { KeyState } from '../../generator/openpgp/keys/key-state.ts';
import { formatJson, formatTime, toLine } from '../../generator/terms/text.ts';
import type { Settings } from '../base/options.ts';
import { type ProcessIo, hasColour } from '../base/process-io.ts';
import type { KeysReport } from './keys.ts';

/** The report in full; with `--list`, a line for each lost image as `sign --images` reads it. */
export function formatKeysReport(
  report: KeysReport,
  { format, list }: Pick<Settings, 'format' | 'list'>,
  io: ProcessIo,
): string {
  const lost = sortLost(report.forecast.lost);
  if (list) return lost.map((image) => `${formatToSign(image)}\n`).join('');
  if (format === 'json') return `${formatJson(toObject(report, lost), 2)}\n`;
  const lines = [
    ...report.keys.flatMap((key) => describeKey(key, report, io)),
    ...lost.map((image) => describeLost(image, io)),
    ...describeForecast(report),
  ];
  return lines.map((line) => `${toLine(line)}\n`).join('');
}

function describeKey(key: KeyReport, { forecast, now }: KeysReport, io: ProcessIo): string[] {
  const { images, soleImages, signatures } = forecast.keys.get(key.fingerprint) ?? NO_COVERAGE;
  const users = key.userIds.length > 0 ? `  ${key.userIds.join(', ')}` : '';
  const colour = COLOURS[key.state.kind];
  const state = paint(describeState(key.state, now), colour, io);
  return [
    `${key.fingerprint}${users}`,
    `  ${state}`,
    ...key.parts.map((part) => `  ${describePart(part)}`),
    `  scopes: ${key.scopes.map((name) => (name === '' ? 'the default' : name)).join(', ')}`,
    `  covers ${count(images, 'image')}, ${soleImages} of them alone, by ${count(signatures, 'signature')}`,
    ...key.objections.map(({ message }) => `  ${message}`),
  ];
}

const COLOURS = {
  good: 'green',
  expires: 'green',
  unknown: 'yellow',
  expired: 'red',
  revoked: 'red',
  'cannot-sign': 'red',
} as const;
type Colour = (typeof COLOURS)[keyof typeof COLOURS];

function describeState(state: KeyState, now: Date): string {
  switch (state.kind) {
    case 'good':
      return 'does not expire';
    case 'expires':
      return `expires on ${state.at}, in ${count(daysUntil(state.at, now), 'day')}`;
    case 'expired':
      return `expired on ${state.at}`;
    case 'revoked':
      return 'revoked';
    case 'cannot-sign':
      return 'has no part that may sign';
    case 'unknown':
      return 'cannot be read here';
  }
}

function daysUntil(time: string, now: Date): number {
  return Math.floor((Date.parse(time) - now.getTime()) / 86_400_000);
}

function describePart({ kind, fingerprint, algorithm, expires, isSigner }: KeyPartReport): string {
  const what = kind === 'primary' ? 'primary key' : `subkey ${fingerprint}`;
  const until = isSigner
    ? `, signs${expires === null ? '' : ` until ${expires}`}`
    : ', does not sign';
  return `${what}: ${algorithm.label}${until}`;
}

function describeLost(image: LostImage, io: ProcessIo): string {
  const by = image.signers.length > 0 ? `, signed by ${image.signers.join(' and ')}` : '';
  return `${paint('lost', 'red', io)}  ${formatToSign(image)}${by}`;
}

function describeForecast({ forecast, supposition, now }: KeysReport): readonly string[] {
  const { images, signatures, lostImages, lostSignatures, revived } = forecast;
  const accepted = `accepted now: ${count(images, 'image')}, ${count(signatures, 'signature')}`;
  if (!supposition) return [accepted];
  const { at, without } = supposition;
  const when = [
    ...(at.getTime() === now.getTime() ? [] : [`at ${formatTime(at.getTime())}`]),
    ...(without.size > 0 ? [`without ${[...without].join(' and ')}`] : []),
  ].join(' ');
  return [
    `${accepted}; ${when}, ${count(lostImages, 'image')} would be refused, and ${count(lostSignatures, 'signature')} would count no more`,
    ...revived.map(
      (key) => `note: ${key} is not good now and would be then; its signatures are not counted`,
    ),
    ...(lostImages > 0 ? ['hint: --list prints these images for `lookaside sign --images`'] : []),
  ];
}

function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`;
}

function paint(text: string, colour: Colour, { stdout, environment }: ProcessIo): string {
  return hasColour(stdout, environment) ? styleText(colour, text, { validateStream: false }) : text;
}

/** For programs; stable. */
function toObject(
  { source, keys, keyFaults, supposition, forecast, undecided }: KeysReport,
  lost: readonly LostImage[],
): object {
  return {
    version: 1,
    source,
    ...toKeysObject(keys, forecast),
    undecided,
    ...(supposition && { forecast: toForecastObject(supposition, forecast, lost) }),
    ...(keyFaults && { keyFaults }),
  };
}
