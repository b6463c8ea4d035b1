/**
 * What can happen in a chaos run, by name. A step may leave a disturbance behind, which lasts until
 * a `heal`; a step that stops the program starts it again, and it must then serve in time.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertServed } from '../../kit/program/assert-served.ts';
import { eventually } from '../../kit/eventually.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { sendPush } from '../../kit/program/send-push.ts';
import type { Random } from '../../fuzz/random.ts';
import {
  crowdedDigest,
  deepChain,
  deltaBomb,
  digestDirectory,
  HOSTILE_DIRECTORY,
  hostileNames,
  hugeSubject,
  ignoredFiles,
  multiplyingTree,
  SIGNATURE_BOMBS,
  type SignatureBomb,
} from '../../kit/remote/bomb-repository.ts';
import { YEAR } from '../../kit/process/moved-clock.ts';
import type { ObjectPack, TreeEntry } from '../../kit/remote/object-pack.ts';
import {
  dripForgedBodies,
  pipeline,
  pipelineExpectations,
  sendForgedBodies,
  type RudeClients,
} from '../../kit/program/rude-clients.ts';
import {
  answerStatus,
  type Behaviour,
  breakOff,
  cutPack,
  drip,
  endlessPack,
  endlessRefs,
  forgedRefs,
  garbagePack,
  loginPage,
  lyingRefs,
  missingCommit,
  progressFlood,
  progressForEver,
  redirectTo,
  refuseWith,
  silence,
  silenceAfterHead,
  wrongContentType,
} from '../../kit/remote/smart-http.ts';
import { BROKEN_GITS, type BrokenGit } from '../../kit/process/toolbox.ts';
import { type Chaos, inTime, SERVES_AGAIN, STOPS } from './chaos.ts';

export interface Step {
  /** `kind` or `kind:instance`. */
  readonly name: string;
  /** How often it comes in a round, in which every step comes once unless told. */
  readonly times?: number;
  /** What the machine must have. */
  readonly needs?: 'clock' | 'disk';
  readonly run: (chaos: Chaos, random: Random) => Promise<void>;
}

const MiB = 1024 * 1024;
/** A refresh of a small store takes less; a look at what a step has done. Milliseconds. */
const LOOK = 600;
/** A huge commit is served by then, if it ever is. Milliseconds. */
const SUBJECT = 8_000;
/** Of a rude client, at most. Milliseconds. */
const RUDE = 6_000;

/** Levels; what git itself brings over in seconds: its time grows with the square. */
const DEEPEST = 8_000;

const EMPTY = Buffer.alloc(0);

const BOMBS = Object.keys(SIGNATURE_BOMBS) as readonly SignatureBomb[];
/** Each bomb is made once, and before the run: bzip2 takes seconds. */
const bombs = new Map<SignatureBomb, Buffer>();

/** Makes what takes long to make. Call it before the first step. */
export async function prepareSteps(): Promise<void> {
  for (const name of BOMBS) bombs.set(name, await SIGNATURE_BOMBS[name]());
}

const good: readonly Step[] = [
  {
    name: 'push',
    times: 6,
    run: async (chaos, random) => {
      const { world } = chaos;
      const count = 1 + random.below(3);
      const files = await Promise.all(Array.from({ length: count }, async () => world.sign()));
      world.add(...files);
      chaos.note(files);
      await chaos.publish(random);
    },
  },
  {
    name: 'remove',
    times: 2,
    run: async (chaos, random) => {
      const { world } = chaos;
      const kept = new Set([...world.steady, ...world.timed].map(({ location }) => location));
      const others = world.files.filter(({ location }) => !kept.has(location));
      if (others.length === 0) return;
      world.remove(random.pick(others).location);
      await chaos.publish(random);
    },
  },
  {
    name: 'force-push',
    run: async (chaos) => {
      await chaos.world.publish({ force: true });
      await chaos.announce();
    },
  },
  {
    name: 'webhooks',
    run: async (chaos, random) => {
      const count = 1 + random.below(20);
      await Promise.all(Array.from({ length: count }, async () => chaos.announce()));
    },
  },
  { name: 'heal', times: 6, run: async (chaos) => chaos.heal() },
];

