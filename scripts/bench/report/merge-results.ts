import { type BenchResult, PART_NAMES } from './result.ts';

/**
 * Puts newly measured parts in the place of older ones. Throws if older ones would stay that were
 * measured on another machine or with other programs.
 */
export function mergeResults(older: BenchResult | undefined, newer: BenchResult): BenchResult {
  const measured = new Set(newer.parts.map(({ part }) => part));
  const kept = older?.parts.filter(({ part }) => !measured.has(part)) ?? [];
  if (older && kept.length > 0 && !isSameMachine(older, newer)) {
    const names = kept.map(({ part }) => part).join(', ');
    throw new Error(`${names} were measured on another machine: measure all parts again`);
  }
  const parts = [...kept, ...newer.parts].toSorted(
    (a, b) => PART_NAMES.indexOf(a.part) - PART_NAMES.indexOf(b.part),
  );
  const programs = { ...(kept.length > 0 && older?.machine.programs), ...newer.machine.programs };
  return { ...newer, machine: { ...newer.machine, programs }, parts };
}

function isSameMachine({ machine: a }: BenchResult, { machine: b }: BenchResult): boolean {
  const isSame = (name: string): boolean =>
    a.programs[name] === undefined ||
    b.programs[name] === undefined ||
    a.programs[name] === b.programs[name];
  return (
    a.processor === b.processor &&
    a.cores === b.cores &&
    a.memory === b.memory &&
    a.kernel === b.kernel &&
    Object.keys(a.programs).every(isSame)
  );
}
