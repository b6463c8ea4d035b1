// What a reader asks about keys that age: `at=` a time to come, `without=` keys by their fingerprints.
import type { Supposition } from '../../generator/forecast/accepted-signers.ts';
import { MOMENT_FORM, parseMoment, resolveMoment } from '../../generator/forecast/moment.ts';
import type { Policy } from '../../generator/policy/policy.ts';

/** Undefined where nothing was asked; a sentence without a full stop for what cannot be answered. */
export function readForecastQuery(
  { at, without }: { readonly at: string; readonly without: string },
  { keyring }: Pick<Policy, 'keyring'>,
  now: Date,
): Supposition | undefined | string {
  if (at === '' && without === '') return undefined;
  const moment = at === '' ? { at: now } : parseMoment(at);
  if (!moment) return `at: expected ${MOMENT_FORM}, got ${JSON.stringify(at)}`;
  const time = resolveMoment(moment, now);
  if (!time) return 'at: expected a time to come, got one that has passed';
  const keys = without
    .toUpperCase()
    .split(/[\s,]+/)
    .filter((key) => key !== '');
  const known = new Set(keyring?.parts.map(({ fingerprint }) => fingerprint));
  const unknown = keys.find((key) => !known.has(key));
  if (unknown === undefined) return { at: time, without: new Set(keys) };
  return `without: expected fingerprints of accepted keys, got ${JSON.stringify(unknown)}`;
}
