// The package on a whole Debian 13: installed with what it needs, run as its unit runs it, upgraded, purged.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Background, startBackground } from '../kit/process/background.ts';
import { type RunResult, runOrThrow } from '../kit/process/run.ts';
import { assertServed } from '../kit/program/assert-served.ts';
import { SERVING } from '../kit/program/lookaside.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { MOUNT_ROOT, PATIENCE, makeDebian, needPrograms, stopInside, tell } from './debian.ts';

const CONFIG = 'etc/lookaside/config.yaml';
const UNIT = 'usr/lib/systemd/system/lookaside.service';

describe('the package on a Debian', () => {
  const directory = useTemporary('suite');
  let root = '';
  let publisher: Publisher;
  let remote: GitRemote;
  let server: Background | undefined;

  before('make a package, a signature repository and a Debian', async () => {
    await needPrograms('mmdebstrap', 'unshare', 'dpkg-deb', 'rpmbuild');
    root = join(directory(), 'debian');
    [publisher, remote] = await Promise.all([makePublisher(), makeGitRemote()]);
    await makeDebian(root, ['ca-certificates']);
    await copyFile('/etc/resolv.conf', join(root, 'etc/resolv.conf'));
    const env = { MAINTAINER: 'Release Team <release@lookaside.dev>' };
    const out = join(directory(), 'packages');
    await runOrThrow(process.execPath, ['--import=tsx', 'scripts/package/main.ts', out], { env });
    const name = (await readdir(out)).find((one) => one.endsWith('.deb')) ?? '';
    await copyFile(join(out, name), join(root, 'lookaside.deb'));
  });
  after(async () => {
    await server?.stop('SIGKILL');
    await Promise.all([publisher.stop(), remote.remove()]);
  });

  const at = (path: string): string => join(root, path);
  const enter = (script: string): readonly string[] => [
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-ec',
    `${MOUNT_ROOT}exec chroot "$1" sh -ec "$2"`,
    'sh',
    root,
    script,
  ];
  const inside = async (script: string): Promise<RunResult> =>
    runOrThrow('unshare', enter(`export DEBIAN_FRONTEND=noninteractive; ${script}`), {
      timeout: PATIENCE,
    });

  it('is installed with what it needs, and starts nothing by itself', async () => {
    const begun = performance.now();
    await inside('apt-get update -q && apt-get install -qy /lookaside.deb');
    const { stdout } = await inside(
      'lookaside --version; node --version; gpgv --version | head -n 1',
    );
    tell(
      `installed in ${Math.round((performance.now() - begun) / 1000)} s: ${stdout.trim().replaceAll('\n', ', ')}`,
    );
    const user = await inside('getent passwd lookaside');
    assert.match(
      user.stdout,
      /^lookaside:x:\d+:\d+:[^:]*:\/var\/lib\/lookaside:\/usr\/sbin\/nologin\n$/,
    );
    const enabled = await inside("find /etc/systemd -name '*lookaside*'");
    assert.equal(enabled.stdout, '');
  });

  it('serves as its unit says, as its user', async () => {
    const signed = await publisher.sign();
    await remote.publish({ [signed.location]: signed.bytes });
    const { url } = await remote.serveHttp();
    await mkdir(at('etc/lookaside/keys'));
    await copyFile(publisher.keyFile, at('etc/lookaside/keys/team.asc'));
    const given = await readFile(at(CONFIG), 'utf8');
    await writeFile(
      at(CONFIG),
      `${given.replace(/^source: .*$/m, `source: ${url}`)}\nkeys: keys\n`,
    );
    const unit = await readFile(at(UNIT), 'utf8');
    const [, user = ''] = /^User=(.*)$/m.exec(unit) ?? [];
    const [, start = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
    const programs = [...unit.matchAll(/^Exec\w+=(\S+)/gm)].map(([, program]) => program);
    assert.ok(programs.length > 1);
    for (const program of programs) await inside(`test -x ${program}`);
    // What systemd does for it.
    await inside(`install -d -o ${user} -m 0700 /var/lib/lookaside`);
    const listen = '--listen 127.0.0.1:0 --status-listen 127.0.0.1:0';
    const command = `${start.replaceAll('%S', '/var/lib')} ${listen}`;
    const begun = performance.now();
    server = await startBackground(
      'unshare',
      enter(`exec setpriv --reuid ${user} --regid ${user} --init-groups ${command}`),
    );
    const { groups = {} } = await server.waitForLine(SERVING, PATIENCE);
    tell(`serves ${Math.round(performance.now() - begun)} ms after it was started: ${command}`);
    await assertServed({ baseUrl: groups['baseUrl'] ?? '' }, signed);
    const { stdout: owner } = await inside('stat --format=%U /var/lib/lookaside/*');
    assert.deepEqual([...new Set(owner.trim().split('\n'))], [user]);
    assert.equal(await stopInside(server), 0);
  });

  it('is upgraded without a loss of what was set', async () => {
    const before = await readFile(at(CONFIG), 'utf8');
    await inside('apt-get install -qy --reinstall /lookaside.deb');
    assert.equal(await readFile(at(CONFIG), 'utf8'), before);
  });

  it('leaves the state when it is removed, and nothing when it is purged', async () => {
    await inside('apt-get remove -qy lookaside');
    assert.deepEqual((await inside('ls /etc/lookaside')).stdout, 'config.yaml\nkeys\n');
    assert.notEqual((await inside('ls /var/lib/lookaside')).stdout, '');
    await rm(at('etc/lookaside/keys'), { recursive: true });
    await inside('apt-get purge -qy lookaside');
    const { stdout } = await inside("find / -xdev -name '*lookaside*' -not -path '/proc/*'");
    assert.equal(stdout, '/lookaside.deb\n');
    tell('purged: no file is left');
  });
});
