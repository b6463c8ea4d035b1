/** Which step comes when, and with which choices: all of it follows from the seed. */
import { makeRandom, type Random } from '../../fuzz/random.ts';
import type { Step } from './steps.ts';

export interface Planned {
  readonly number: number;
  readonly step: Step;
  /** Its own, so that what one step draws changes nothing for the next. */
  readonly random: Random;
}

/** Steps without end, in rounds: in each every step comes as often as it says, in a new order. */
export function* planSteps(seed: number, steps: readonly Step[]): Generator<Planned, never> {
  const random = makeRandom(seed);
  const round = steps.flatMap((step) => Array.from({ length: step.times ?? 1 }, () => step));
  if (round.length === 0) throw new Error('there are no steps to choose from');
  let number = 0;
  for (;;) {
    for (const step of shuffle(round, random)) {
      number++;
      yield { number, step, random: makeRandom(random.below(2 ** 32)) };
    }
  }
}

function shuffle<T>(values: readonly T[], random: Random): readonly T[] {
  const shuffled = [...values];
  for (let left = shuffled.length; left > 1; left--) {
    const chosen = random.below(left);
    const [last, other] = [shuffled[left - 1], shuffled[chosen]];
    if (last === undefined || other === undefined) continue;
    [shuffled[left - 1], shuffled[chosen]] = [other, last];
  }
  return shuffled;
}
