import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../kit/eventually.ts';
import { PUSHER, PushWorld, stage } from '../../kit/push/push-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

describeWith(
  ['git', 'git-http-backend', 'gpg', 'gpgv', 'script'],
  'lookaside push at a terminal',
  () => {
    const directory = useTemporary();
    let world: PushWorld;
    before(async () => {
      world = await PushWorld.make();
      await world.remote.gitBare('config', 'http.receivepack', 'true');
    });
    after(() => world.stop());

    it('lets git ask for a password, once', async () => {
      const { url } = await world.remote.serveHttp({ token: 's3cret' });
      const staging = join(directory(), 'staging');
      await stage(staging, [await world.sign()]);
      const command = `${process.execPath} ${MAIN} push ${staging} --to ${url} --no-color`;
      const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
        env: { ...process.env, ...PUSHER, SHELL: '/bin/sh' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      let screen = '';
      child.stdout.setEncoding('utf8').on('data', (part: string) => (screen += part));
      const answer = async (prompt: RegExp, word: string): Promise<void> => {
        await eventually(() => assert.match(screen, prompt));
        child.stdin.write(`${word}\n`);
      };
      await answer(/Username for 'http:/, 'pusher');
      await answer(/Password for 'http:/, 's3cret');
      await ended;
      assert.equal(child.exitCode, 0, screen);
      assert.match(screen, /1 new/);
      assert.equal(screen.match(/Password for/g)?.length, 1);
      assert.doesNotMatch(screen, /s3cret/);
      assert.equal((await world.signatures()).size, 1);
    });
  },
);
