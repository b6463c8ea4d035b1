// How skopeo is run: with which flags, for how long, and that nothing of it is left.
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readManifest } from '../../../cli/registry/read-manifest.ts';
import { parsePulledImage } from '../../../generator/terms/image-name.ts';
import { eventually } from '../../kit/eventually.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';

const TAGGED = 'quay.io/team/app:v1';
const UNAUTHORIZED = 'unauthorized: authentication required';
const IMAGE = parsePulledImage(TAGGED) ?? assert.fail();
const OPTIONS = { authfile: undefined, instead: 'name the digest' };
const isNotTls = (host: string) =>
  `pinging container registry ${host}: Get "https://${host}/v2/": tls: first record does not look like a TLS handshake`;

describe('skopeo is run', () => {
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), ...names);
  const install = async (script: string) =>
    writeFile(at('skopeo'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

  /** The flags of each run, where each says this as it fails. */
  const flagsOf = async (
    image: string,
    said: string,
    environment: Readonly<Record<string, string>> = {},
    ...args: readonly string[]
  ) => {
    await rm(at('args'), { force: true });
    const message = `level=fatal msg=${JSON.stringify(said)}`;
    await install(`echo "$@" >>'${at('args')}'; echo '${message}' >&2; exit 1`);
    const all = ['explain', image, '.', ...args];
    await runInProcess(all, { PATH: directory(), ...environment });
    const runs = (await readFile(at('args'), 'utf8')).trimEnd().split('\n');
    return runs.map((run) => run.replace(/^inspect --raw /, '').replace(/ ?docker:\S+$/, ''));
  };

  /** A skopeo that hangs with a helper of its own. */
  const installHanging = async () => {
    await install(`/bin/sleep 600 & echo $! >'${at('helper')}'; echo $$ >'${at('pid')}'; wait`);
  };
  const pidsOf = async () =>
    Promise.all(['helper', 'pid'].map(async (name) => Number(await readFile(at(name), 'utf8'))));
  const assertGone = async () => {
    const pids = await pidsOf();
    await eventually(() => {
      for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    });
  };

  describe('with flags that it needs', () => {
    beforeEach(async () => {
      await Promise.all(['config.json', 'auth.json'].map((name) => writeFile(at(name), '{}')));
    });

    it('as skopeo goes by itself', async () => {
      assert.deepEqual(await flagsOf(TAGGED, 'manifest unknown'), ['']);
      const environment = { DOCKER_CONFIG: directory() };
      assert.deepEqual(await flagsOf(TAGGED, 'manifest unknown', environment), ['']);
      assert.deepEqual(await flagsOf(TAGGED, UNAUTHORIZED), ['']);
    });

    it("of docker's credentials where its own do not help", async () => {
      const environment = { DOCKER_CONFIG: directory() };
      const again = ['', `--authfile ${at('config.json')}`];
      assert.deepEqual(await flagsOf(TAGGED, UNAUTHORIZED, environment), again);
      assert.deepEqual(await flagsOf(TAGGED, 'StatusCode: 403, ', environment), again);
      const named = { ...environment, REGISTRY_AUTH_FILE: '/x' };
      assert.deepEqual(await flagsOf(TAGGED, UNAUTHORIZED, named), ['']);
      assert.deepEqual(await flagsOf(TAGGED, UNAUTHORIZED, { DOCKER_CONFIG: '/nowhere' }), ['']);
      const given = ['--authfile', at('auth.json')];
      assert.deepEqual(await flagsOf(TAGGED, UNAUTHORIZED, environment, ...given), [
        given.join(' '),
      ]);
    });

    it('of a registry without TLS on this machine, and of no other', async () => {
      for (const host of ['localhost', '127.0.0.1:5000', '127.1.2.3']) {
        const flags = await flagsOf(`${host}/a:b`, isNotTls(host));
        assert.deepEqual(flags, ['', '--tls-verify=false']);
        assert.deepEqual(await flagsOf(`${host}/a:b`, 'manifest unknown'), ['']);
      }
      for (const host of ['localhost.example', '127.0.0.1.example', '128.0.0.1']) {
        assert.deepEqual(await flagsOf(`${host}/a:b`, isNotTls(host)), ['']);
      }
      // Where registries.conf leads elsewhere, credentials stay behind TLS.
      const mirror = 'localhost:5000/a:b';
      assert.deepEqual(await flagsOf(mirror, isNotTls('mirror.example')), ['']);
      const both = `(Mirrors also failed: [x: ${isNotTls('mirror.example')}]): ${isNotTls('localhost:5000')}`;
      assert.deepEqual(await flagsOf(mirror, both), ['']);
    });
  });

  describe('no longer than', () => {
    it('a limit', async () => {
      await installHanging();
      const environment = { PATH: directory() };
      const ending = new AbortController().signal;
      const options = { ...OPTIONS, environment, ending, timeLimit: 1000 };
      await assert.rejects(readManifest(IMAGE, options), {
        name: 'UsageError',
        message: 'quay.io did not answer in time',
      });
      await assertGone();
    });

    it('until a signal', async () => {
      await installHanging();
      const running = runInProcess(
        ['explain', TAGGED, '.'],
        { PATH: directory() },
        { onStart: (signals) => setTimeout(() => signals.emit('SIGTERM'), 1000) },
      );
      const { code, stderr } = await running;
      assert.deepEqual([code, stderr], [2, 'lookaside: interrupted\n']);
      await assertGone();
    });

    it('it prints what a manifest may have', async () => {
      const hang = `echo $$ >'${at('pid')}'; echo $$ >'${at('helper')}'`;
      await install(`${hang}; while :; do echo 01234567890123456789; done`);
      const ending = new AbortController().signal;
      const options = { ...OPTIONS, environment: { PATH: directory() }, ending };
      await assert.rejects(readManifest(IMAGE, options), { message: /too large for any node$/ });
      await assertGone();
    });
  });
});