/** A push of something hostile beside what is good. */
function hostile(
  name: string,
  make: (pack: ObjectPack, signature: Buffer, random: Random) => TreeEntry,
): Step {
  return {
    name: `hostile:${name}`,
    run: async (chaos, random) => {
      const { bytes: signature = EMPTY } = chaos.world.steady[0] ?? {};
      await chaos.world.graft(`hostile-${name}`, (pack) => make(pack, signature, random));
      await chaos.publish(random);
      await sleep(LOOK);
    },
  };
}

const pushes: readonly Step[] = [
  hostile('multiplied', (pack, signature) =>
    multiplyingTree(pack, { width: 10, depth: 8, leaf: signature }),
  ),
  hostile('deep', (pack, signature) => deepChain(pack, 2_500, digestDirectory(pack, signature))),
  hostile('deepest', (pack, signature) =>
    deepChain(pack, DEEPEST, digestDirectory(pack, signature)),
  ),
  hostile('deltas', (pack) => deltaBomb(pack, { blobs: 8, bytes: 32 * MiB })),
  hostile('ignored', (pack) => ignoredFiles(pack, 200_000)),
  hostile('names', (pack, signature) => hostileNames(pack, signature)),
  hostile('crowd', (pack, signature) => crowdedDigest(pack, signature, 5_000)),
  ...BOMBS.map((bomb) =>
    hostile(`bomb ${bomb}`, (pack, _, random) => {
      const bytes = bombs.get(bomb) ?? EMPTY;
      // Each of them another file, so that no verdict of one holds for the next.
      const files = Array.from({ length: 8 }, (): [string, TreeEntry] => [
        `signature-${1 + random.below(9_999)}`,
        pack.blob(Buffer.concat([bytes, random.bytes(8)])),
      ]);
      return pack.tree(new Map([[HOSTILE_DIRECTORY, pack.tree(new Map(files))]]));
    }),
  ),
  {
    name: 'hostile:subject',
    run: async (chaos, random) => {
      const { served, world } = chaos;
      const file = await world.sign();
      world.add(file);
      chaos.note([file]);
      await chaos.publish(random, hugeSubject(40 * MiB));
      // Whether it is served at all is for the program's budgets to say.
      await eventually(async () => assertServed(served, file), SUBJECT).catch(() => undefined);
      // The page of the image tells of the commit that brought its signature.
      const page = `${served.statusUrl}/image?directory=${encodeURIComponent(dirname(file.location))}`;
      const answer = await inTime(fetch(page), 'the page of an image');
      await answer.arrayBuffer();
    },
  },
];

const BEHAVIOURS: Readonly<Record<string, (chaos: Chaos) => Behaviour>> = {
  'progress for ever': () => progressForEver(200),
  'flood of progress': () => progressFlood(400 * MiB),
  'words with controls': () => refuseWith(`\u009b31m\u202e${'x'.repeat(40_000)}`),
  'forged refs': (chaos) => lyingRefs(forgedRefs(chaos.world.head, victimOf(chaos))),
  'missing commit': () => missingCommit,
  'endless refs': () => endlessRefs(),
  'endless pack': () => endlessPack(),
  'cut pack': () => cutPack(100),
  garbage: () => garbagePack(MiB),
  drip: () => drip(1_000),
  silence: () => silence,
  'silence after the head': () => silenceAfterHead,
  'broken connections': () => breakOff,
  'status 500': () => answerStatus(500, MiB),
  'wrong content type': () => wrongContentType,
  redirect: () => redirectTo('http://127.0.0.1:1/elsewhere.git/info/refs?service=git-upload-pack'),
  'login page': () => loginPage,
};

const hosts: readonly Step[] = Object.entries(BEHAVIOURS).map(([name, make]) => ({
  name: `host:${name}`,
  run: async (chaos: Chaos) => {
    await writeFile(victimOf(chaos), "not the program's to delete");
    await chaos.world.publish();
    chaos.host.behave(make(chaos));
    await chaos.announce();
    await sleep(2 * LOOK);
    await access(victimOf(chaos));
  },
}));

