// Faults of the machine that the repository lies on, as they are.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBackground } from '../../kit/process/background.ts';
import { type RunResult, run } from '../../kit/process/run.ts';
import { SmallDisk } from '../../kit/process/small-disk.ts';
import { PUSHER, PushWorld, type SignedImage, blobOf, stage } from '../../kit/push/push-world.ts';
import { runGitBackend } from '../../kit/remote/git-backend.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const MIB = 1024 * 1024;
const PAGE = 4096;

interface BrokenHost extends AsyncDisposable {
  readonly url: string;
  /** How many pushes came. */
  readonly pushes: () => number;
}

describeWith(
  ['git', 'git-http-backend', 'gpg', 'gpgv', 'unshare', 'setpriv'],
  'lookaside push, when a machine fails',
  () => {
    let image: SignedImage;
    let staged = '';
    let start = '';
    afterEach('the staging directory is as it was', async () => {
      assert.deepEqual(await readFile(staged), image.bytes);
    });
    const directory = useTemporary();
    const at = (...names: string[]): string => join(directory(), ...names);
    let world: PushWorld;
    before(async () => {
      world = await PushWorld.make();
      image = await world.sign();
      start = await world.remote.git('rev-parse', 'HEAD');
    });
    after(() => world.stop());
    beforeEach(async () => {
      await world.remote.git('reset', '--hard', '--quiet', start);
      await world.remote.push('--force');
      const [path = ''] = await stage(at('staging'), [image]);
      staged = at('staging', path);
    });

    const main = (to: string, ...args: readonly string[]): readonly [string, ...string[]] => [
      process.execPath,
      MAIN,
      'push',
      at('staging'),
      '--to',
      to,
      ...args,
    ];

    /** A disk of its own, in `disk`. */
    async function mountDisk(bytes: number): Promise<SmallDisk> {
      await mkdir(at('disk'));
      const disk = await SmallDisk.mount(at('disk'), bytes);
      assert.ok(disk, 'nothing can be mounted here');
      return disk;
    }

    it('tells of a disk that is full, and pushes once there is room', async () => {
      const disk = await mountDisk(4 * MIB);
      try {
        const repository = join(disk.path, 'signatures.git');
        await cp(world.remote.path, join(disk.outside, 'signatures.git'), { recursive: true });
        await disk.fill();
        const push = async () => {
          const [command = '', ...args] = [...disk.wrapper, ...main(repository)];
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

    it('tells of no room for temporary files, whenever that runs out', async () => {
      const disk = await mountDisk(MIB);
      try {
        // Of the directory, of git and of what is read: the more room, the later.
        const { path, fileUrl } = world.remote;
        for (const [pages, to] of [
          [0, path],
          [1, path],
          [10, path],
          [10, fileUrl],
          [16, fileUrl],
        ] as const) {
          await disk.empty();
          await writeFile(join(disk.outside, 'room'), Buffer.alloc(pages * PAGE));
          await disk.fill();
          await rm(join(disk.outside, 'room'));
          const [command = '', ...args] = [...disk.wrapper, ...main(to)];
          const env = { ...PUSHER, TMPDIR: disk.path };
          const { code, stdout, stderr } = await run(command, args, { env });
          assert.deepEqual([code, stdout], [2, ''], `${pages}: ${stderr}`);
          assert.match(stderr, /^lookaside: .*\nhint: .*set TMPDIR to .*\n$/);
          assert.deepEqual(await readdir(disk.outside), ['filler']);
        }
      } finally {
        await disk.unmount();
      }
    });

    /**
     * Pushes to a copy of the repository as somebody who may do to it what these calls of chmod leave, each
     * with a path in it: as nobody where we are root, whom no mode keeps out.
     */
    async function pushAsNobody(
      modes: readonly (readonly [mode: string, path: string])[],
      ...args: readonly string[]
    ): Promise<RunResult> {
      const repository = at('signatures.git');
      await cp(world.remote.path, repository, { recursive: true });
      for (const [mode, path] of modes) await run('chmod', ['-R', mode, join(repository, path)]);
      await writeFile(at('gitconfig'), '[safe]\n\tdirectory = *\n');
      const nobody = ['setpriv', '--reuid=nobody', '--clear-groups', '--'];
      const wrapper = process.geteuid?.() === 0 ? nobody : [];
      const [command = '', ...words] = [...wrapper, ...main(repository, ...args)];
      const env = { ...PUSHER, GIT_CONFIG_GLOBAL: at('gitconfig') };
      const result = await run(command, words, { env });
      await run('chmod', ['-R', 'u+rwX', directory()]);
      return result;
    }

    it('tells of a repository that it may only read', async () => {
      const { code, stdout, stderr } = await pushAsNobody([['a-w', '.']]);
      assert.equal(code, 2, stdout);
      assert.match(
        stderr,
        /^lookaside: git push failed: .*(?:insufficient permission|unable to create|Permission denied)/,
      );
      assert.match(stderr, /\nhint: .*(?:written to|log in)/);
    });

    it('tells of a branch that it may not move, at once', async () => {
      const { code, stdout, stderr } = await pushAsNobody([
        ['a+rwX', '.'],
        ['a-w', 'refs'],
      ]);
      assert.equal(code, 2, stdout);
      assert.match(stderr, /^lookaside: git push failed: .*Permission denied/);
      assert.match(stderr, /\nhint: the repository may not be written to by this account/);
    });

    it('tells what it pushed also where --clear may not remove it', async () => {
      await chmod(dirname(staged), 0o555);
      const { code, stdout, stderr } = await pushAsNobody([['a+rwX', '.']], '--clear');
      assert.equal(code, 2, stderr);
      assert.match(stdout, /: 1 new/);
      assert.equal(
        stderr,
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
      return listen(server, () => pushes);
    }

    it('goes on after a connection that breaks, and pushes nothing twice', async () => {
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

    /** Git over http that says nothing to a push: it never came in, or only nobody hears that it did. */
    async function serveSilent(takesPushes: boolean): Promise<BrokenHost> {
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      let pushes = 0;
      const server = createServer((request, response) => {
        const isPush = request.method === 'POST' && request.url?.endsWith('/git-receive-pack');
        if (isPush) {
          pushes++;
          response.write = () => true;
          response.end = () => response;
          if (!takesPushes) return;
        }
        runGitBackend(join(world.remote.path, '..'), request, response);
      });
      return listen(server, () => pushes);
    }

    it('says the truth of a push after which the host falls silent', async () => {
      await using deaf = await serveSilent(false);
      await using mute = await serveSilent(true);
      await stage(at('lost'), [await world.sign()]);
      await stage(at('proposed'), [await world.sign()]);
      const args = ['--timeout', '5s'];
      const [lost, pushed, proposed] = await Promise.all([
        world.push([at('lost')], [...args, '--clear'], { to: deaf.url }),
        world.push([at('staging')], args, { to: mute.url }),
        world.push([at('proposed')], [...args, '--pull-request'], { to: mute.url }),
      ]);
      assert.deepEqual([lost.code, lost.stdout], [2, '']);
      assert.equal(
        lost.stderr,
        'lookaside: git push was stopped: it said nothing for 10 s; looked up afterwards, main does not have the signatures\n' +
          'hint: run the same command again later: what is there by then is not pushed twice\n',
      );
      assert.equal((await readdir(at('lost'), { recursive: true })).length, 3);
      assert.equal(pushed.code, 0, pushed.stderr);
      assert.match(pushed.stdout, /: new: .*\npushed to .*: 1 new/);
      assert.equal(await world.remote.gitBare('rev-parse', 'main^'), start);
      assert.equal(proposed.code, 0, proposed.stderr);
      assert.match(proposed.stdout, /: new: .*\nproposed to .*: 1 new/);
    });

    it('proposes on the newest state where that moves while it works', async () => {
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      const signed = await world.sign();
      await stage(at('proposed'), [signed]);
      let isMoved = false;
      const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        if (!isMoved && request.url?.includes('service=git-receive-pack') === true) {
          isMoved = true;
          await world.remote.publish({ 'README.md': 'moved\n' });
        }
        runGitBackend(join(world.remote.path, '..'), request, response);
      };
      const server = createServer((request, response) => void answer(request, response));
      await using host = await listen(server, () => 0);
      const args = ['--pull-request', '--format', 'json'];
      const { code, stdout, stderr } = await world.push([at('proposed')], args, { to: host.url });
      assert.equal(code, 0, stderr);
      const { proposal } = JSON.parse(stdout) as { proposal: { branch: string } };
      const { gitBare } = world.remote;
      assert.equal(
        await gitBare('rev-parse', `${proposal.branch}^`),
        await gitBare('rev-parse', 'main'),
      );
      assert.deepEqual(
        [...(await world.signatures(proposal.branch)).values()],
        [blobOf(signed.bytes)],
      );
    });

    it('says that nobody knows where the host cannot be asked any more', async () => {
      await world.remote.gitBare('config', 'http.receivepack', 'true');
      const server = createServer((request, response) => {
        const isPush = request.method === 'POST' && request.url?.endsWith('/git-receive-pack');
        if (!isPush) {
          runGitBackend(join(world.remote.path, '..'), request, response);
          return;
        }
        request.destroy();
        server.close();
        server.closeAllConnections();
      });
      const host = await listen(server, () => 0);
      const args = ['--timeout', '1s'];
      const { code, stdout, stderr } = await world.push([at('staging')], args, { to: host.url });
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(
        stderr,
        /^lookaside: git push failed: .*; nobody knows whether main has the signatures: .*\nhint: run the same command again later/,
      );
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

async function listen(server: Server, pushes: () => number): Promise<BrokenHost> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/signatures.git`,
    pushes,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
