import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { PullLimits } from '../../../server/refused/pull-memory.ts';
import {
  MAX_CLIENTS,
  MAX_CLIENT_LENGTH,
  MAX_REPOSITORY_LENGTH,
  MAX_RESOLVED,
  MAX_UNSEEN,
} from '../../../server/refused/refused-pull.ts';
import { RefusedPulls } from '../../../server/refused/refused-pulls.ts';
import { NaivePulls } from './naive-pulls.ts';
import { directoryOf, firstLocation } from './paths.ts';

const APP = 'quay.io/team/app';
const TOO_LONG = 'a/'.repeat(MAX_REPOSITORY_LENGTH / 2) + 'b';
/** So small that few steps reach every bound. */
const LIMITS: PullLimits = { known: 8, others: 5, ofRepository: 4 };

const repository = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', TOO_LONG);
const recorded = fc.record({
  what: fc.constant('record' as const),
  repository,
  digest: fc.nat({ max: 7 }),
  client: fc.nat({ max: 11 }).map((end) => `10.0.0.${end}`),
  /** Clocks go on, and are set back. */
  later: fc.integer({ min: -2, max: 10 }),
});
const turned = fc.record({ what: fc.constant('turn' as const), repository });
const settled = fc.record({
  what: fc.constant('settle' as const),
  signed: fc.array(fc.tuple(repository, fc.nat({ max: 7 })), { maxLength: 6 }),
});
const passed = fc.record({
  what: fc.constant('pass' as const),
  days: fc.constantFrom(1, 3, 7),
});
const restarted = fc.record({ what: fc.constant('restart' as const) });
const step = fc.oneof({ weight: 12, arbitrary: recorded }, turned, settled, restarted, passed);

const recordOf = (name: string, number: number) => ({
  what: 'record' as const,
  repository: name,
  digest: number,
  client: '10.0.0.0',
  later: 0,
});
const turnOf = (name: string) => ({ what: 'turn' as const, repository: name });
/** A repository becomes known with more than there is room for, by a pull that is seen again. */
const SEEN_AGAIN_WHEN_KNOWN = [
  turnOf('c'),
  turnOf('f'),
  ...[7, 7, 5, 5, 3, 3, 6, 6].map((number) => recordOf('c', number)),
  ...[3, 3, 6, 6].map((number) => recordOf('f', number)),
  ...[7, 0, 1].map((number) => recordOf('d', number)),
  turnOf('d'),
  recordOf('d', 7),
];

const byDirectory = <Item extends { readonly directory: string }>(items: readonly Item[]) =>
  items.toSorted((one, other) => (one.directory < other.directory ? -1 : 1));

/** Pulls of repositories and digests, as an earlier run may have left them. */
const toPulls = (pairs: readonly (readonly [string, number])[]) =>
  pairs.map(([name, number]) => ({
    directory: directoryOf(name, number),
    count: 1 + (number % 2),
    firstSeen: 1,
    lastSeen: 2,
    clients: [],
    hasMoreClients: false,
  }));

function assertNewestFirst(times: readonly number[]): void {
  assert.deepEqual(
    times,
    times.toSorted((one, other) => other - one),
  );
}

function assertAlike(pulls: RefusedPulls, model: NaivePulls): void {
  const list = pulls.list();
  assert.deepEqual(
    byDirectory(list),
    byDirectory(model.pulls).map((pull) => model.shown(pull)),
  );
  assertNewestFirst(list.map(({ lastSeen }) => lastSeen));
  for (const pull of list) {
    assert.deepEqual(pulls.find(pull.directory), pull);
    assert(pull.firstSeen <= pull.lastSeen);
    assert(pull.clients.length <= MAX_CLIENTS);
    assert.equal(new Set(pull.clients).size, pull.clients.length);
  }
  assert.equal(pulls.count(), list.length);
  assert.equal(pulls.dropped(), model.dropped.length + model.tooLong);
  const saved = pulls.save();
  assert(saved.known.length <= LIMITS.known && saved.others.length <= LIMITS.others);
  assert.equal(saved.known.length, model.inPool(true).length);
  for (const { name } of model.repositories) {
    assert(model.of(name).length <= LIMITS.ofRepository);
  }
}

const isOf = (name: string, { directory }: { readonly directory: string }): boolean =>
  directory.startsWith(`${name}@`);

