// What is told of the states of a store, one after another: nothing is left out, and nothing told twice.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Judge } from '../../../generator/gate/judge.ts';
import { DEFERRED } from '../../../generator/openpgp/open-message.ts';
import { SourceError } from '../../../generator/sources/source.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { makePublishedEvent } from '../../../server/events/cloud-event.ts';
import type { Publication } from '../../../server/events/publication.ts';
import { Generations } from '../../../server/follow/generations.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { at, createFakeJudge } from '../../kit/server/fake-judge.ts';
import { type MemorySource, createMemorySource } from '../../kit/server/memory-source.ts';
import { assertEvent } from './event-schemas.ts';

type Files = Readonly<Record<string, string>>;

const NOW = Date.UTC(2026, 0, 1);
const LATER = NOW + 60_000;
const ORIGIN = {
  source: 'https://git.example/sigs.git',
  branch: () => 'main',
  path: '',
  store: undefined,
  replica: 'a',
};
const never = (): boolean => false;

/** A replica: a store that follows a source, and what it has told. */
class Replica {
  clock = NOW;
  readonly told: Publication[] = [];
  settled = 0;
  readonly source: MemorySource;
  readonly generations: Generations;

  constructor(source: MemorySource, onInvalid: 'quarantine' | 'refuse' = 'quarantine') {
    this.source = source;
    this.generations = new Generations({
      source,
      judge: createFakeJudge(),
      onInvalid,
      log: createProgramLog(captureLines().stream),
      troubles: new Troubles(() => new Date()),
      now: () => new Date(this.clock),
      elapsed: () => this.clock,
      cachedFor: 60_000,
      tried: undefined,
      older: undefined,
      numbers: undefined,
      events: {
        publish: (publication) => void this.told.push(publication),
        settle: async () => void this.settled++,
      },
      onFirstLoad: () => undefined,
      onPublish: () => undefined,
    });
  }

  async advance(): Promise<void> {
    await this.generations.advance(() => undefined, never);
  }

  async push(commit: string, files: Files): Promise<void> {
    this.source.state = { commit, files };
    await this.advance();
  }

  /** What the last publication says. */
  get last() {
    const publication = this.told.at(-1);
    if (!publication) throw new Error('nothing was told');
    const { before, generation, isInitial, cause, difference } = publication;
    return {
      before,
      commit: generation.commit,
      isInitial,
      cause,
      added: difference.added.map(({ file, number }) => `${number} ${file.path}`).toSorted(),
      removed: difference.removed.map(({ path }) => path).toSorted(),
      rejected: difference.rejected.map(({ path, code }) => `${code} ${path}`).toSorted(),
    };
  }

  get ids(): readonly string[] {
    return this.told.map((publication) => makePublishedEvent(ORIGIN, publication, {}).id);
  }
}