/** What a git host wants to have deleted. */
function victimOf({ keyFile }: Chaos): string {
  return join(dirname(keyFile), 'victim.keep');
}

const gits: readonly Step[] = [
  ...(Object.keys(BROKEN_GITS) as readonly BrokenGit[]).map((how) => ({
    name: `git:${how}`,
    run: async (chaos: Chaos) => {
      await chaos.toolbox.breakGit(how);
      await chaos.provoke();
      await sleep(LOOK);
    },
  })),
  {
    name: 'git:is missing',
    run: async (chaos) => {
      await chaos.toolbox.remove('git');
      await chaos.provoke();
      await sleep(LOOK);
    },
  },
  {
    name: 'git:has a broken gitconfig',
    run: async (chaos) => {
      await writeFile(chaos.gitconfig, '[core\nthis is no setting\n');
      await chaos.provoke();
      await sleep(LOOK);
    },
  },
  {
    name: 'git:is broken at a start',
    run: async (chaos, random) => {
      // The state of last time is all that there is.
      await chaos.mend();
      chaos.host.behave(answerStatus(500));
      await chaos.watch.during('down', async () => {
        await chaos.terminate();
        const how = random.below(3);
        if (how === 0) await chaos.toolbox.remove('git');
        else if (how === 1) await chaos.toolbox.breakGit('fails');
        else await writeFile(chaos.gitconfig, '[core\nthis is no setting\n');
        await chaos.served.start();
        await sleep(2_000 + random.below(1_000));
        await chaos.mendGit();
        if (!chaos.served.isRunning) await chaos.served.start();
        await chaos.served.waitUntilReady(SERVES_AGAIN);
      });
      chaos.mendHost();
    },
  },
];

const YEARS: Readonly<Record<string, number>> = {
  'three years ahead': 3 * YEAR,
  'three years behind': -3 * YEAR,
  'forty years ahead': 40 * YEAR,
  'two hours ahead': 2 * 60 * 60,
  right: 0,
};

const clockJumps: readonly Step[] = Object.entries(YEARS).map(([name, offset]) => ({
  name: `clock:${name}`,
  needs: 'clock' as const,
  run: async (chaos: Chaos, random: Random) => {
    await chaos.clock?.move(offset);
    if (random.chance(0.5)) await chaos.provoke();
    await sleep(2 * LOOK);
  },
}));

const clocks: readonly Step[] = [
  ...clockJumps,
  {
    name: 'clock:ahead for one refresh',
    needs: 'clock',
    run: async (chaos, random) => {
      const { world } = chaos;
      await chaos.heal();
      await chaos.clock?.move(3 * YEAR);
      const file = await world.sign();
      world.add(file);
      chaos.note([file]);
      await world.publish();
      await chaos.waitUntilServed([file]);
      await sleep(random.below(2_000));
      await chaos.clock?.move(0);
      await chaos.waitForPolls(world.timed);
    },
  },
  {
    name: 'clock:behind at a start',
    needs: 'clock',
    run: async (chaos) => {
      await chaos.heal();
      await chaos.watch.during('down', async () => {
        await chaos.terminate();
        await chaos.clock?.move(-3 * YEAR);
        await chaos.startAgain();
      });
      await sleep(LOOK);
      await chaos.clock?.move(0);
      await chaos.waitForPolls(chaos.world.timed);
    },
  },
];

