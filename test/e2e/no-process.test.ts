import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listTree } from '../../scripts/bench/process/proc.ts';
import { ALERTS, DIRECTORY, promtool } from '../monitoring/monitoring-files.ts';
import { describeWith } from '../with-tools.ts';
import { type Background, startBackground } from '../kit/process/background.ts';
import { eventually } from '../kit/eventually.ts';
import { makeGitRemote } from '../kit/remote/git-remote.ts';
import { lookUp } from '../kit/program/look-up.ts';
import { makePublisher } from '../kit/signer/publisher.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const LIMITED = fileURLToPath(new URL('start-within-limit.mjs', import.meta.url));
/** A user who has no other processes, and whom limits bind. */
const USER = 54_321;
const AS_USER =
  process.getuid?.() === 0
    ? ['setpriv', '--reuid', `${USER}`, '--regid', `${USER}`, '--clear-groups']
    : [];

/** The sample of `/metrics` that says whether processes can be started. */
const readSample = async (statusUrl: string): Promise<{ series: string; value: number }> => {
  const text = await (await fetch(`${statusUrl}/metrics`)).text();
  const [, series = '', value = ''] =
    /^(lookaside_trouble\{kind="no-process"\}) (.*)$/m.exec(text) ?? [];
  return { series, value: Number(value) };
};

/** Whether the alert goes off, and stays off, for a server that has said so for a while. */
const assertAlerted = async (directory: string, statusUrl: string): Promise<void> => {
  const { series, value } = await readSample(statusUrl);
  const labels = { alertname: 'LookasideNoProcess', alertstate: 'firing', severity: 'critical' };
  const expected = Object.entries(labels).map(([name, text]) => `${name}="${text}"`);
  const test = {
    rule_files: [resolve(DIRECTORY, ALERTS)],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: [{ series, values: `0x5 ${value}x10 0x10` }],
        promql_expr_test: [
          ['4m', []],
          ['9m', [{ labels: `ALERTS{${expected.join(',')}}`, value: 1 }]],
          ['18m', []],
        ].map(([minute, samples]) => ({
          expr: 'ALERTS{alertname="LookasideNoProcess", alertstate="firing"}',
          eval_time: minute,
          exp_samples: samples,
        })),
      },
    ],
  };
  const file = join(directory, 'alert.test.yaml');
  await writeFile(file, JSON.stringify(test));
  await promtool(['test', 'rules', file]);
};

describeWith(
  ['gpg', 'git', 'git-http-backend', 'prlimit', 'promtool'],
  'where no process can be started',
  () => {
    let server: Background | undefined;
    afterEach(() => server?.stop('SIGKILL'));

    for (const more of [0, 1, 2]) {
      it(`a git is told from one that fails, with room for ${more} more`, async () => {
        const { stdout } = await runOrThrow('env', [
          ...AS_USER,
          process.execPath,
          LIMITED,
          `${more}`,
        ]);
        assert.deepEqual(JSON.parse(stdout), {
          said: 'cannot start git: the limit of processes is reached (EAGAIN)',
          exitCode: 0,
        });
      });
    }

    it('lookups go on, that is told, and it goes by itself', async () => {
      const [publisher, remote, state] = await Promise.all([
        makePublisher(),
        makeGitRemote(),
        makeTemporary(),
      ]);
      await Promise.all([chmod(state, 0o777), chmod(publisher.signer.home, 0o755)]);
      await Promise.all(
        [publisher.keyFile, publisher.secretFile].map((file) => chmod(file, 0o644)),
      );
      const [first, second] = await Promise.all([publisher.sign(), publisher.sign()]);
      await remote.publish({ [first.location]: first.bytes });
      const { url } = await remote.serveHttp();
      const listen = ['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'];
      const args = [MAIN, 'serve', url, ...listen, ...publisher.serveArgs(state)];
      const env = { HOME: state };
      server = await startBackground('env', [...AS_USER, process.execPath, ...args], { env });
      const { pid } = server;
      const [line] = await server.waitForLine(/^\{.*"msg":"listening".*\}$/);
      const urls = JSON.parse(line) as { main: string; status: string };
      const listening = { baseUrl: urls.main, statusUrl: urls.status };
      await server.waitForLine(/^lookaside: serving 1 signatures? /);

      const allow = async (processes: string): Promise<void> => {
        for (const one of listTree(pid)) {
          const limit = ['prlimit', '--pid', `${one}`, `--nproc=${processes}:`];
          const setting = runOrThrow('env', [...AS_USER, ...limit]);
          // A git of the server may end before its turn comes. The server itself must be there.
          await (one === pid
            ? setting
            : setting.catch((error: unknown) => assert.match(String(error), /No such process/)));
        }
      };
      await allow('1');
      await publisher.announce(
        listening,
        await remote.publish({ [second.location]: second.bytes }),
      );
      await eventually(async () => {
        const { lastError } = await readStatus(listening);
        assert.match(lastError?.message ?? '', /EAGAIN/);
      });
      await server.waitForLine(/"level":"error".*"msg":"no process can be started: .*EAGAIN/);
      const { troubles } = await readStatus(listening);
      const told = troubles.find(({ kind }) => kind === 'no-process');
      assert.match(told?.message ?? '', /EAGAIN/);
      assert.match(told?.hint ?? '', /limit on processes/);
      const page = await (await fetch(listening.statusUrl)).text();
      assert.match(page, /class="state trouble"/);
      assert.match(page, /<li data-key="no-process">/);
      assert.equal((await fetch(`${listening.statusUrl}/readyz`)).status, 200);
      await assertAlerted(state, listening.statusUrl);
      assert.equal((await lookUp(listening, first.location)).status, 200);
      assert.equal((await lookUp(listening, second.location)).status, 404);
      await allow('1000');
      await eventually(async () => {
        assert.equal((await lookUp(listening, second.location)).status, 200);
      });
      await server.waitForLine(/"msg":"processes can be started again"/);
      await eventually(async () => assert.deepEqual((await readStatus(listening)).troubles, []));
      assert.equal((await readSample(listening.statusUrl)).value, 0);
      const changes = server.stderr().match(/"msg":"(?:no process can|processes can)/g) ?? [];
      assert.equal(changes.length, 2, 'it is told once, and once that it is over');
      await Promise.all([publisher.stop(), remote.remove(), removeTemporary(state)]);
    });
  },
);
