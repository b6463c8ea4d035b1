import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describeWith, toolPath } from '../with-tools.ts';
import { PATIENCE, eventually } from '../kit/eventually.ts';
import { type PidNamespace, startAsInit } from '../kit/process/pid-namespace.ts';
import { makePublisher, type Publisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const HOLD = new URL('hold-program.mjs', import.meta.url);
const CONTAINERFILE = new URL('../../Containerfile', import.meta.url);

/** An ssh that fails, and leaves behind what a connection through others leaves. */
const SSH = `#!/bin/sh
echo tried >>"$TRIES"
sleep 0.2 &
(sleep 0.3 & sleep 0.1) &
setsid sleep 0.4 &
echo 'ssh: no route' >&2
exit 255
`;

describeWith(['gpg', 'git', 'unshare', 'tini'], 'as process 1', () => {
  const directory = useTemporary();
  let publisher: Publisher;
  let started: PidNamespace[] = [];
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());
  afterEach('stop them', async () => {
    await Promise.all(started.map(({ background }) => background.stop('SIGKILL')));
    started = [];
  });

  const start = async (source: string, isInit: boolean, env = {}): Promise<PidNamespace> => {
    const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
    const args = [MAIN, 'serve', source, ...listen, ...publisher.serveArgs(directory())];
    const init = isInit ? [] : [toolPath('tini'), '-s', '--'];
    const inside = await startAsInit([...init, process.execPath, ...args], { env });
    started.push(inside);
    return inside;
  };
  it('the image has an init', async () => {
    const text = await readFile(CONTAINERFILE, 'utf8');
    assert.match(text, /^ENTRYPOINT \["\/usr\/bin\/tini", "-s", "--", "node", /m);
    assert.match(text, /apt-get install .*\btini\b/);
  });

  it('an init buries what ssh leaves behind, and hands on signal and exit code', async () => {
    const [ssh, tries] = [join(directory(), 'ssh'), join(directory(), 'tries')];
    await writeFile(ssh, SSH, { mode: 0o755 });
    const inside = await start('ssh://git.example/x.git', false, { GIT_SSH: ssh, TRIES: tries });
    await eventually(async () => {
      assert.ok((await readFile(tries, 'latin1')).split('\n').length > 4);
    });
    await eventually(async () => {
      const all = await inside.processes();
      assert.ok(all.some(({ name }) => name === 'node'));
      assert.deepEqual(
        all.filter(({ state, name }) => state === 'Z' || name === 'sleep'),
        [],
      );
    });
    assert.equal(await stop(inside), 0);
    assert.deepEqual(await inside.processes(), []);
  });

  it('without an init it warns, and stops all the same', async () => {
    const inside = await start(directory(), true);
    await inside.background.waitForLine(/"level":"warn".*lookaside runs as process 1/);
    await inside.background.waitForLine(/^lookaside: serving /);
    assert.equal(await stop(inside), 0);
  });

  it('without an init it ends when it is told so before anything is loaded', async () => {
    const inside = await start(directory(), true, { NODE_OPTIONS: `--import=${HOLD}` });
    await inside.background.waitForLine(/^loading$/);
    assert.equal(await stop(inside), 143);
  });

  for (const milliseconds of [0, 20, 50, 100, 200, 400]) {
    it(`ends when it is told so after ${milliseconds} ms`, async () => {
      const inside = await start(directory(), false);
      await untilInit(inside);
      await sleep(milliseconds);
      assert.ok([0, 143].includes((await stop(inside)) ?? -1));
      assert.deepEqual(await inside.processes(), []);
    });
  }
});

/** Sends it to process 1, as a container is stopped; gives its exit code. */
async function stop({ init, background }: PidNamespace): Promise<number | null> {
  process.kill(init, 'SIGTERM');
  const late = sleep(PATIENCE, 'late' as const, { ref: false });
  const exitCode = await Promise.race([background.ended(), late]);
  assert.notEqual(exitCode, 'late');
  return exitCode === 'late' ? null : exitCode;
}

/** What was sent before tini has begun is lost: no program was there that could have heard it. */
async function untilInit({ init }: PidNamespace): Promise<void> {
  await eventually(async () => {
    assert.equal(await readFile(`/proc/${init}/comm`, 'latin1'), 'tini\n');
    assert.notEqual(await readFile(`/proc/${init}/task/${init}/children`, 'latin1'), '');
  });
}
