import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ServiceManager,
  type ServiceManagerOptions,
  type ToldServer,
  withoutManagerVariables,
} from '../../../../cli/serve/service-manager/service-manager.ts';
import { createProgramLog } from '../../../../generator/system/program-log.ts';
import { SignatureStore } from '../../../../generator/store/store.ts';
import { type CapturedLines, captureLines } from '../../../kit/server/captured-lines.ts';
import { eventually } from '../../../kit/eventually.ts';
import { useTemporary } from '../../../kit/temporary.ts';

/** In place of systemd-notify: keeps what it was told. */
const NOTE = '#!/bin/sh\nprintf "%s " "$@" >>"$0.told"\necho >>"$0.told"\n';
const FAIL = '#!/bin/sh\necho no such socket >&2\nexit 1\n';

describe('what a service manager is told', () => {
  const directory = useTemporary();
  let log: CapturedLines;
  let manager: ServiceManager | undefined;
  beforeEach(() => {
    log = captureLines();
  });
  afterEach(() => manager?.close());

  const program = (): string => join(directory(), 'systemd-notify');
  const told = async (): Promise<string> => readFile(`${program()}.told`, 'utf8').catch(() => '');
  const start = async (
    script: string | undefined,
    environment: ServiceManagerOptions['environment'] = {},
  ): Promise<ServiceManager> => {
    if (script !== undefined) await writeFile(program(), script, { mode: 0o755 });
    manager = new ServiceManager({
      environment: { PATH: directory(), NOTIFY_SOCKET: '/run/notify', ...environment },
      ids: { pid: 7, parentPid: 1 },
      troubles: {
        list: () => [{ kind: 'refresh-failed', message: 'x', since: '2026-01-01T00:00:00Z' }],
      },
      log: createProgramLog(log.stream),
    });
    return manager;
  };
  const serving: ToldServer = {
    served: () => ({ store: new SignatureStore(), commit: 'a'.repeat(40) }),
    isAlive: () => true,
  };

  it('is what goes on, in this order', async () => {
    const one = await start(NOTE);
    // Before it is ready there is nothing to reload.
    one.reloading()();
    one.start({ served: () => undefined, isAlive: () => false });
    await one.close();
    one.start(serving);
    one.ready();
    const first = one.reloading();
    const second = one.reloading();
    first();
    second();
    one.stopping(5000);
    await one.close();
    const status = 'serving 0 signatures of 0 repositories (commit aaaaaaaaaaaa)';
    assert.deepEqual((await told()).split(' \n'), [
      'STATUS=loading: nothing is served yet; troubles: refresh-failed',
      `STATUS=${status}; troubles: refresh-failed`,
      `READY=1 STATUS=${status}; troubles: refresh-failed`,
      'RELOADING=1',
      'RELOADING=1',
      `READY=1 STATUS=${status}; troubles: refresh-failed`,
      'STOPPING=1 EXTEND_TIMEOUT_USEC=25000000 STATUS=draining',
      '',
    ]);
    assert.equal(log.text(), '');
  });

  it('is a sign of life, as long as the server works', async () => {
    let isAlive = true;
    const one = await start(NOTE, { WATCHDOG_USEC: '100000', WATCHDOG_PID: '7' });
    one.start({ ...serving, isAlive: () => isAlive });
    one.ready();
    await eventually(async () =>
      assert.match(await told(), /WATCHDOG=1 \nWATCHDOG=1 \n/, 'too few'),
    );
    isAlive = false;
    await one.close();
    one.start({ ...serving, isAlive: () => isAlive });
    const before = await told();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(await told(), before);
  });

  it('is no sign of life where another process is waited for', async () => {
    const one = await start(NOTE, { WATCHDOG_USEC: '100000', WATCHDOG_PID: '8' });
    one.start(serving);
    one.ready();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await one.close();
    assert.doesNotMatch(await told(), /WATCHDOG/);
  });

  it('is nothing without systemd-notify, which is said once', async () => {
    const one = await start(undefined);
    one.start(serving);
    one.ready();
    one.stopping(0);
    await one.close();
    const lines = log.text().trim().split('\n');
    assert.equal(lines.length, 1, log.text());
    assert.match(
      lines[0] ?? '',
      /"hint":"install it \(it comes with systemd\).*cannot be told: cannot start systemd-notify: there is no such program/,
    );
  });

  it('is tried again where it fails, and said once', async () => {
    const one = await start(FAIL);
    one.start(serving);
    one.ready();
    await one.close();
    assert.equal(log.text().split('systemd-notify failed: no such socket').length, 2, log.text());
    await writeFile(program(), NOTE);
    one.ready();
    await one.close();
    assert.match(await told(), /READY=1/);
  });

  it('is nothing where nobody waits for it', async () => {
    const one = await start(NOTE, { NOTIFY_SOCKET: undefined });
    one.start(serving);
    one.ready();
    await one.close();
    assert.equal(await told(), '');
  });

  it('is told by this process alone', () => {
    const mine = { NOTIFY_SOCKET: 'a', WATCHDOG_USEC: '1', WATCHDOG_PID: '2', LISTEN_FDS: '1' };
    const others = { PATH: '/bin', LISTEN_ADDRESS: 'x', CREDENTIALS_DIRECTORY: '/run/x' };
    assert.deepEqual(withoutManagerVariables({ ...mine, ...others }), others);
  });
});
