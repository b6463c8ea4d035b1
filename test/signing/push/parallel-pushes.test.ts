// Nothing is lost: many push at once to one repository, some are killed at random, and afterwards the
// repository holds each signature that anybody was told is pushed, once, and nothing else.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { atLength } from '../../kit/at-length.ts';
import {
  PUSHER,
  PushWorld,
  type SignedImage,
  blobOf,
  randomDigest,
  stage,
} from '../../kit/push/push-world.ts';
import { text } from 'node:stream/consumers';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

const SIZE = atLength(
  { pushers: 4, signatures: 24, digests: 4, killed: 1 },
  { pushers: 20, signatures: 500, digests: 50, killed: 5 },
);

/** A pusher's end: what it was told, and by which exit code; null where it was killed. */
interface Told {
  readonly code: number | null;
  readonly pushed: readonly string[];
  readonly stderr: string;
}

async function pushAside(staging: string, to: string, killAfter?: number): Promise<Told> {
  const args = ['push', staging, '--to', to, '--format', 'json', '--timeout', '10m'];
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, ...PUSHER },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = once(child, 'exit');
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  if (killAfter !== undefined && child.pid !== undefined) {
    await Promise.race([sleep(killAfter, undefined, { ref: false }), ended]);
    if (child.exitCode === null) process.kill(child.pid, 'SIGKILL');
  }
  const [stdout, stderr] = await output;
  await ended;
  const document = stdout === '' ? { signatures: [] } : (JSON.parse(stdout) as Document);
  return {
    code: child.exitCode,
    pushed: document.signatures.map(({ origin }) => origin),
    stderr,
  };
}

/** Kills it somewhere on its way: if it was faster, earlier the next time. */
async function pushUntilKilled(staging: string, to: string): Promise<Told> {
  for (let delay = 500 + Math.random() * 4000; ; delay *= Math.random()) {
    const told = await pushAside(staging, to, delay);
    if (told.code === null) return told;
  }
}

interface Document {
  readonly signatures: readonly { readonly origin: string; readonly status: string }[];
}

describeWith(['git', 'git-http-backend', 'gpg', 'gpgv'], 'many who push at once', function many() {
  const directory = useTemporary('suite');
  let world: PushWorld;
  let images: readonly SignedImage[] = [];
  before(async () => {
    world = await PushWorld.make();
    const digests = Array.from({ length: SIZE.digests }, randomDigest);
    const signed: SignedImage[] = [];
    for (let index = 0; index < SIZE.signatures; index++) {
      const digest = digests[index % digests.length] ?? '';
      // Of one digest under one name there would be one signature.
      signed.push(await world.sign({ digest, tag: `v${index}` }));
    }
    images = signed;
  });
  after(() => world.stop());

  for (const way of ['http', 'path'] as const) {
    it(`lose nothing, over ${way}`, async function lose() {
      this.timeout(atLength(120_000, 1_800_000));
      await world.remote.push('--force');
      const to = way === 'path' ? world.remote.path : await serve(world);
      const stagings = await Promise.all(
        Array.from({ length: SIZE.pushers }, async (_, pusher) => {
          const staging = join(directory(), way, `${pusher}`);
          const own = images.filter((_image, index) => index % SIZE.pushers === pusher);
          return { staging, own, files: await stage(staging, own) };
        }),
      );
      const ends = await Promise.all(
        stagings.map(async ({ staging }, pusher) =>
          pusher < SIZE.killed ? pushUntilKilled(staging, to) : pushAside(staging, to),
        ),
      );
      const stored = [...(await world.signatures()).values()];
      assert.equal(new Set(stored).size, stored.length, 'each once');
      const known = new Set(images.map(({ bytes }) => blobOf(bytes)));
      assert.ok(
        stored.every((id) => known.has(id)),
        'nothing else',
      );
      for (const [pusher, { code, pushed, stderr }] of ends.entries()) {
        assert.equal(code, pusher < SIZE.killed ? null : 0, stderr);
        const { own = [] } = stagings[pusher] ?? {};
        if (code !== 0) continue;
        assert.equal(pushed.length, own.length);
        for (const { bytes } of own) assert.ok(stored.includes(blobOf(bytes)), 'told and there');
      }
      // Who was killed pushes again; then all of it is there.
      for (const { staging } of stagings.slice(0, SIZE.killed)) {
        assert.equal((await pushAside(staging, to)).code, 0);
      }
      const all = [...(await world.signatures()).values()];
      assert.deepEqual(all.toSorted(), [...known].toSorted());
      await world.remote.gitBare('fsck', '--strict');
    });
  }
});

async function serve({ remote }: PushWorld): Promise<string> {
  await remote.gitBare('config', 'http.receivepack', 'true');
  return (await remote.serveHttp()).url;
}
