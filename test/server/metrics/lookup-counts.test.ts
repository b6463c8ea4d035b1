import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Outcome } from '../../../server/lookups/lookup.ts';
import { type Clocks, LookupCounts } from '../../../server/metrics/lookup-counts.ts';

const OUTCOMES: readonly Outcome[] = ['served', 'end', 'unsigned', 'unknown', 'loading', 'refused'];
const MINUTE = 60_000;
const START = Date.parse('2026-11-20T12:34:56.789Z');

class FakeClocks implements Clocks {
  readonly elapsed = (): number => this.#elapsed;
  readonly now = (): number => START + this.#elapsed + this.#jumped;
  #elapsed = 1234.5;
  #jumped = 0;
  pass(milliseconds: number): void {
    this.#elapsed += milliseconds;
  }
  jump(milliseconds: number): void {
    this.#jumped += milliseconds;
  }
}

function setUp(): { readonly clocks: FakeClocks; readonly counts: LookupCounts } {
  const clocks = new FakeClocks();
  return { clocks, counts: new LookupCounts(clocks) };
}

const floor = (time: number): number => Math.floor(time / MINUTE);
const toText = (minute: number): string => new Date(minute * MINUTE).toISOString();

describe('the counts of lookups', () => {
  it('are zeros at first, for an hour of whole minutes', () => {
    const { clocks, counts } = setUp();
    assert.deepEqual(Object.keys(counts.totals()).toSorted(), OUTCOMES.toSorted());
    assert.ok(Object.values(counts.totals()).every((count) => count === 0));
    const hour = counts.lastHour();
    const last = floor(clocks.now());
    assert.deepEqual(
      hour.map(({ at }) => at),
      Array.from({ length: 60 }, (_, index) => toText(last - 60 + index)),
    );
    const nothing = { served: 0, end: 0, unsigned: 0, unknown: 0, loading: 0 };
    for (const { at, ...rest } of hour) assert.deepEqual(rest, nothing, at);
  });

  it('are of the minute in which the lookup was answered, once that is over', () => {
    const { clocks, counts } = setUp();
    counts.add('served', clocks.elapsed());
    assert.equal(counts.totals().served, 1);
    assert.equal(counts.lastHour().at(-1)?.served, 0);
    clocks.pass(MINUTE);
    const { at, served } = counts.lastHour().at(-1) ?? {};
    assert.deepEqual([at, served], [toText(floor(clocks.now()) - 1), 1]);
    clocks.pass(59 * MINUTE);
    assert.equal(counts.lastHour()[0]?.served, 1);
    clocks.pass(MINUTE);
    assert.ok(counts.lastHour().every((minute) => minute.served === 0));
    assert.equal(counts.totals().served, 1);
  });

  it('have durations in buckets, and what took longer than all', () => {
    const { clocks, counts } = setUp();
    for (const seconds of [0, 0.000_01, 0.000_02, 0.3, 1, 7]) {
      counts.add('end', clocks.elapsed() - seconds * 1000);
    }
    const samples = new Map(
      counts.durations
        .format('d')
        .trimEnd()
        .split('\n')
        .map((line): [string, number] => {
          const [name = '', value] = line.split(' ');
          return [name, Number(value)];
        }),
    );
    const upTo = (bound: string): number | undefined => samples.get(`d_bucket{le="${bound}"}`);
    // The clock's own rounding decides on which side of a bound a duration falls.
    assert.ok([1, 2].includes(upTo('0.00001') ?? 0));
    assert.deepEqual(['0.000025', '0.25', '0.5', '+Inf'].map(upTo), [3, 3, 4, 6]);
    assert.deepEqual([samples.get('d_count'), samples.size], [6, 19]);
    assert.ok(Math.abs((samples.get('d_sum') ?? 0) - 8.300_03) < 1e-6);
  });

  it('are those of a list of all lookups, whatever time does', () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.record({ add: fc.constantFrom(...OUTCOMES) }) },
      { weight: 4, arbitrary: fc.record({ pass: fc.nat(MINUTE) }) },
      { weight: 1, arbitrary: fc.record({ pass: fc.nat(90 * MINUTE) }) },
      { weight: 1, arbitrary: fc.record({ jump: fc.integer({ min: -1e8, max: 1e8 }) }) },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), (events) => {
        const { clocks, counts } = setUp();
        const offset = clocks.now() - clocks.elapsed();
        const minuteNow = (): number => floor(clocks.elapsed() + offset);
        const lookups: { readonly minute: number; readonly outcome: Outcome }[] = [];
        for (const each of events) {
          if ('add' in each) {
            counts.add(each.add, clocks.elapsed());
            lookups.push({ minute: minuteNow(), outcome: each.add });
          } else if ('pass' in each) clocks.pass(each.pass);
          else clocks.jump(each.jump);
        }
        const countOf = (outcome: Outcome, minute?: number): number =>
          lookups.filter(
            (lookup) =>
              lookup.outcome === outcome && (minute === undefined || lookup.minute === minute),
          ).length;
        for (const outcome of OUTCOMES) assert.equal(counts.totals()[outcome], countOf(outcome));
        const hour = counts.lastHour();
        assert.equal(hour.length, 60);
        for (const [index, { at, ...shown }] of hour.entries()) {
          const minute = minuteNow() - 60 + index;
          for (const [outcome, count] of Object.entries(shown)) {
            assert.equal(count, countOf(outcome as Outcome, minute), `${outcome} at ${at}`);
          }
        }
        // Neighbours by the wall clock, and the last of them over for less than two minutes.
        const times = hour.map(({ at }) => Date.parse(at));
        for (const [index, time] of times.slice(1).entries()) {
          assert.equal(time - (times[index] ?? 0), MINUTE);
        }
        const age = clocks.now() - (times.at(-1) ?? 0);
        assert.ok(age >= MINUTE / 2 && age <= 2.5 * MINUTE, `${age}`);
      }),
    );
  });
});