describe('publications', () => {
  const opened: Replica[] = [];
  const start = async (files: Files, onInvalid?: 'refuse'): Promise<Replica> => {
    const replica = new Replica(createMemorySource({ commit: 'a', files }), onInvalid);
    opened.push(replica);
    await replica.advance();
    return replica;
  };
  afterEach(async () => {
    await Promise.all(opened.map(async ({ generations }) => generations.close()));
    opened.length = 0;
  });
  const NONE = { isInitial: false, cause: 'source', added: [], removed: [], rejected: [] };

  it('begin with one that lists nothing, as nobody knows what was before', async () => {
    const replica = await start({ [at(1)]: 'a', [at(2)]: 'bad' });
    const begin = { ...NONE, before: null, commit: 'a', isInitial: true };
    assert.deepEqual(replica.last, begin);
    assert.equal(replica.told.length, 1);
  });

  const pushes: readonly (readonly [
    title: string,
    before: Files,
    after: Files,
    told: Partial<Replica['last']>,
  ])[] = [
    ['what is added', {}, { [at(1)]: 'a' }, { added: [`1 ${at(1)}`] }],
    ['what is removed', { [at(1)]: 'a' }, {}, { removed: [at(1)] }],
    ['what is rejected', {}, { [at(1)]: 'bad' }, { rejected: [`armored ${at(1)}`] }],
    [
      'what is rejected in place of what was good',
      { [at(1)]: 'a' },
      { [at(1)]: 'bad' },
      { removed: [at(1)], rejected: [`armored ${at(1)}`] },
    ],
    [
      'what is replaced',
      { [at(1)]: 'a' },
      { [at(1)]: 'b' },
      { added: [`1 ${at(1)}`], removed: [at(1)] },
    ],
    ['no other number', { [at(1)]: 'a', [at(2)]: 'b' }, { [at(5)]: 'b', [at(7)]: 'a' }, {}],
    ['no copy', { [at(1)]: 'a' }, { [at(1)]: 'a', [at(2)]: 'a' }, {}],
    ['no file that was rejected before', { [at(1)]: 'bad' }, { [at(1)]: 'bad', r: 'x' }, {}],
    ['a commit that changes nothing of it', { [at(1)]: 'a' }, { [at(1)]: 'a', README: 'x' }, {}],
    [
      'the number under which it is served',
      { [at(1)]: 'a' },
      { [at(1)]: 'a', [at(9)]: 'b' },
      { added: [`2 ${at(9)}`] },
    ],
    [
      'a file at no location',
      {},
      { 'team/app@sha256=ab/signature-1': 'a' },
      { rejected: ['invalid-digest team/app@sha256=ab/signature-1'] },
    ],
  ];
  for (const [title, before, after, told] of pushes) {
    it(`tell ${title}`, async () => {
      const replica = await start(before);
      await replica.push('b', after);
      assert.deepEqual(replica.last, { ...NONE, before: 'a', commit: 'b', ...told });
      assert.equal(replica.told.length, 2);
      assert.equal(replica.settled, 2, 'before each is noted');
      for (const publication of replica.told) {
        const own = { ...publication, generation: { ...publication.generation, commit: null } };
        assertEvent(makePublishedEvent(ORIGIN, { ...own, before: null }, {}).text);
      }
      await replica.advance();
      assert.equal(replica.told.length, 2);
    });
  }

  it('tell verdicts that end, and other rules', async () => {
    const replica = await start({ [at(1)]: 'a', [at(2)]: `until ${LATER}` });
    replica.clock = LATER;
    await replica.generations.renew(never);
    const verdicts = { ...NONE, before: 'a', commit: 'a', cause: 'verdicts' };
    const rejected = [`signature-expired ${at(2)}`];
    assert.deepEqual(replica.last, { ...verdicts, removed: [at(2)], rejected });
    const { judge, ...others } = createFakeJudge();
    const stricter: Judge = {
      ...others,
      judge: async (place, bytes, ...rest) =>
        judge(
          place,
          Buffer.from(bytes).equals(Buffer.from('a')) ? Buffer.from('bad') : bytes,
          ...rest,
        ),
    };
    replica.generations.replaceJudge(stricter);
    await replica.generations.renew(never);
    const other = { removed: [at(1)], rejected: [`armored ${at(1)}`] };
    assert.deepEqual(replica.last, { ...verdicts, ...other });
    assert.equal(replica.told.length, 3);
    replica.generations.judgeAnew();
    await replica.generations.renew(never);
    assert.equal(replica.told.length, 3);
  });

  it('tell nothing of a state that is refused, nor of one that an earlier run has told of', async () => {
    const replica = await start({ [at(1)]: 'a' }, 'refuse');
    await replica.push('b', { [at(1)]: 'a', [at(2)]: 'bad' });
    assert.equal(replica.told.length, 1);
    const source = createMemorySource({ commit: 'b', files: { [at(1)]: 'a', [at(2)]: 'b' } });
    source.recalled = { commit: 'a', files: { [at(1)]: 'a' } };
    const next = new Replica(source);
    opened.push(next);
    await next.generations.recall();
    assert.deepEqual(next.told, []);
    await next.advance();
    const added = [`2 ${at(2)}`];
    assert.deepEqual(next.last, { ...NONE, before: 'a', commit: 'b', added });
    assert.equal(next.told.length, 1);
  });

  it('tell at once what a refresh has brought that fails halfway, and the rest when it comes', async () => {
    const replica = await start({ [at(1)]: 'a' });
    const { judge, ...others } = createFakeJudge();
    replica.generations.replaceJudge({
      ...others,
      judge: async (place, bytes, now, effort) => {
        const isSlow = Buffer.from(bytes).toString() === 'slow';
        return effort === 'quick' && isSlow ? DEFERRED : judge(place, bytes, now, effort);
      },
    });
    await replica.generations.renew(never);
    // Both new files can be read once, and the slow one not again.
    let reads = 0;
    replica.source.onRead = () => {
      if (++reads > 2) throw new SourceError('the disk is gone');
    };
    const files = { [at(1)]: 'a', [at(2)]: 'b', [at(3)]: 'slow' };
    await assert.rejects(replica.push('b', files), /the disk is gone/);
    const half = { added: [`2 ${at(2)}`], rejected: [`cannot-verify ${at(3)}`] };
    assert.deepEqual(replica.last, { ...NONE, before: 'a', commit: 'b', ...half });
    assert.equal(replica.told.length, 2);
    assert.equal(replica.settled, 1, 'it is not noted as published');
    replica.source.onRead = () => undefined;
    await replica.advance();
    const rest = { added: [`3 ${at(3)}`] };
    assert.deepEqual(replica.last, { ...NONE, before: 'b', commit: 'b', ...rest });
    assert.equal(replica.told.length, 3);
    assert.equal(replica.settled, 2);
  });

  it('have the same id on all replicas, and another one for each change', async () => {
    const [one, other] = [await start({ [at(1)]: 'a' }), await start({ [at(1)]: 'a' })];
    // It has a number more than the other.
    one.clock = LATER;
    const files = { [at(1)]: 'b', [at(3)]: 'c', [at(2)]: 'bad' };
    await one.push('b', files);
    await other.push('b', Object.fromEntries(Object.entries(files).toReversed()));
    await one.push('c', { [at(1)]: 'a' });
    assert.deepEqual(one.ids.slice(0, 2), other.ids);
    assert.equal(new Set(one.ids).size, 3);
  });

  const text = fc.constantFrom('a', 'b', 'c', 'bad', `until ${LATER}`, `until ${LATER + 1}`);
  const place = fc.constantFrom(at(1), at(2), at(3), 'README', at(1).replace('app', 'db'));
  const step = fc.oneof(
    fc.record({ push: fc.dictionary(place, text, { maxKeys: 5 }) }),
    fc.constantFrom('wait' as const, 'anew' as const, 'rules' as const),
  );

  it('lead to what is served, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const replica = new Replica(createMemorySource({ commit: 'a', files: {} }));
        await replica.advance();
        const served = new Set<string>();
        let taken = 1;
        for (const [number, one] of steps.entries()) {
          if (one === 'wait') replica.clock = Math.min(replica.clock + 40_000, LATER + 1);
          else if (one === 'anew') replica.generations.judgeAnew();
          else if (one === 'rules') replica.generations.replaceJudge(createFakeJudge());
          else replica.source.state = { commit: `c${number}`, files: one.push };
          await replica.generations.renew(never);
          await replica.advance();
          for (const { difference } of replica.told.slice(taken)) {
            for (const { directory, signature } of difference.removed) {
              assert(served.delete(`${directory} ${signature.hash}`), 'it was served');
            }
            for (const { file } of difference.added) {
              const name = `${file.directory} ${file.signature.hash}`;
              assert(!served.has(name), 'it was not served');
              served.add(name);
            }
          }
          taken = replica.told.length;
          const really = Array.from(
            replica.generations.store?.served() ?? [],
            ({ directory, signature }) => `${directory} ${signature.hash}`,
          );
          assert.deepEqual([...served].toSorted(), really.toSorted());
        }
        await replica.generations.close();
      }),
      { numRuns: 60 },
    );
  });
});
