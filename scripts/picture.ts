// Makes docs/status-page.png, the picture in the README: a real server with the example signatures,
// nodes that pull, some of them in vain, and the status page that tells of it. Needs git and Chromium.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PICTURE = join(ROOT, 'docs/status-page.png');
const SIZE = { width: 1000, height: 780 };
const UNSIGNED = ['team/app:1.2', 'team/shop:0.9'].map(nameDirectory);
const REJECTED = nameDirectory('team/worker:2.4');

/** The directory of an image that this script makes up. */
function nameDirectory(image: string): string {
  const digest = createHash('sha256').update(image).digest('hex');
  return `${image.replace(/:.*/, '')}@sha256=${digest}`;
}

/** A signature repository with the example, and one file that is armored. Returns its directory. */
function makeRepository(directory: string): string {
  const repository = join(directory, 'signatures');
  cpSync(join(ROOT, 'signatures'), repository, { recursive: true });
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', repository, ...args], {
      encoding: 'utf8',
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' },
    });
  const commit = (author: string, subject: string): void => {
    const [name = '', email = ''] = author.split(' ');
    git('add', '.');
    git('-c', `user.name=${name}`, '-c', `user.email=${email}`, 'commit', '-qm', subject);
  };
  git('init', '-q', '--initial-branch=main');
  commit('Release release@example.com', 'Sign team/app:1.1');
  const armored = join(repository, REJECTED, 'signature-1');
  cpSync(join(ROOT, 'signatures/keys/release.asc'), armored);
  commit('Sam sam@example.com', 'Sign team/worker:2.4');
  return join(repository, '.git');
}

/** Starts the built program; resolves with its two addresses once it serves. */
async function serve(
  directory: string,
): Promise<{ server: ChildProcess; main: string; status: string }> {
  const config = join(directory, 'config.yaml');
  writeFileSync(config, `keys: ${join(ROOT, 'signatures/keys')}\nstate-dir: state\n`);
  const ports = ['--listen=127.0.0.1:0', '--status-listen=127.0.0.1:0'];
  const main = join(ROOT, 'dist/cli/main.js');
  const args = [main, 'serve', makeRepository(directory), `--config=${config}`, ...ports];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let addresses = { main: '', status: '' };
  for await (const line of createInterface({ input: server.stderr })) {
    if (line.includes('"msg":"listening"')) addresses = JSON.parse(line) as typeof addresses;
    if (line.startsWith('lookaside: serving')) return { server, ...addresses };
  }
  throw new Error('the server ended before it served');
}

/** Asks as nodes do: for every signature of an image until there is none. */
async function pull(base: string, image: string): Promise<void> {
  for (let number = 1; ; number += 1) {
    const { status } = await fetch(`${base}/${image}/signature-${number}`);
    if (status !== 200) return;
  }
}

const directory = mkdtempSync(join(tmpdir(), 'lookaside-picture-'));
const { server, main, status } = await serve(directory);
try {
  const signed = readdirSync(join(ROOT, 'signatures/team')).map((image) => `team/${image}`);
  for (const image of [...signed, ...UNSIGNED, REJECTED]) await pull(main, image);
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    // Root has no sandbox.
    chromiumSandbox: process.getuid?.() !== 0,
  });
  const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' });
  // The reasons are looked for after the first question, and are there when the page asks again.
  await page.goto(status);
  await page.waitForFunction("!document.body.innerText.includes('looked for')");
  await page.reload();
  await page.screenshot({ path: PICTURE });
  await browser.close();
} finally {
  server.kill();
  await once(server, 'exit');
  rmSync(directory, { recursive: true });
}
