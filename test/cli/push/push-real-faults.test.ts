// Faults of the machine that the repository lies on, as they are.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBackground } from '../../kit/process/background.ts';
import { run } from '../../kit/process/run.ts';
import { SmallDisk } from '../../kit/process/small-disk.ts';
import { PUSHER, PushWorld, type SignedImage, stage } from '../../kit/push/push-world.ts';
import { runGitBackend } from '../../kit/remote/git-backend.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const MIB = 1024 * 1024;

interface BrokenHost extends AsyncDisposable {
  readonly url: string;
  /** How many pushes came. */
  readonly pushes: () => number;
}

describeWith(
  ['git', 'git-http-backend', 'gpg', 'gpgv', 'unshare'],
  'lookaside push, when a machine fails',
  () => {
    let image: SignedImage;
    let staged = '';
    afterEach('the staging directory is as it was', async () => {
      assert.deepEqual(await readFile(staged), image.bytes);
    });
    const directory = useTemporary();
    const at = (...names: string[]): string => join(directory(), ...names);
    let world: PushWorld;
    before(async () => {
      world = await PushWorld.make();
      image = await world.sign();
    });
    after(() => world.stop());
    beforeEach(async () => {
      const [path = ''] = await stage(at('staging'), [image]);
      staged = at('staging', path);
    });

    it('tells of a disk that is full, and pushes once there is room', async function onFullDisk() {
      await mkdir(at('disk'));
      const disk = await SmallDisk.mount(at('disk'), 4 * MIB);
      if (!disk) {
        this.skip();
        return;
      }
      try {
        const repository = join(disk.path, 'signatures.git');
        await cp(world.remote.path, join(disk.outside, 'signatures.git'), { recursive: true });
        await disk.fill();
        const push = async () => {
          const words = [process.execPath, MAIN, 'push', at('staging'), '--to', repository];
          const [command = '', ...args] = [...disk.wrapper, ...words];
          return run(command, args, { env: PUSHER });
        };
        const full = await push();
        assert.equal(full.code, 2, full.stdout);
        assert.match(full.stderr, /^lookaside: git push failed: .*No space left on device/);
        assert.match(full.stderr, /hint: the disk of the repository is full/);
        await disk.empty();
        const roomy = await push();
        assert.equal(roomy.code, 0, roomy.stderr);
        assert.match(roomy.stdout, /1 new/);
      } finally {
        await disk.unmount();
      }
    });

    it('tells of a repository that it may only read', async function reading() {
      if (process.geteuid?.() !== 0) {
        this.skip();
        return;
      }
      const repository = at('signatures.git');
      await cp(world.remote.path, repository, { recursive: true });
      await writeFile(at('gitconfig'), '[safe]\n\tdirectory = *\n');
      const words = [process.execPath, MAIN, 'push', at('staging'), '--to', repository];
      const result = await run('setpriv', ['--reuid=nobody', '--clear-groups', '--', ...words], {
        env: { ...PUSHER, GIT_CONFIG_GLOBAL: at('gitconfig') },
      });
      assert.equal(result.code, 2, result.stdout);
      assert.match(
        result.stderr,
        /^lookaside: git push failed: .*(?:insufficient permission|unable to create|Permission denied)/,
      );
      assert.match(result.stderr, /\nhint: .*(?:written to|log in)/);
    });

    it('tells of a branch that it may not move, at once', async function moving() {
      if (process.geteuid?.() !== 0) {
        this.skip();
        return;
      }
      const repository = at('signatures.git');
      await cp(world.remote.path, repository, { recursive: true });
      await run('chmod', ['-R', 'a+rwX', repository]);
      await run('chmod', ['-R', 'go-w', join(repository, 'refs')]);
      await writeFile(at('gitconfig'), '[safe]\n\tdirectory = *\n');
      const words = [process.execPath, MAIN, 'push', at('staging'), '--to', repository];
      const result = await run('setpriv', ['--reuid=nobody', '--clear-groups', '--', ...words], {
        env: { ...PUSHER, GIT_CONFIG_GLOBAL: at('gitconfig') },
      });
      assert.equal(result.code, 2, result.stdout);
      assert.match(result.stderr, /^lookaside: git push failed: .*Permission denied/);
      assert.match(result.stderr, /\nhint: the repository may not be written to by this account/);
    });

    it('tells what it pushed also where --clear may not remove it', async function clearing() {
      if (process.geteuid?.() !== 0) {
        this.skip();
        return;
      }
      const repository = at('signatures.git');
      await cp(world.remote.path, repository, { recursive: true });
      await run('chmod', ['-R', 'a+rwX', repository]);
      await writeFile(at('gitconfig'), '[safe]\n\tdirectory = *\n');
      const words = [process.execPath, MAIN, 'push', at('staging'), '--to', repository, '--clear'];
      const result = await run('setpriv', ['--reuid=nobody', '--clear-groups', '--', ...words], {
        env: { ...PUSHER, GIT_CONFIG_GLOBAL: at('gitconfig') },
      });
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stdout, /: 1 new/);
      assert.equal(
        result.stderr,
        `lookaside: cannot remove ${staged}: EACCES: permission denied\n` +
          'hint: the repository has it: remove it by hand, or make its directory writable\n',
      );
    });

    it('tells what it pushed also where the wait for the store is interrupted', async () => {
      const store = createServer((_request, response) => response.writeHead(404).end());
      store.listen(0, '127.0.0.1');
      await once(store, 'listening');
      const asked = once(store, 'request');
      const { port } = store.address() as AddressInfo;
      await world.remote.gitBare('branch', '--force', 'waited', 'main');
      const where = ['--to', world.remote.fileUrl, '--branch', 'waited'];
      const words = ['push', at('staging'), ...where, '--wait', `http://127.0.0.1:${port}`];
      const program = await startBackground(process.execPath, [MAIN, ...words], { env: PUSHER });
      await asked;
      assert.equal(await program.stop('SIGINT'), 2);
      assert.match(program.stdout(), /: 1 new/);
      assert.equal(program.stderr(), 'lookaside: interrupted\n');
      store.close();
      store.closeAllConnections();
    });

    /** Git over http, where the first push comes through, and its answer does not. */
    async function serveBroken(): Promise<BrokenHost> {
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      let pushes = 0;
      const server = createServer((request, response) => {
        runGitBackend(join(world.remote.path, '..'), request, response);
        if (request.method !== 'POST' || !request.url?.endsWith('/git-receive-pack')) return;
        if (pushes++ > 0) return;
        // A client that has got nothing at all would ask again by itself.
        response.write = () => {
          response.flushHeaders();
          return true;
        };
        response.end = () => response.destroy();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      return {
        url: `http://127.0.0.1:${port}/signatures.git`,
        pushes: () => pushes,
        [Symbol.asyncDispose]: async () => {
          server.close();
          server.closeAllConnections();
          await once(server, 'close');
        },
      };
    }

    it('goes on after a connection that breaks, and pushes nothing twice', async () => {
      const start = await world.remote.gitBare('rev-parse', 'main');
      await using host = await serveBroken();
      const args = ['--timeout', '1m'];
      const { code, stdout, stderr } = await world.push([at('staging')], args, { to: host.url });
      assert.equal(code, 0, stderr);
      assert.equal(host.pushes() >= 1, true);
      assert.match(stdout, /: new: .*\n.*: 1 new/);
      assert.equal(await world.remote.gitBare('rev-list', '--count', `${start}..main`), '1');
    });

    it('proposes once where the connection breaks', async () => {
      const signed = await world.sign();
      await stage(at('proposed'), [signed]);
      await using host = await serveBroken();
      const args = ['--pull-request', '--timeout', '1m'];
      const { code, stdout, stderr } = await world.push([at('proposed')], args, { to: host.url });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^proposed to .*: 1 new/m);
      const branches = await world.remote.gitBare('branch', '--list', 'lookaside/*');
      assert.equal(branches.split('\n').length, 1);
      assert.match(branches, /lookaside\//);
    });

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`leaves nothing behind on ${signal}, and says so`, async () => {
        const host = createServer(() => undefined).listen(0, '127.0.0.1');
        await once(host, 'listening');
        const asked = once(host, 'connection');
        const { port } = host.address() as AddressInfo;
        await mkdir(at('tmp'));
        const words = ['push', at('staging'), '--to', `http://127.0.0.1:${port}/signatures.git`];
        const program = await startBackground(process.execPath, [MAIN, ...words], {
          env: { ...PUSHER, TMPDIR: at('tmp') },
        });
        await asked;
        assert.equal(await program.stop(signal), 2);
        assert.equal(program.stderr(), 'lookaside: interrupted\n');
        assert.deepEqual(await readdir(at('tmp')), []);
        host.close();
        host.closeAllConnections();
      });
    }
  },
);
