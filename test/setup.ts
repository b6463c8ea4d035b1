/**
 * Mocha's root set-up. Mocha loads this file before the specs, and the specs decide while they load
 * which suites are defined: so the tools are looked for, and installed, here at the top level and
 * not in `mochaGlobalSetup`, which only runs afterwards. Parallel workers load it too.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { removeDue } from './kit/temporary.ts';
import { addCost } from './run/costs.ts';
import { openRunDirectory, removeRunDirectory } from './run/run-directory.ts';
import { findTool, formatLeftOut, type Tool, TOOLS } from './with-tools.ts';

const DEBIAN_PACKAGES: Record<Tool, string> = {
  skopeo: 'skopeo',
  podman: 'podman',
  'docker-registry': 'docker-registry',
  gpg: 'gnupg',
  gpgv: 'gpgv',
  git: 'git',
  'git-http-backend': 'git',
  sshd: 'openssh-server',
  'softhsm2-util': 'softhsm2',
  'gnupg-pkcs11-scd': 'gnupg-pkcs11-scd',
  'pkcs11-tool': 'opensc',
  openssl: 'openssl',
  nginx: 'nginx-light',
  haproxy: 'haproxy',
  apache2: 'apache2',
  varnishd: 'varnish',
  'ignition-validate': 'ignition',
  shellcheck: 'shellcheck',
  'dpkg-deb': 'dpkg',
  rpmbuild: 'rpm',
  lintian: 'lintian',
  rpmlint: 'rpmlint',
  man: 'man-db',
  busybox: 'busybox',
  'ansible-playbook': 'ansible-core',
  'ansible-lint': 'ansible-lint',
  chromium: 'chromium',
  promtool: 'prometheus',
  taskset: 'util-linux',
  tini: 'tini',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  prlimit: 'util-linux',
  'systemd-analyze': 'systemd',
  'systemd-notify': 'systemd',
  'systemd-sysusers': 'systemd',
  nsenter: 'util-linux',
  faketime: 'faketime',
  bzip2: 'bzip2',
  perl: 'perl-base',
  bash: 'bash',
  zsh: 'zsh',
  fish: 'fish',
  script: 'bsdutils',
};
/** Asked by Debian's packages before they start a service: 101 forbids it. */
const POLICY_RC_D = '/usr/sbin/policy-rc.d';

/** What closes by itself after the last test has closed by then. Milliseconds. */
const EXIT_PATIENCE = 60_000;

/** Of mocha's parallel workers, which the first process has prepared everything for. */
const isWorker = process.env['MOCHA_WORKER_ID'] !== undefined;
const ownsRun = openRunDirectory();

const missing = isWorker ? [] : missingTools();
const data = isWorker ? [] : missingData();
if (missing.length + data.length > 0 && isDebian() && process.getuid?.() === 0) {
  install(missing, data);
}

const stillMissing = isWorker ? [] : missingTools();
if (stillMissing.length > 0 && process.env['CI'] === 'true') {
  throw new Error(`not installed, and CI must not leave suites out: ${stillMissing.join(', ')}`);
}

let lastFile: string | undefined;

export const mochaHooks = {
  // A worker takes away all listeners after each file.
  beforeAll(): void {
    if (!process.listeners('unhandledRejection').includes(fail)) {
      process.on('unhandledRejection', fail);
    }
  },
  async afterEach(this: Mocha.Context): Promise<void> {
    await removeDue();
    lastFile = this.currentTest?.file ?? lastFile;
    if (lastFile !== undefined) addCost(lastFile);
  },
  // What the hooks of the last suite took, and what ends with them.
  async afterAll(): Promise<void> {
    await removeDue();
    if (lastFile !== undefined) addCost(lastFile);
  },
};

/** Mocha hears of rejections that nobody handles, and lets them be. */
function fail(reason: unknown): never {
  throw reason instanceof Error ? reason : new Error(`rejected with ${String(reason)}`);
}

/** Says in one closing line which suites were left out, and ends a run that does not end itself. */
export function mochaGlobalTeardown(): void {
  if (ownsRun) {
    const line = formatLeftOut();
    if (line !== undefined) process.stdout.write(`${line}\n`);
    removeRunDirectory();
  }
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(', ');
    process.stderr.write(`the tests left open, and are ended: ${open}\n`);
    process.exit();
  }, EXIT_PATIENCE).unref();
}

/** Data that only the long tests read. */
function missingData(): readonly string[] {
  const isThere = existsSync('/usr/share/keyrings/debian-keyring.gpg');
  return process.env['TEST_LONG'] === '1' && !isThere ? ['debian-keyring'] : [];
}

function missingTools(): Tool[] {
  return TOOLS.filter((tool) => findTool(tool) === undefined);
}

function isDebian(): boolean {
  if (!existsSync('/etc/os-release')) return false;
  return /^ID(_LIKE)?=.*\bdebian\b/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/** Installs Debian packages without letting them start a service; says so when it cannot. */
function install(tools: readonly Tool[], others: readonly string[]): void {
  const packages = [...new Set(tools.map((tool) => DEBIAN_PACKAGES[tool])), ...others];
  process.stderr.write(`installing for the tests: ${packages.join(', ')}\n`);
  const ownPolicy = !existsSync(POLICY_RC_D);
  if (ownPolicy) writeFileSync(POLICY_RC_D, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const installed =
      aptGet('update', '-q') && aptGet('install', '-y', '--no-install-recommends', ...packages);
    if (!installed) process.stderr.write('could not install them: see above\n');
  } finally {
    if (ownPolicy) rmSync(POLICY_RC_D);
  }
}

function aptGet(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('apt-get', args, { env, stdio: ['ignore', 2, 2] });
  return status === 0;
}
