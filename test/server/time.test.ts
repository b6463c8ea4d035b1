import assert from 'node:assert/strict';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { CheckpointFile } from '../../generator/store/checkpoint/checkpoint-file.ts';
import { openGpgv } from '../../generator/openpgp/gpgv.ts';
import { LastingGpgv } from '../../generator/openpgp/lasting-gpgv.ts';
import { createOpenMessage } from '../../generator/openpgp/open-message.ts';
import { readKeyring } from '../../generator/openpgp/read-keyring.ts';
import { type Policy, createSimplePolicy } from '../../generator/policy/policy.ts';
import { createGitSource } from '../../generator/sources/git/git.ts';
import type { SignatureStore } from '../../generator/store/store.ts';
import { Troubles } from '../../server/troubles/troubles.ts';
import { TriedCommit } from '../../server/follow/tried-commit.ts';
import { judgeWithMemory } from '../../server/follow/judge-with-memory.ts';
import { createProgramLog } from '../../generator/system/program-log.ts';
import { Refresher } from '../../server/follow/refresher.ts';
import { atLength } from '../kit/at-length.ts';
import { eventually } from '../kit/eventually.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { importStates } from '../kit/remote/import-states.ts';
import { MovedClock, YEAR } from '../kit/process/moved-clock.ts';
import { Toolbox } from '../kit/process/toolbox.ts';
import { describeWith } from '../with-tools.ts';
import { captureLines } from '../kit/server/captured-lines.ts';
import { countFailures } from '../kit/server/no-failures.ts';

const RUNS = atLength(1, 6);
const START = Date.now();
const ago = (years: number): Date => new Date(START - years * YEAR * 1000);
/** Years from now to which the clock is set. */
const CLOCKS = [-9, -5, -2.5, -1, 0, 1.5, 4];

/** What goes on in a server, one after another. */
type Step =
  | { readonly kind: 'clock'; readonly years: number }
  | { readonly kind: 'time'; readonly years: number }
  | { readonly kind: 'push'; readonly files: readonly number[] }
  | { readonly kind: 'signal'; readonly policy: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'poll' };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom(...CLOCKS).map((years) => ({ kind: 'clock' as const, years })),
  fc.constantFrom(0.001, 0.6, 2).map((years) => ({ kind: 'time' as const, years })),
  fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]).map((files) => ({ kind: 'push' as const, files })),
  fc.nat({ max: 1 }).map((policy) => ({ kind: 'signal' as const, policy })),
  fc.constant({ kind: 'restart' as const }),
  fc.constant({ kind: 'poll' as const }),
);

