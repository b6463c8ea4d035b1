import assert from 'node:assert/strict';
import { planSteps } from './chaos/plan.ts';
import { STEPS } from './chaos/steps.ts';

const ROUND = STEPS.reduce((sum, { times = 1 }) => sum + times, 0);

/** The names of the first steps, and what each draws first. */
function take(seed: number, count: number): readonly string[] {
  const plan = planSteps(seed, STEPS);
  return Array.from({ length: count }, () => {
    const { step, random } = plan.next().value;
    return `${step.name} ${random.below(1_000_000)}`;
  });
}

describe('the plan of a chaos run', () => {
  it('is the same for the same seed, and another for another', () => {
    assert.deepEqual(take(7, 2 * ROUND), take(7, 2 * ROUND));
    assert.notDeepEqual(take(7, ROUND), take(8, ROUND));
  });

  it('has every step in every round, as often as it says', () => {
    const plan = planSteps(1, STEPS);
    const names = Array.from({ length: ROUND }, () => plan.next().value.step.name);
    const expected = STEPS.flatMap(({ name, times = 1 }) => Array<string>(times).fill(name));
    assert.deepEqual(names.toSorted(), expected.toSorted());
  });

  it('has no two steps of one name', () => {
    assert.equal(new Set(STEPS.map(({ name }) => name)).size, STEPS.length);
  });
});
