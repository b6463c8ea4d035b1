// What ships: the package as npm packs it and installs it, with nothing beside it.
import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { imageAt } from '../scripts/bench/data/images.ts';
import { signImage } from '../scripts/bench/data/sign-image.ts';
import { openSigningKey } from '../scripts/bench/data/signing-key.ts';
import { eventually } from './kit/eventually.ts';
import { HeldGit } from './kit/process/held-git.ts';
import { run, runOrThrow } from './kit/process/run.ts';
import { startOnTerminal } from './kit/process/terminal.ts';
import { assertServed } from './kit/program/assert-served.ts';
import { lookUp } from './kit/program/look-up.ts';
import { runLookaside } from './kit/program/lookaside.ts';
import { useLookaside } from './kit/program/use-lookaside.ts';
import { makeGitRemote } from './kit/remote/git-remote.ts';
import { EXAMPLE, TWICE } from './kit/server/example-server.ts';
import { makePublisher } from './kit/signer/publisher.ts';
import { useTemporary } from './kit/temporary.ts';
import { describeWith } from './with-tools.ts';

const ROOT = join(import.meta.dirname, '..');
const MIB = 1024 * 1024;
const MAX_SIZE = 10 * MIB;
/** Enough for a thread (rsa-in-thread.ts), which is ready after some more. */
const SIGNATURES = 1500;

const packed = z.tuple([
  z.object({
    filename: z.string(),
    unpackedSize: z.number(),
    files: z.array(z.object({ path: z.string(), size: z.number() })),
  }),
]);

/** Writes down, at the end of the program, what its threads ran, and how often they answered. */
const TELL_THREADS = `
  import { writeFileSync } from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  import threads from 'node:worker_threads';
  const told = {};
  threads.Worker = class extends threads.Worker {
    constructor(script, options) {
      super(script, options);
      this.on('message', () => (told[script] = (told[script] ?? 0) + 1));
    }
  };
  syncBuiltinESMExports();
  if (threads.isMainThread) {
    process.on('exit', () => writeFileSync(process.env.TOLD, JSON.stringify(told)));
  }
`;

