import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { assertMissing, assertServed } from './program/assert-served.ts';
import { eventually } from './eventually.ts';
import { useTemporary } from './temporary.ts';
import { describeWith } from '../with-tools.ts';
import { hostileNames } from './remote/bomb-repository.ts';
import { GoodWorld } from './good-world.ts';
import { MovedClock, removeClockLeftovers, YEAR } from './process/moved-clock.ts';
import { Served } from './program/served.ts';
import { SteadyLookups } from './program/steady-lookups.ts';
import { Toolbox } from './process/toolbox.ts';

/** A start, or a refresh, of a small store takes less. Milliseconds. */
const SOON = 10_000;

describeWith(['gpg', 'gpgv', 'git', 'faketime'], 'the kit: a good world', () => {
  const directory = useTemporary();
  let world: GoodWorld;
  let served: Served | undefined;
  before(async () => {
    world = await GoodWorld.make({ steady: 4, timed: 1 });
  });
  afterEach(async () => {
    if (served?.isRunning === true) await served.process.stop('SIGKILL');
  });
  after(async () => Promise.all([world.destroy(), removeClockLeftovers()]));

  const start = async (env: Readonly<Record<string, string>> = {}): Promise<Served> => {
    const args = [
      `--keys=${world.keyFile}`,
      `--webhook-secret-file=${world.secretFile}`,
      `--state-dir=${join(directory(), 'state')}`,
      '--poll=0s',
      '--access-log=none',
    ];
    served = await Served.prepare({ source: world.bare, args, env });
    await served.start();
    await served.waitUntilReady(SOON);
    return served;
  };

  it('is served, and clients see it', async () => {
    const server = await start();
    const lookups = await SteadyLookups.start({
      baseUrl: server.baseUrl,
      files: world.steady,
      every: 10,
    });
    const more = await world.sign();
    world.add(more);
    await world.graft('hostile', (pack) => hostileNames(pack, more.bytes));
    await world.publish();
    assert.equal((await world.announce(server)).status, 202);
    await eventually(() => assertServed(server, more), SOON);
    const good = await lookups.take();
    assert.ok(good.right > 100);
    assert.deepEqual(good.wrong, []);
    assert.ok(good.slowest > 0 && good.latencies.length === good.right);

    const [first, ...others] = world.steady;
    assert.ok(first);
    world.remove(first.location);
    await world.publish({ force: true });
    await world.announce(server);
    await eventually(() => assertMissing(server, first), SOON);
    await sleep(200);
    const bad = await lookups.take();
    assert.ok(bad.wrong.length > 0);
    assert.ok(
      bad.wrong.every(({ what, location }) => what === '404' && location === first.location),
    );
    await server.process.stop('SIGKILL');
    await eventually(async () => {
      const { wrong } = await lookups.take();
      assert.ok(
        wrong.some(({ what }) => what === 'ECONNREFUSED'),
        'none was refused',
      );
    });
    lookups.stop();
    world.add(first, ...others);
    world.prune();
    await world.publish();
  });

  it('has a clock that moves while a server runs, for gpgv too', async () => {
    const toolbox = await Toolbox.make(join(directory(), 'bin'));
    const clock = await MovedClock.make(directory());
    await clock.applyTo(toolbox);
    await clock.move(3 * YEAR);
    const server = await start({ ...clock.environment, PATH: toolbox.path });
    const [timed] = world.timed;
    assert.ok(timed);
    await assertMissing(server, timed);
    for (const file of world.steady) await assertServed(server, file);
    const { headers } = await fetch(`${server.baseUrl}/nothing`);
    assert.ok(Date.parse(headers.get('date') ?? '') - Date.now() > 2 * YEAR * 1000);
    await clock.move(-3 * YEAR);
    await eventually(async () => {
      const later = await fetch(`${server.baseUrl}/nothing`);
      assert.ok(Date.parse(later.headers.get('date') ?? '') - Date.now() < -2 * YEAR * 1000);
    });
  });

  it('has a toolbox whose git breaks and heals', async () => {
    const toolbox = await Toolbox.make(join(directory(), 'bin'));
    const server = await start({ PATH: toolbox.path });
    // A git of the first refresh would hang, and those after it would wait.
    await server.process.waitForLine(/"msg":"refreshed"/, SOON);
    await toolbox.breakGit('hangs');
    await toolbox.remove('git');
    const more = await world.sign();
    world.add(more);
    await world.publish();
    await world.announce(server);
    await server.process.waitForLine(/"level":"(warn|error)".*refresh/, SOON);
    for (const file of world.steady) await assertServed(server, file);
    await toolbox.restore('git');
  });
});