const signals: readonly Step[] = [
  {
    name: 'signal:hangup',
    run: async (chaos) => {
      chaos.served.process.signal('SIGHUP');
      await sleep(LOOK);
    },
  },
  {
    name: 'signal:stop and go on',
    run: async (chaos, random) => {
      await chaos.watch.during('stopped', async () => {
        chaos.served.process.signal('SIGSTOP');
        await sleep(200 + random.below(2_000));
        chaos.served.process.signal('SIGCONT');
      });
    },
  },
  {
    name: 'restart:term',
    times: 3,
    run: async (chaos) => {
      await chaos.mendGit();
      await chaos.watch.during('down', async () => {
        await chaos.terminate();
        await chaos.startAgain();
      });
    },
  },
  {
    name: 'restart:kill',
    times: 3,
    run: async (chaos) => {
      await chaos.mendGit();
      await chaos.watch.during('down', async () => {
        await chaos.kill();
        await chaos.startAgain();
      });
    },
  },
  {
    name: 'restart:term at once',
    run: async (chaos, random) => {
      await chaos.mendGit();
      await chaos.watch.during('down', async () => {
        await chaos.terminate();
        await chaos.served.start();
        await sleep(random.below(300));
        const begun = Date.now();
        await chaos.served.process.stop('SIGTERM', 2 * STOPS);
        assert.ok(Date.now() - begun < STOPS, 'SIGTERM early in a start was obeyed late');
        await chaos.startAgain();
      });
    },
  },
  {
    name: 'restart:with a poisoned head',
    times: 2,
    run: async (chaos, random) => {
      await chaos.mend();
      const push = random.pick(pushes);
      chaos.chosen = push.name;
      await push.run(chaos, random);
      await sleep(random.below(3_000));
      await chaos.watch.during('down', async () => {
        await chaos.kill();
        await chaos.startAgain();
      });
    },
  },
  {
    name: 'restart:with a hostile host',
    times: 2,
    run: async (chaos, random) => {
      await chaos.mend();
      const host = random.pick(hosts);
      chaos.chosen = host.name;
      await host.run(chaos, random);
      await chaos.watch.during('down', async () => {
        await chaos.kill();
        await chaos.startAgain();
      });
    },
  },
  {
    name: 'restart:with damaged state',
    times: 2,
    run: async (chaos, random) => {
      await chaos.mend();
      await chaos.watch.during('down', async () => {
        await chaos.terminate();
        // What may be lost is had again from the remote, in time only without its past; so the newest
        // state there has to be one that is not refused.
        chaos.world.prune();
        await chaos.world.publish({ force: true });
        for (let count = 1 + random.below(3); count > 0; count--) await damage(chaos.state, random);
        await chaos.startAgain();
      });
    },
  },
];

/** Damages one file of the state: cuts it, fills it with noise, removes it, or changes a byte. */
async function damage(state: string, random: Random): Promise<void> {
  const names = await readdir(state, { recursive: true });
  const files: string[] = [];
  for (const name of names.toSorted()) {
    if ((await stat(join(state, name))).isFile()) files.push(join(state, name));
  }
  if (files.length === 0) return;
  const file = random.pick(files);
  const { size } = await stat(file);
  const how = random.below(4);
  if (how === 0) await truncate(file, random.below(size + 1));
  else if (how === 1) await writeFile(file, random.bytes(Math.min(size, 10_000)));
  else if (how === 2) await rm(file);
  else {
    const bytes = await readFile(file);
    const at = random.below(Math.max(1, size));
    if (at < size) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    // Objects of git are read-only, which root does not mind, and others mend by a new file.
    await rm(file);
    await writeFile(file, bytes);
  }
}

/** Lets a fault of the keys come into force, and puts the right keys back. */
function keys(
  name: string,
  spoil: (chaos: Chaos) => Promise<unknown>,
  look: (chaos: Chaos) => Promise<void> = async () => undefined,
): Step {
  return {
    name: `keys:${name}`,
    run: async (chaos, random) => {
      await rm(chaos.keyFile, { force: true });
      await spoil(chaos);
      chaos.served.process.signal('SIGHUP');
      await sleep(LOOK + random.below(LOOK));
      if (random.chance(0.5)) await chaos.provoke();
      await sleep(LOOK);
      await look(chaos);
      await chaos.mendKeys();
      chaos.served.process.signal('SIGHUP');
      await sleep(LOOK);
    },
  };
}

