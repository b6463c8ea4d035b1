// Which missing signatures become events, with a clock that the test sets.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { MissingImage } from '../../../server/events/cloud-event.ts';
import {
  type MissingLimits,
  MissingSignatures,
} from '../../../server/events/missing-signatures.ts';

const LIMITS: MissingLimits = {
  interval: 3_600_000,
  perMinute: 3,
  settling: 2000,
  waiting: 10,
  remembered: 100,
};

interface Sent {
  readonly directory: string;
  readonly omitted: number;
}

class World {
  clock = 0;
  omitted = 0;
  readonly sent: Sent[] = [];
  /** Images that have a signature by now. */
  readonly signed = new Set<string>();
  /** Done while reasons are looked for. */
  onReasons: () => void = () => undefined;
  readonly missing: MissingSignatures;

  constructor(limits = LIMITS) {
    this.missing = new MissingSignatures({
      find: (directory) => (this.signed.has(directory) ? undefined : toImage(directory)),
      isKnown: (directory) => directory.startsWith('known'),
      findReasons: async () => {
        this.onReasons();
        return new Map();
      },
      send: ({ directory }, _reason, omitted) => void this.sent.push({ directory, omitted }),
      onOmitted: (images) => void (this.omitted += images),
      elapsed: () => this.clock,
      limits,
    });
  }

  ask(...directories: readonly string[]): void {
    for (const directory of directories) this.missing.note(`${directory}/signature-1`);
  }

  async pass(milliseconds: number): Promise<void> {
    this.clock += milliseconds;
    await this.missing.look();
  }

  get names(): readonly string[] {
    return this.sent.map(({ directory }) => directory);
  }
}

describe('missing signatures', () => {
  it('are told once they have settled, and again after an hour', async () => {
    const world = new World();
    world.ask('known/a', 'known/a');
    await world.pass(1999);
    assert.deepEqual(world.names, []);
    await world.pass(1);
    assert.deepEqual(world.names, ['known/a']);
    world.ask('known/a');
    await world.pass(LIMITS.interval - 1);
    assert.deepEqual(world.names, ['known/a']);
    world.ask('known/a');
    await world.pass(1);
    world.ask('known/a');
    await world.pass(2000);
    assert.deepEqual(world.names, ['known/a', 'known/a']);
    assert.equal(world.omitted, 0);
  });

  it('are not told when the signature comes', async () => {
    const world = new World();
    world.ask('known/a', 'known/b');
    world.signed.add('known/a');
    world.onReasons = () => void world.signed.add('known/b');
    await world.pass(2000);
    assert.deepEqual(world.names, []);
    assert.equal(world.omitted, 0);
  });

  it('are told of known repositories first, so many a minute, and what is left out is counted', async () => {
    const world = new World();
    world.ask('x/1', 'x/2', 'known/a', 'x/3', 'known/b');
    await world.pass(2000);
    assert.deepEqual(world.names, ['known/a', 'known/b', 'x/1']);
    // Too late for the others.
    await world.pass(20_000);
    assert.deepEqual(world.names.slice(3), ['x/2']);
    world.clock += 37_999;
    await world.missing.look();
    await world.pass(60_000);
    assert.deepEqual(world.names.slice(4), ['x/3']);
    assert.equal(world.omitted, 0);
    world.ask(...Array.from({ length: 12 }, (_, number) => `x/more-${number}`));
    assert.equal(world.omitted, 2, 'no room');
    await world.pass(60_000);
    assert.equal(world.sent.length, 8);
    assert.equal(world.sent[5]?.omitted, 2);
    assert.equal(world.omitted, 9, 'waited for a minute');
    world.ask('known/c');
    await world.pass(60_000);
    assert.deepEqual(world.sent.at(-1), { directory: 'known/c', omitted: 7 });
  });

  it('are told at a stop as far as that is allowed', async () => {
    const world = new World();
    world.ask('x/1', 'x/2', 'x/3', 'x/4', 'known/a');
    await world.missing.close();
    assert.deepEqual(world.names, ['known/a', 'x/1', 'x/2']);
    assert.equal(world.omitted, 2);
  });

  it('are never told too often, whatever is asked for', async () => {
    const step = fc.record({
      asked: fc.array(fc.constantFrom('known/a', 'known/b', 'x/1', 'x/2', 'x/3', 'x/4', 'x/5')),
      pause: fc.constantFrom(0, 500, 2000, 30_000, 600_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const world = new World({ ...LIMITS, waiting: 3, remembered: 4 });
        const sentAt: number[] = [];
        for (const { asked, pause } of steps) {
          world.ask(...asked);
          await world.pass(pause);
          while (sentAt.length < world.sent.length) sentAt.push(world.clock);
        }
        for (const [at, time] of sentAt.entries()) {
          const before = sentAt[at - 2 * LIMITS.perMinute];
          assert(
            before === undefined || time - before >= 60_000,
            'more than twice what is allowed',
          );
        }
        const told = world.sent.reduce((sum, { omitted }) => sum + omitted, 0);
        assert(told <= world.omitted);
        await world.missing.close();
      }),
      { numRuns: 60 },
    );
  });
});

function toImage(directory: string): MissingImage {
  const seen = { count: 1, firstSeen: 0, lastSeen: 0 };
  return { directory, ...seen, clients: [], hasMoreClients: false };
}