describeWith(['git', 'git-http-backend', 'gpg', 'gpgv', 'script'], 'the package', () => {
  const directory = useTemporary('suite');
  const servers = useLookaside();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let files: readonly { readonly path: string; readonly size: number }[];
  let size: number;

  before('pack and install', async () => {
    const env = { npm_config_cache: at('cache'), npm_config_update_notifier: 'false' };
    // What is built is packed as it is: `npm test` has built it.
    const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory()];
    const { stdout } = await runOrThrow('npm', pack, { cwd: ROOT, env });
    const [{ filename, unpackedSize, files: all }] = packed.parse(JSON.parse(stdout));
    [files, size] = [all, unpackedSize];
    const install = ['install', '--global', '--prefix', at('prefix'), '--offline', at(filename)];
    await runOrThrow('npm', [...install, '--no-audit', '--no-fund'], { env });
  });

  const modules = (...names: readonly string[]): string => at('prefix/lib/node_modules', ...names);
  const main = (): string => modules('lookaside/bundled/cli/main.js');
  const lookaside = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    run(at('prefix/bin/lookaside'), args, { env });
  const serve = async (source: string, ...args: readonly string[]) =>
    servers.start(source, args, { main: main() });

  it('is small, needs no other, and has neither tests nor sources', async () => {
    assert.ok(size < MAX_SIZE, `${(size / MIB).toFixed(1)} MiB`);
    assert.deepEqual(await readdir(modules()), ['lookaside']);
    await assert.rejects(readdir(modules('lookaside/node_modules')), { code: 'ENOENT' });
    const others = files.map(({ path }) => path).filter((path) => !path.startsWith('bundled/'));
    assert.deepEqual(others.toSorted(), ['LICENSE', 'README.md', 'package.json']);
    // The bill of materials is beside the package, not in it.
    const odd = files.filter(({ path }) =>
      /\.cdx\.json$|\.(?:ts|map|node)$|(?:^|[/.])test[/.]/.test(path),
    );
    assert.deepEqual(odd, []);
  });

  it('says whose work is in it, under which licence', async () => {
    const notices = await readFile(modules('lookaside/bundled/THIRD-PARTY-LICENSES.txt'), 'utf8');
    const manifest = z
      .object({ version: z.string() })
      .parse(JSON.parse(await readFile('node_modules/express/package.json', 'utf8')));
    assert.ok(notices.includes(`\nexpress ${manifest.version}, MIT\n`));
    assert.match(notices, /^openpgp \S+, LGPL-3\.0\+$/m);
    assert.match(notices, /GNU LESSER GENERAL PUBLIC LICENSE/);
    assert.doesNotMatch(notices, /^(?:typescript|esbuild|mocha) /m);
    // Ours is under another one, and theirs can be put in its place.
    const openpgp = await readFile(modules('lookaside/bundled/openpgp.mjs'));
    assert.ok(openpgp.equals(await readFile('node_modules/openpgp/dist/node/openpgp.mjs')));
  });

  it('has every command, with its help', async () => {
    const { stdout: all } = await runLookaside(['--help']);
    const commands = [...all.matchAll(/^ {2}([a-z][a-z-]+) .*/gm)].map(([, name = '']) => name);
    assert.ok(commands.includes('serve') && commands.length >= 10, commands.join());
    for (const command of ['', ...commands]) {
      const words = [...command.split(' ').filter(Boolean), '--help'];
      const [ours, theirs] = [await runLookaside(words), await lookaside(words)];
      assert.deepEqual(theirs, ours, command);
    }
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')));
    assert.equal((await lookaside(['--version'])).stdout, `${version}\n`);
  });

  it('checks, writes the script for nodes, and makes a signature repository, as the sources do', async () => {
    const release = join(EXAMPLE, 'keys/release.asc');
    const node = ['--scope', `quay.io/team=${release}`, '--url', 'https://sig.example'];
    for (const words of [
      ['check', EXAMPLE, '--keys', join(EXAMPLE, 'keys')],
      ['node-config', ...node, '--default', 'reject', '--target', 'script', '--out', '-'],
      ['completion', 'bash'],
    ]) {
      const ours = await runLookaside(words);
      assert.equal(ours.code, 0, ours.stderr);
      assert.deepEqual(await lookaside(words), ours);
    }
    for (const forge of ['github', 'gitlab', 'gitea']) {
      const words = (name: string): readonly string[] => {
        const scope = ['--scope', `quay.io/team=${release}`];
        return ['init', at(name), '--forge', forge, ...scope];
      };
      await runLookaside(words(`ours-${forge}`));
      assert.equal((await lookaside(words(`theirs-${forge}`))).code, 0);
      await runOrThrow('diff', ['--recursive', at(`ours-${forge}`), at(`theirs-${forge}`)]);
    }
  });

  it('reads a configuration file', async () => {
    await writeFile(at('config.yaml'), `keys: ${join(EXAMPLE, 'keys')}\n`);
    const words = ['check', EXAMPLE, '--config', at('config.yaml')];
    assert.deepEqual(await lookaside(words), await runLookaside(words));
  });

  it('computes in a thread where there are many signatures', async () => {
    const key = await openSigningKey(directory());
    await writeFile(at('key.gpg'), key.public.publicKey);
    for (let index = 0; index < SIGNATURES; index++) {
      const image = imageAt(index);
      const path = at('many', image.location);
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, (await signImage(key, image)).message);
    }
    const env = {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(TELL_THREADS)}`,
      TOLD: at('told'),
    };
    const { stdout, stderr } = await lookaside(['check', at('many'), '--keys', at('key.gpg')], env);
    assert.match(stdout, new RegExp(`^good: ${SIGNATURES} files: ${SIGNATURES} accepted`), stderr);
    const told = z
      .record(z.string(), z.number())
      .parse(JSON.parse(await readFile(at('told'), 'utf8')));
    const [thread = '', ...more] = Object.keys(told);
    assert.ok(thread.endsWith('/bundled/generator/openpgp/rsa-thread.js'), thread);
    assert.deepEqual(more, []);
    // The first message says that it is ready.
    assert.ok((told[thread] ?? 0) > 1);
  });

  it('shows a bar on a terminal while it checks for long', async () => {
    const [publisher, remote] = [await makePublisher(), await makeGitRemote()];
    try {
      const { location, bytes } = await publisher.sign();
      await remote.publish({ [location]: bytes });
      const git = await HeldGit.make(directory());
      const command = [at('prefix/bin/lookaside'), 'check', remote.path];
      const check = await startOnTerminal(command, { PATH: git.searchPath, TERM: 'xterm' });
      await eventually(() => assert.match(check.stdout(), /0% 0\/1 files, /));
      await git.letGo();
      assert.equal(await check.ended(), 0);
    } finally {
      await Promise.all([publisher.stop(), remote.remove()]);
    }
  });

  it('serves signatures and pages', async () => {
    const server = await serve(EXAMPLE, '--keys', join(EXAMPLE, 'keys'));
    assert.equal((await lookUp(server, `${TWICE}/signature-1`)).status, 200);
    assert.equal((await lookUp(server, `${TWICE}/signature-9`)).status, 404);
    for (const url of [server.baseUrl, server.statusUrl]) {
      const page = await (await fetch(url, { headers: { accept: 'text/html' } })).text();
      assert.match(page, /<style>[^<]{1000}/);
    }
    assert.equal(await server.stop(), 0);
  });

  it('follows a git repository that wants a token', async () => {
    const [publisher, remote] = [await makePublisher(), await makeGitRemote()];
    try {
      const [first, second] = [await publisher.sign(), await publisher.sign()];
      await remote.publish({ [first.location]: first.bytes });
      const token = 'a-token';
      await writeFile(at('token'), `${token}\n`);
      const { url } = await remote.serveHttp({ token });
      const state = publisher.serveArgs(at('state'));
      const server = await serve(url, ...state, '--git-token-file', at('token'));
      await assertServed(server, first);
      await publisher.announce(server, await remote.publish({ [second.location]: second.bytes }));
      await server.waitForLine(/"msg":"refreshed".*"reason":"webhook"|"reason":"webhook".*/);
      await assertServed(server, second);
    } finally {
      await Promise.all([publisher.stop(), remote.remove()]);
    }
  });
});
