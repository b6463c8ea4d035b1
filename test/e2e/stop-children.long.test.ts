import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeWith, toolPath } from '../with-tools.ts';
import { type Background, startBackground } from '../kit/process/background.ts';
import { eventually } from '../kit/eventually.ts';
import { makeGitRemote, type GitRemote } from '../kit/remote/git-remote.ts';
import { makePublisher, type Publisher } from '../kit/signer/publisher.ts';
import { useLookaside } from '../kit/program/use-lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Within which SIGTERM must have ended the server, in milliseconds. */

/** What programs do that do not stop. */
const STUBBORN = {
  'does not hear': `trap '' TERM INT; (trap '' TERM INT; while :; do sleep 1; done) & wait; wait`,
  'is halted': 'kill -STOP $$',
} as const;
/** A word that no git is ever given. */
const NEVER_ASKED = 'never-asked';

describeWith(['gpg', 'gpgv', 'git'], 'whatever a child does', () => {
  const servers = useLookaside();
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    await mkdir(join(directory(), 'bin'));
    await mkdir(join(directory(), 'state'));
  });
  afterEach(() => remote.remove());

  const mark = (): string => join(directory(), 'hangs');
  /** A program that hangs where it is asked for `word`. */
  const install = async (tool: 'git' | 'gpgv', word: string, how: string): Promise<void> => {
    const hang = `echo $$ >'${mark()}'; ${how}`;
    const file = join(directory(), 'bin', tool);
    const text = `#!/bin/sh\ncase " $* " in *' ${word} '*) ${hang};; esac\nexec ${toolPath(tool)} "$@"\n`;
    await writeFile(`${file}.new`, text);
    await chmod(`${file}.new`, 0o755);
    await rename(`${file}.new`, file);
  };
  const untilItHangs = async (): Promise<void> =>
    eventually(async () => assert.match(await readFile(mark(), 'latin1'), /^\d+\n$/));
  const groupOfHanging = async (): Promise<number> => {
    const pid = (await readFile(mark(), 'latin1')).trim();
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    return Number(/\) \S \d+ (\d+) /.exec(stat)?.[1]);
  };
  const listen = async () => {
    const env = { PATH: `${join(directory(), 'bin')}${delimiter}${process.env['PATH']}` };
    const args = publisher.serveArgs(join(directory(), 'state'));
    return servers.startListening(remote.path, args, { env });
  };
  /** Those that the server has started, and what those have; they all have its PATH. */
  const children = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for (const pid of await readdir('/proc')) {
      const read = async (file: string) =>
        readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
      if ((await read('environ')).includes(join(directory(), 'bin'))) {
        found.push((await read('cmdline')).replaceAll('\0', ' '));
      }
    }
    return found;
  };
  /** Starts the server where it may hang before it listens. */
  const start = async (): Promise<Background> => {
    const env = { PATH: `${join(directory(), 'bin')}${delimiter}${process.env['PATH']}` };
    const args = publisher.serveArgs(join(directory(), 'state'));
    const listening = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
    const all = [MAIN, 'serve', remote.path, ...listening, ...args];
    return startBackground(process.execPath, all, { env });
  };
  const push = async (): Promise<string> => {
    const { location, bytes } = await publisher.sign();
    return remote.publish({ [location]: bytes });
  };
  for (const [doing, how] of Object.entries(STUBBORN)) {
    for (const word of ['fetch-pack', 'ls-tree', '--batch']) {
      it(`a git ${word} that ${doing} ends with the server`, async () => {
        await push();
        await install('git', word, how);
        const server = await listen();
        await untilItHangs();
        assert.equal(await server.stop(), 0);
        await eventually(async () => assert.deepEqual(await children(), []));
      });
    }

    for (const word of ['init', 'refs/lookaside/published']) {
      it(`a git ${word} that ${doing} ends with the server that starts`, async () => {
        await push();
        await install('git', word, how);
        const server = await start();
        await untilItHangs();
        // Else it would end with the group of the server, which the tests kill.
        assert.notEqual(await groupOfHanging(), server.pid);
        assert.equal(await server.stop(), 0);
        await eventually(async () => assert.deepEqual(await children(), []));
      });
    }

    it(`a git fetch-pack of a later push that ${doing} ends with the server`, async () => {
      await push();
      await install('git', NEVER_ASKED, how);
      const server = await listen();
      await server.waitForLine(/^lookaside: serving 1 /);
      await install('git', 'fetch-pack', how);
      await publisher.announce(server, await push());
      await untilItHangs();
      assert.equal(await server.stop(), 0);
      await eventually(async () => assert.deepEqual(await children(), []));
    });
  }

  it('a gpgv that does not hear ends with the server', async () => {
    const { location, bytes } = await publisher.sign();
    // Not as GnuPG writes it: only gpgv can judge that.
    await remote.publish({ [location]: Buffer.concat([bytes, bytes]) });
    await install('gpgv', '--output', STUBBORN['does not hear']);
    const server = await listen();
    await untilItHangs();
    assert.equal(await server.stop(), 0);
    await eventually(async () => assert.deepEqual(await children(), []));
  });

  it('a fetch ends when the server is killed', async () => {
    await push();
    await install('git', NEVER_ASKED, STUBBORN['does not hear']);
    const server = await listen();
    await server.waitForLine(/^lookaside: serving 1 /);
    await install('git', 'fetch-pack', STUBBORN['does not hear']);
    await publisher.announce(server, await push());
    await untilItHangs();
    process.kill(server.pid, 'SIGKILL');
    await eventually(async () => assert.deepEqual(await children(), []));
  });
});