describe('server: refused pulls', () => {
  it('are what a plain list has, whatever is asked for and comes to be known', () => {
    const property = fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const known = new Set<string>();
      const isKnown = (name: string) => known.has(name);
      let clock = 1000;
      const options = { isKnown, now: () => clock, limits: LIMITS };
      let pulls = new RefusedPulls(options);
      const model = new NaivePulls(known, LIMITS);
      let records = 0;
      for (const one of steps) {
        const version = pulls.version();
        const before = pulls.save();
        if (one.what === 'record') {
          clock += one.later;
          records++;
          const directory = directoryOf(one.repository, one.digest);
          pulls.record(firstLocation(directory), one.client);
          model.record(directory, one.client, clock);
          model.forgetUnseen(clock);
        } else if (one.what === 'turn') {
          if (!known.delete(one.repository)) known.add(one.repository);
        } else if (one.what === 'settle') {
          const signed = new Set(one.signed.map(([name, digest]) => directoryOf(name, digest)));
          const isSigned = (directory: string) => signed.has(directory);
          const arrived = pulls.settle(isSigned, 'c0ffee');
          const expected = model.settle(isSigned).map((pull) => model.shown(pull));
          const arrivalOf = ({ firstSeen }: { readonly firstSeen: number }) => ({
            arrivedAt: Math.max(clock, firstSeen),
            commit: 'c0ffee',
          });
          assertNewestFirst(arrived.map(({ lastSeen }) => lastSeen));
          assert.deepEqual(
            byDirectory(arrived),
            byDirectory(expected).map((pull) => Object.assign(pull, arrivalOf(pull))),
          );
          assert.deepEqual(pulls.resolved().slice(0, arrived.length), arrived);
        } else if (one.what === 'pass') {
          clock += (one.days / 7) * MAX_UNSEEN;
          model.forgetUnseen(clock);
        } else {
          pulls = new RefusedPulls({ ...options, saved: pulls.save() });
          assert.deepEqual(pulls.save(), before);
          continue;
        }
        assertAlike(pulls, model);
        if (pulls.version() === version) assert.deepEqual(pulls.save(), before);
      }
      const all = [...model.pulls, ...model.dropped, ...model.resolved, ...model.unseen];
      const counted = all.reduce((sum, { times }) => sum + times.length, 0);
      assert.equal(counted + model.tooLong, records);
    });
    fc.assert(property, { numRuns: 400, examples: [[SEEN_AGAIN_WHEN_KNOWN]] });
  });

  it('of known repositories stay when seen again, whatever else is asked for', () => {
    const noise = fc.record({
      repository: fc.oneof(
        fc.nat({ max: 500 }).map((number) => `invented/${number}`),
        fc.constantFrom('known/0', 'known/1', 'other'),
      ),
      digest: fc.nat({ max: 5000 }),
      times: fc.integer({ min: 1, max: 3 }),
    });
    const limits = { known: 3 * LIMITS.ofRepository, others: 5, ofRepository: LIMITS.ofRepository };
    const property = fc.property(fc.array(noise, { maxLength: 200, size: 'max' }), (asked) => {
      const pulls = new RefusedPulls({ isKnown: (name) => name.startsWith('known/'), limits });
      const real = directoryOf('known/real', 1);
      const ask = (directory: string) => pulls.record(firstLocation(directory), '10.0.0.1');
      ask(real);
      ask(real);
      for (const { repository: name, digest, times } of asked) {
        for (let time = 0; time < times; time++) ask(directoryOf(name, digest));
      }
      assert.equal(pulls.find(real)?.count, 2);
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('that were seen again stay as long as there are some that were seen once', () => {
    const asked = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat({ max: 9 }));
    const property = fc.property(fc.array(asked, { maxLength: 200, size: 'max' }), (all) => {
      const pulls = new RefusedPulls({ isKnown: () => true, limits: LIMITS });
      for (const [name, number] of all) {
        const before = pulls.list();
        const directory = directoryOf(name, number);
        pulls.record(firstLocation(directory), '10.0.0.1');
        const gone = before.filter((pull) => !pulls.find(pull.directory));
        const isFull = before.filter((pull) => isOf(name, pull)).length >= LIMITS.ofRepository;
        const rivals = isFull ? before.filter((pull) => isOf(name, pull)) : before;
        if (gone.some(({ count }) => count > 1)) assert(rivals.every(({ count }) => count > 1));
        assert(gone.length <= 1 && gone.every((pull) => !isFull || isOf(name, pull)));
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('that are seen again stay when that makes their repository a known one', () => {
    const known = new Set(['a', 'b']);
    const pulls = new RefusedPulls({ isKnown: (name) => known.has(name), limits: LIMITS });
    const ask = (name: string, number: number) =>
      pulls.record(firstLocation(directoryOf(name, number)), '10.0.0.1');
    for (const name of [...known, ...known]) {
      for (let number = 0; number < LIMITS.ofRepository; number++) ask(name, number);
    }
    ask('c', 1);
    known.add('c');
    for (const count of [2, 3]) {
      ask('c', 1);
      assert.equal(pulls.find(directoryOf('c', 1))?.count, count);
      assert.deepEqual([pulls.count(), pulls.dropped()], [LIMITS.known, 1]);
    }
  });

  it('that were seen again stay when all known repositories are scanned', () => {
    const pulls = new RefusedPulls({ isKnown: () => true });
    const real = directoryOf(`${APP}-real`, 1);
    for (let time = 0; time < 100; time++) pulls.record(firstLocation(real), '10.0.0.1');
    for (let scan = 0; scan < 17 * 256; scan++) {
      pulls.record(firstLocation(directoryOf(`${APP}-${scan % 17}`, scan)), '10.0.0.2');
    }
    assert.equal(pulls.find(real)?.count, 100);
    assert.equal(pulls.count(), 4096);
  });

  it('remain while a scanner asks for a million others', () => {
    const pulls = new RefusedPulls({ isKnown: (name) => name.startsWith(APP) });
    const real = Array.from({ length: 50 }, (_, index) =>
      directoryOf(`${APP}-${index % 10}`, index),
    );
    for (const directory of [...real, ...real]) pulls.record(firstLocation(directory), '10.0.0.1');
    const scans = 1_000_000;
    for (let scan = 0; scan < scans; scan++) {
      const name = [`invented/${scan}`, 'invented', `${APP}-${scan % 10}`][scan % 3] ?? '';
      pulls.record(firstLocation(directoryOf(name, 1000 + scan)), `10.0.0.${scan % 100}`);
    }
    for (const directory of real) assert.equal(pulls.find(directory)?.count, 2, directory);
    const { known, others } = pulls.save();
    assert.equal(known.length, 10 * 256);
    assert.equal(others.length, 1024);
    assert.equal(pulls.count(), known.length + others.length);
    assert.equal(pulls.dropped(), scans + real.length - pulls.count());
  });

  it('of all known repositories have no more room than there is', () => {
    const pulls = new RefusedPulls({ isKnown: () => true });
    for (let scan = 0; scan < 20_000; scan++) {
      pulls.record(firstLocation(directoryOf(`${APP}-${scan % 100}`, scan)), '10.0.0.1');
    }
    assert.equal(pulls.count(), 4096);
    assert.equal(pulls.dropped(), 20_000 - 4096);
  });

  it('keep no request in memory', () => {
    const pulls = new RefusedPulls({ isKnown: () => false });
    const directories = Array.from({ length: 1000 }, (_, index) => directoryOf(APP + index, index));
    const before = process.memoryUsage().heapUsed;
    for (const directory of directories) {
      const request = Buffer.alloc(200_000, 'x').toString('latin1');
      const path = `${firstLocation(directory)} 10.0.0.10 10.0.0.11${request}`;
      const [location = '', client = ''] = path.split(' ', 2);
      pulls.record(location, client);
    }
    assert.equal(pulls.count(), directories.length);
    assert(process.memoryUsage().heapUsed - before < 100_000_000);
  });

  it('have short strings only', () => {
    const pulls = new RefusedPulls({ isKnown: () => false });
    const longest = directoryOf('a'.repeat(MAX_REPOSITORY_LENGTH), 1);
    const tooLong = directoryOf('a'.repeat(MAX_REPOSITORY_LENGTH + 1), 1);
    pulls.record(firstLocation(longest), `fe80::1%${'z'.repeat(10_000)}`);
    pulls.record(firstLocation(longest), `fe80::1%${'z'.repeat(20_000)}`);
    pulls.record(firstLocation(tooLong), '10.0.0.1');
    const [pull, ...others] = pulls.list();
    assert.deepEqual(others, []);
    assert.equal(pull?.directory, longest);
    assert.deepEqual(pull.clients, [`fe80::1%${'z'.repeat(MAX_CLIENT_LENGTH - 8)}`]);
    assert.equal(pulls.dropped(), 1);
  });

  it('name the last that asked, the newest first, and whether there were others', () => {
    const pulls = new RefusedPulls({ isKnown: () => true });
    const asked = directoryOf(APP, 1);
    const ask = (end: number) => pulls.record(firstLocation(asked), `10.0.0.${end}`);
    for (const end of [1, 2, 3, 4, 5, 6, 7, 8, 3]) ask(end);
    const ends = () => pulls.find(asked)?.clients.map((client) => Number(client.split('.').at(-1)));
    assert.deepEqual(ends(), [3, 8, 7, 6, 5, 4, 2, 1]);
    assert.equal(pulls.find(asked)?.hasMoreClients, false);
    ask(9);
    assert.deepEqual(ends(), [9, 3, 8, 7, 6, 5, 4, 2]);
    assert.equal(pulls.find(asked)?.hasMoreClients, true);
  });

  it('of an earlier run keep to the bounds, in whatever order they come', () => {
    const digest = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat({ max: 9 }));
    const some = fc.array(digest, { maxLength: 60, size: 'max' });
    const property = fc.property(some, some, some, (known, others, asked) => {
      const saved = { dropped: 0, known: toPulls(known), others: toPulls(others), resolved: [] };
      const options = { isKnown: () => false, now: () => 3, limits: LIMITS };
      const pulls = new RefusedPulls({ ...options, saved });
      const assertWhole = () => {
        const now = pulls.save();
        assert(now.known.length <= LIMITS.known && now.others.length <= LIMITS.others);
        assert.equal(pulls.count(), now.known.length + now.others.length);
        for (const pull of [...now.known, ...now.others]) assert(pulls.find(pull.directory));
      };
      assertWhole();
      for (const [name, number] of asked)
        pulls.record(firstLocation(directoryOf(name, number)), '-');
      assertWhole();
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('that are resolved are bounded, the newest arrival first', () => {
    let clock = 0;
    const pulls = new RefusedPulls({ isKnown: () => true, now: () => clock });
    for (let round = 0; round < MAX_RESOLVED + 20; round++) {
      clock++;
      pulls.record(firstLocation(directoryOf(APP, round)), '10.0.0.1');
      assert.equal(pulls.settle(() => true, `${round}`).length, 1);
    }
    const commits = pulls.resolved().map(({ commit }) => commit);
    assert.equal(commits.length, MAX_RESOLVED);
    assert.deepEqual([commits[0], commits.at(-1)], ['119', '20']);
    assert.equal(pulls.count(), 0);
    assert.equal(pulls.dropped(), 0);
  });

  it('are forgotten when nobody has asked for them in a week, and not counted as dropped', () => {
    let clock = 1000;
    const options = { isKnown: () => true, now: () => clock };
    const pulls = new RefusedPulls(options);
    const [old, wanted] = [directoryOf(APP, 1), directoryOf(APP, 2)];
    pulls.record(firstLocation(old), '10.0.0.1');
    pulls.record(firstLocation(wanted), '10.0.0.1');
    clock += 1000;
    pulls.record(firstLocation(wanted), '10.0.0.1');
    const saved = pulls.save();
    clock += MAX_UNSEEN - 1000;
    const again = new RefusedPulls({ ...options, saved });
    for (const one of [pulls, again]) {
      const version = one.version();
      assert.equal(one.count(), 1);
      assert.notEqual(one.version(), version);
      assert.deepEqual(
        one.list().map(({ directory, count }) => [directory, count]),
        [[wanted, 2]],
      );
      assert.equal(one.dropped(), 0);
    }
    pulls.record(firstLocation(old), '10.0.0.1');
    assert.deepEqual([pulls.appeared(), again.appeared()], [3, 0]);
  });

  it('given once are not changed by what is asked for afterwards', () => {
    const pulls = new RefusedPulls({ isKnown: () => true });
    const path = firstLocation(directoryOf(APP, 1));
    pulls.record(path, '10.0.0.1');
    const given = [pulls.list(), pulls.save(), pulls.find(directoryOf(APP, 1))];
    const copies = structuredClone(given);
    pulls.record(path, '10.0.0.2');
    assert.deepEqual(given, copies);
  });
});
