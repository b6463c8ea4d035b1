import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describeWith } from '../with-tools.ts';
import { trackGroup } from '../kit/process/process-group.ts';
import { runOrThrow } from '../kit/process/run.ts';

describeWith(['podman', 'skopeo', 'docker-registry', 'gpg', 'git'], 'the demo', () => {
  it('goes on with --keep until it is told to stop, and leaves nothing then', async () => {
    const demo = spawn('sh', ['scripts/demo.sh', '--keep'], { detached: true });
    trackGroup(demo.pid ?? 0);
    let said = '';
    demo.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await new Promise<void>((resolve, reject) => {
      demo.once('close', () => reject(new Error(said)));
      demo.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (/^ +stop: .*\n/m.test(said)) resolve();
      });
    });
    const told = (name: string): string =>
      new RegExp(`^ +${name}: +(.*)$`, 'm').exec(said)?.[1] ?? assert.fail(said);
    const [store, status, pull] = [told('store'), told('status'), told('pull')];
    const pids = [...told('processes').matchAll(/\d+/g)].map(Number);
    assert.equal(pids.length, 3);

    const [, path = ''] = /"GET \/(\S+\/signature-1) HTTP\/1\.1" 200/.exec(said) ?? [];
    assert.equal((await fetch(`${store}${path}`)).status, 200);
    assert.equal((await fetch(status)).status, 200);
    assert.equal((await fetch(`http://${told('registry')}/v2/`)).status, 200);
    const [command = '', ...args] = pull.split(' ');
    await runOrThrow(command, args);
    const [node = '', ...words] = told('explain').split(' ');
    assert.match((await runOrThrow(node, words)).stdout, /verdict: +accepted/);

    const stop = /kill (\d+)$/.exec(told('stop'))?.[1];
    assert.equal(Number(stop), demo.pid);
    await runOrThrow('kill', [`${stop}`]);
    const [code] = (await once(demo, 'close')) as [number | null];
    assert.equal(code, 0, said);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    const directory = pull.replace(/^sh /, '').replace(/\/pull$/, '');
    assert.ok(!existsSync(directory));
    for (const url of [store, status]) await assert.rejects(fetch(url));
  });
});
