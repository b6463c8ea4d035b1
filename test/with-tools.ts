import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { appendRecord, readRecords } from './run/run-directory.ts';

/** The real programs that suites may need, by command name. */
export const TOOLS = [
  'skopeo',
  'podman',
  'docker-registry',
  'gpg',
  'gpgv',
  'git',
  'git-http-backend',
  'sshd',
  'softhsm2-util',
  'gnupg-pkcs11-scd',
  'pkcs11-tool',
  'openssl',
  'nginx',
  'haproxy',
  'apache2',
  'varnishd',
  'ignition-validate',
  'shellcheck',
  'dpkg-deb',
  'rpmbuild',
  'lintian',
  'rpmlint',
  'man',
  'busybox',
  'ansible-playbook',
  'ansible-lint',
  'chromium',
  'promtool',
  'taskset',
  'tini',
  'unshare',
  'setpriv',
  'prlimit',
  'systemd-analyze',
  'systemd-notify',
  'systemd-sysusers',
  'nsenter',
  'faketime',
  'bzip2',
  'go',
  'perl',
  'bash',
  'zsh',
  'fish',
  'script',
] as const;
export type Tool = (typeof TOOLS)[number];

const LEFT_OUT = 'left-out';
const leftOut = z.object({ title: z.string(), tests: z.number(), missing: z.array(z.string()) });

/** The absolute path of a tool, or undefined when this machine has none. */
export function findTool(tool: Tool): string | undefined {
  // Servers lie in sbin, which is not on every user's PATH.
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  directories.push('/usr/sbin', '/usr/local/sbin');
  if (tool === 'git-http-backend') directories.push(...gitExecPath());
  for (const directory of directories) {
    const path = join(directory, tool);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there: look on.
    }
  }
  return undefined;
}

/** The absolute path of a tool; throws where there is none. */
export function toolPath(tool: Tool): string {
  const path = findTool(tool);
  if (path === undefined)
    throw new Error(`${tool} is not installed: use describeWith(['${tool}'])`);
  return path;
}

/**
 * `describe` for a suite that needs real programs. Where one is missing the suite is taken out of
 * the run again, and named with the number of its tests in the closing line. So is one that lacks one of
 * `files`, which come with a package.
 */
export function describeWith(
  tools: readonly Tool[],
  title: string,
  body: () => void,
  files: readonly string[] = [],
): void {
  const missing = [
    ...tools.filter((tool) => findTool(tool) === undefined),
    ...files.filter((file) => !existsSync(file)),
  ];
  describeUnless(missing, title, body);
}

/**
 * The same for files that a script of ours builds, which takes too long for a run of the tests: where one is
 * missing the closing line names the script, also in CI.
 */
export function describeWithBuilt(
  files: readonly string[],
  script: string,
  title: string,
  body: () => void,
): void {
  const isThere = files.every((file) => existsSync(file));
  describeUnless(isThere ? [] : [`what \`npm run ${script}\` builds`], title, body);
}

function describeUnless(missing: readonly string[], title: string, body: () => void): void {
  const suite = describe(title, body);
  if (missing.length === 0) return;
  noteLeftOut(suite, missing);
  const { parent } = suite;
  if (parent !== undefined) parent.suites = parent.suites.filter((other) => other !== suite);
}

/** Names a suite that the run leaves out in its closing line, with what it lacks. */
export function noteLeftOut(suite: Mocha.Suite, missing: readonly string[]): void {
  const record: z.infer<typeof leftOut> = {
    title: suite.fullTitle(),
    tests: suite.total(),
    missing: [...missing],
  };
  appendRecord(LEFT_OUT, record);
}

/** The closing line about suites that the run left out, or undefined when it left out none. */
export function formatLeftOut(): string | undefined {
  const all = readRecords(LEFT_OUT).map((record) => leftOut.parse(record));
  if (all.length === 0) return undefined;
  const missing = [...new Set(all.flatMap((suite) => suite.missing))].toSorted();
  const suites = all.map(
    ({ title, tests }) => `"${title}" (${tests} ${tests === 1 ? 'test' : 'tests'})`,
  );
  return `left out for lack of ${missing.join(', ')}: ${suites.join(', ')}`;
}

function gitExecPath(): string[] {
  try {
    return [execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim()];
  } catch {
    return [];
  }
}