describeWith(['gpg', 'gpgv', 'git', 'faketime'], 'a server, whatever time it is', () => {
  const signatures: { readonly location: string; readonly bytes: Buffer }[] = [];
  const policies: Policy[] = [];
  let root: string;
  let signer: Signer;
  let remote: GitRemote;
  let clock: MovedClock;
  let gpgv: LastingGpgv;
  /** What the clock that only goes on is ahead of the real one, in milliseconds. */
  let passed = 0;
  const elapsed = (): number => performance.now() + passed;
  const now = (): Date => new Date(Date.now() + clock.offset * 1000);

  before('make keys, signatures, and a gpgv whose clock moves', async function () {
    [root, signer, remote] = [await makeTemporary(), await makeSigner(), await makeGitRemote()];
    const at = ago(8);
    const lasting = await signer.makeKey({ algorithm: 'rsa2048', at });
    const ending = await signer.makeKey({ algorithm: 'rsa2048', at, expires: '9y' });
    const unusual = await signer.makeKey({ algorithm: 'dsa1024', at });
    const brief = await signer.makeKey({ algorithm: 'dsa1024', at, expires: '9y' });
    for (const [number, keys] of [
      [lasting, ending, unusual, brief],
      [lasting, brief],
    ].entries()) {
      const path = join(signer.home, `keys-${number}.gpg`);
      await signer.exportKeys(path, ...keys);
      const keyring = await readKeyring([{ path, bytes: await readFile(path) }]);
      policies.push(await createSimplePolicy(keyring));
    }
    const sign = async (key: SigningKey, years: number, ...args: string[]): Promise<void> => {
      const digest = `sha256:${String(signatures.length + 1).padStart(64, 'a')}`;
      const claims = { dockerReference: 'registry.example/app:1', manifestDigest: digest };
      const bytes = await signer.sign(key, claims, { at: ago(years), args });
      signatures.push({ location: formatLocation('app', digest, 1), bytes });
    };
    await sign(lasting, 6);
    await sign(lasting, 2, '--default-sig-expire', '3y');
    await sign(ending, 3);
    await sign(ending, 3, '--digest-algo', 'SHA1');
    await sign(unusual, 3);
    await sign(brief, 3);
    await sign(brief, 3, '--default-sig-expire', '1y');
    signatures.push({
      location: formatLocation('app', `sha256:${'b'.repeat(64)}`, 1),
      bytes: Buffer.from('<html>'),
    });
    clock = await MovedClock.make(root);
    const toolbox = await Toolbox.make(join(root, 'bin'));
    await clock.applyTo(toolbox);
    const open = async () => openGpgv({ path: toolbox.path, directory: root });
    gpgv = new LastingGpgv({ open, elapsed });
  });
  after(async () => {
    await Promise.all([gpgv.close(), signer.stop(), remote.remove()]);
    await removeTemporary(root);
  });

  interface Running {
    readonly refresher: Refresher;
    readonly reload: (policy: Policy) => void;
    readonly stop: () => Promise<void>;
  }

  /** A server without listeners, with all that it keeps in a state directory. */
  async function start(
    stateDirectory: string,
    policy: Policy,
    onPublish: (store: SignatureStore) => void = () => undefined,
  ): Promise<Running> {
    const log = createProgramLog(captureLines().stream);
    const source = await createGitSource({
      url: remote.path,
      branch: 'main',
      path: '',
      stateDirectory,
      tokenFile: undefined,
      environment: process.env,
    });
    const checkpointFile = new CheckpointFile(join(stateDirectory, 'x.checkpoint'), fail);
    const judgeBy = (by: Policy) =>
      judgeWithMemory(
        {
          openMessage: createOpenMessage(gpgv),
          engines: 'test',
          gpgvVersion: () => gpgv.version,
          checkpointFile,
          log,
        },
        by,
      );
    const refresher = new Refresher({
      source,
      judge: judgeBy(policy),
      onInvalid: 'quarantine',
      log,
      troubles: new Troubles(now),
      failures: countFailures(),
      now,
      elapsed,
      tried: new TriedCommit({ path: join(stateDirectory, 'x.tried'), onError: fail, elapsed }),
      older: undefined,
      numbers: undefined,
      cachedFor: 60_000,
      lookForGpgv: async () => gpgv.lookAgain(),
      hasGpgv: async () => (await gpgv.find()) !== undefined,
      onFirstLoad: () => undefined,
      onPublish,
      onRefresh: () => undefined,
    });
    refresher.start();
    await eventually(() => assert.notEqual(refresher.status().lastRefresh, null));
    await refresher.idle();
    let inForce = policy;
    return {
      refresher,
      reload: (next) => {
        if (next !== inForce) refresher.replaceJudge(judgeBy(next));
        inForce = next;
        refresher.judgeAnew();
        refresher.request('signal');
      },
      stop: async () => {
        await refresher.stop();
        await checkpointFile.close();
        await source.close();
      },
    };
  }

  async function push(files: readonly number[]): Promise<void> {
    const chosen = files.flatMap((one) => signatures[one] ?? []);
    const state = chosen.map(({ location, bytes }) => {
      const content = bytes.toString('latin1');
      return [location, { mode: '100644', content }] as const;
    });
    await importStates(remote.path, [
      new Map([...state, ['README.md', { mode: '100644', content: files.join() }]]),
    ]);
  }

  async function assertSame(steps: readonly Step[]): Promise<void> {
    const states = await makeTemporary();
    let fresh = 0;
    let [policy] = policies;
    assert(policy);
    await clock.move(0);
    await push([0, 1, 2, 3, 4, 5, 6, 7]);
    const state = join(states, 'state');
    await mkdir(state);
    let running = await start(state, policy);
    const assertAsFresh = async (step: Step | undefined): Promise<void> => {
      const copy = join(states, `fresh-${fresh++}`);
      await cp(state, copy, { recursive: true, filter: (path) => !path.endsWith('lock') });
      const other = await start(copy, policy ?? assert.fail());
      const [is, shall] = [running, other].map(({ refresher }) => observe(refresher.store()));
      const commits = [running, other].map(({ refresher }) => refresher.newestCommit());
      await other.stop();
      assert.deepEqual(is, shall, JSON.stringify(step));
      assert.equal(commits[0], commits[1]);
    };
    try {
      await assertAsFresh(undefined);
      for (const step of steps) {
        const { refresher } = running;
        if (step.kind === 'clock') await clock.move(Math.round(step.years * YEAR));
        if (step.kind === 'time') {
          const seconds = Math.round(step.years * YEAR);
          await clock.move(clock.offset + seconds);
          passed += seconds * 1000;
        }
        if (step.kind === 'push') {
          await push(step.files);
          refresher.request('webhook');
        }
        if (step.kind === 'poll') refresher.request('poll');
        if (step.kind === 'signal') {
          policy = policies[step.policy] ?? assert.fail();
          running.reload(policy);
        }
        if (step.kind === 'restart') {
          await running.stop();
          running = await start(state, policy);
        }
        await running.refresher.idle();
        running.refresher.lookAtClock();
        await running.refresher.idle();
        await assertAsFresh(step);
      }
    } finally {
      await running.stop();
      await removeTemporary(states);
    }
  }

  it('says what one says that is started at that moment, whatever has happened', async () => {
    const steps = fc.array(anyStep, { minLength: 4, maxLength: 8 });
    await fc.assert(fc.asyncProperty(steps, assertSame), { numRuns: RUNS, endOnFailure: true });
  });

  it('forgets a wrong clock as soon as it is right', async function () {
    await assertSame([
      { kind: 'clock', years: 4 },
      { kind: 'poll' },
      { kind: 'clock', years: 0 },
      { kind: 'clock', years: -9 },
      { kind: 'restart' },
      { kind: 'clock', years: 0 },
    ]);
  });

  it('serves from the first moment of a start nothing whose time was over before', async () => {
    const states = await makeTemporary();
    const [policy = assert.fail()] = policies;
    await clock.move(0);
    await push([0, 1, 2, 3, 4, 5, 6, 7]);
    const state = join(states, 'state');
    await mkdir(state);
    const before = await start(state, policy);
    const served = observe(before.refresher.store());
    await before.stop();
    await clock.move(20 * YEAR);
    const published: unknown[] = [];
    const after = await start(state, policy, (store) => published.push(observe(store)));
    try {
      assert.notDeepEqual(published[0], served);
      assert.deepEqual(published[0], observe(after.refresher.store()));
    } finally {
      await after.stop();
      await clock.move(0);
      await removeTemporary(states);
    }
  });
});

/** What a server says of every file, in an order of its own. */
function observe(store: SignatureStore | undefined): unknown {
  const files = [...(store?.files() ?? [])].map(
    (file) => `${file.path} ${file.status === 'rejected' ? file.code : file.status}`,
  );
  const served = [...(store?.served() ?? [])].map(
    ({ directory, number, signature: { bytes } }) =>
      `${directory} ${number} ${Buffer.from(bytes).toString('base64')}`,
  );
  return { files: files.toSorted(), served: served.toSorted() };
}

function fail(error: unknown): void {
  assert.fail(String(error));
}