const keyFiles: readonly Step[] = [
  keys('removed', async () => undefined),
  keys('empty', async (chaos) => chaos.writeKeys('')),
  keys('garbage', async (chaos) => chaos.writeKeys(Buffer.alloc(4096, 0x99))),
  keys('a directory', async (chaos) => mkdir(chaos.keyFile)),
  keys(
    'with a secret key',
    async (chaos) => {
      const { signer, key, keyFile } = chaos.world;
      const secret = await signer.exportSecret(join(signer.home, `${randomUUID()}.asc`), key);
      const [first, second] = await Promise.all(
        [keyFile, secret].map(async (file) => dearmor(file)),
      );
      await rm(secret);
      await chaos.writeKeys(Buffer.concat([first ?? EMPTY, second ?? EMPTY]));
    },
    async ({ served, world }) => {
      const page = await (await inTime(fetch(`${served.baseUrl}/`), 'the page for nodes')).text();
      const paths = new Set([...page.matchAll(/nodes\/keys\/[^"'\s<]+/g)].map(([path]) => path));
      assert.ok(paths.size > 0, 'the page names keys');
      for (const path of paths) {
        const answer = await inTime(fetch(`${served.baseUrl}/${path}`), 'a key for nodes');
        if (answer.status !== 200) continue;
        const input = Buffer.from(await answer.arrayBuffer());
        const env = { GNUPGHOME: world.signer.home };
        const { stdout } = await runOrThrow('gpg', ['--list-packets'], { input, env });
        assert.doesNotMatch(stdout, /secret/, `a secret key is served as ${path}`);
      }
    },
  ),
];

/** The packets of an armored file. */
async function dearmor(file: string): Promise<Buffer> {
  const [, ...lines] = (await readFile(file, 'utf8')).trim().split('\n\n');
  const base64 = lines
    .join('')
    .split('\n')
    .filter((line) => !/^[-=]/.test(line));
  return Buffer.from(base64.join(''), 'base64');
}

/** Has rude clients for a while; what is done by others goes on. */
function rude(name: string, send: (baseUrl: string) => RudeClients): Step {
  return {
    name: `rude:${name}`,
    run: async (chaos) => {
      const clients = send(chaos.served.baseUrl);
      await Promise.race([clients.done, sleep(RUDE, undefined, { ref: false })]);
      await clients.stop();
    },
  };
}

const PAGE = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const EXPECTING =
  'GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n';

const rudeness: readonly Step[] = [
  rude('pipelined pages', (baseUrl) => pipeline(baseUrl, PAGE, 6.6 * MiB)),
  rude('pipelined expectations', (baseUrl) => pipeline(baseUrl, EXPECTING, MiB)),
  rude('bodies of 24 MiB', (baseUrl) =>
    sendForgedBodies(baseUrl, { connections: 100, bytes: 24 * MiB }),
  ),
  rude('slow bodies', (baseUrl) => dripForgedBodies(baseUrl, { connections: 200, every: 200 })),
  {
    name: 'rude:expectations between lookups',
    run: async (chaos, random) => {
      const { location, bytes } = random.pick(chaos.world.steady);
      const asked = pipelineExpectations(chaos.served.baseUrl, location, 1 + random.below(50));
      for (const answer of await inTime(asked, 'lookups that expect')) {
        if (answer === 100 || (Buffer.isBuffer(answer) && bytes.equals(answer))) continue;
        const got = Buffer.isBuffer(answer) ? `other bytes: ${answer.toString('latin1')}` : answer;
        // Whoever says more than a lookup may be turned away, but in an answer of its own.
        assert.match(got, /^HTTP\/1\.1 4\d\d /);
      }
    },
  },
  {
    name: 'rude:forged webhooks',
    run: async (chaos, random) => {
      const { baseUrl } = chaos.served;
      const forged = Array.from({ length: 1 + random.below(20) }, async () =>
        sendPush({ baseUrl, secret: 'not the secret', after: chaos.world.head }),
      );
      for (const { status } of await inTime(Promise.all(forged), 'forged webhooks')) {
        assert.ok(status === 401 || status === 503, `a forged webhook got ${status}`);
      }
    },
  },
];

const disks: readonly Step[] = [
  {
    name: 'disk:full',
    times: 2,
    needs: 'disk',
    run: async (chaos) => {
      await chaos.disk?.fill();
      await chaos.provoke();
      await sleep(LOOK);
    },
  },
];

/** All steps there are. */
export const STEPS: readonly Step[] = [
  ...good,
  ...pushes,
  ...hosts,
  ...gits,
  ...clocks,
  ...signals,
  ...keyFiles,
  ...rudeness,
  ...disks,
];
