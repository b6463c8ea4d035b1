import assert from 'node:assert/strict';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Reload, type ReloadPart } from '../../../server/reload/reload.ts';
import type { ReloadedKind } from '../../../server/reload/in-force.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { eventually } from '../../kit/eventually.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { createGate } from '../../kit/server/gate.ts';

/** Soon enough for tests; so rare that a test never sees it. Milliseconds. */
const SOON = 5;
const NEVER = 3_600_000;
const TOLD = /no certificate/g;

/** Files that are whatever a test says. */
class FakeFiles implements ReloadPart {
  readonly kind: ReloadedKind;
  reads = 0;
  /** How they look since they were read; undefined for as before. */
  look: string | undefined;
  failure: Error | undefined;

  constructor(kind: ReloadedKind) {
    this.kind = kind;
  }

  readonly findChange = async (): Promise<string | undefined> => this.look;

  readonly read: ReloadPart['read'] = async () => {
    this.reads++;
    if (this.failure) throw this.failure;
    this.look = undefined;
    return { webhookSecrets: [`${this.kind} ${this.reads}`] };
  };
}

describe('a reload', () => {
  let troubles: Troubles;
  let used: string[];
  let unusable: string[];
  let judged: number;
  let reload: Reload | undefined;
  let lines = captureLines();
  afterEach(() => reload?.stop());

  const create = (parts: readonly ReloadPart[], interval: number): Reload => {
    troubles = new Troubles(() => new Date());
    [used, unusable, judged] = [[], [], 0];
    lines = captureLines();
    const log = createProgramLog(lines.stream);
    reload = new Reload({ parts, troubles, log, interval, settling: SOON });
    return reload;
  };
  const start = (one: Reload): void =>
    one.start({
      reload: ({ webhookSecrets = [] }) => void used.push(...webhookSecrets),
      noteUnusable: (kind) => void unusable.push(kind),
      judgeAnew: () => void judged++,
    });
  const messages = (): readonly string[] => troubles.list().map(({ message }) => message);

  it('that was asked for before all is there is done once it is, and judges everything again', async () => {
    const one = create([new FakeFiles('policy'), new FakeFiles('tls')], NEVER);
    one.request();
    one.request();
    start(one);
    await eventually(() => assert.deepEqual([used, judged], [['policy 1', 'tls 1'], 1]));
  });

  it('runs one at a time, and the last request is not lost', async () => {
    let [reads, running] = [0, 0];
    const gate = createGate();
    const read: ReloadPart['read'] = async () => {
      assert.equal(++running, 1);
      await gate.wait();
      running--;
      return { webhookSecrets: [String(++reads)] };
    };
    const one = create([{ kind: 'policy', read, findChange: async () => undefined }], NEVER);
    start(one);
    for (let count = 0; count < 5; count++) one.request();
    gate.open();
    await eventually(() => assert.deepEqual(used, ['1', '2']));
  });

  it('comes by itself for files that have changed, and for no others, and judges nothing twice', async () => {
    const [policy, tls] = [new FakeFiles('policy'), new FakeFiles('tls')];
    start(create([policy, tls], SOON));
    tls.look = 'new';
    await eventually(() => assert.deepEqual(used, ['tls 1']));
    assert.deepEqual([policy.reads, judged], [0, 0]);
  });

  it('waits until changed files look the same twice', async () => {
    const tls = new FakeFiles('tls');
    let looks = 0;
    const findChange = async (): Promise<string> => `look ${Math.min(++looks, 5)}`;
    let readAfter = 0;
    const read: ReloadPart['read'] = async () => {
      readAfter ||= looks;
      return tls.read();
    };
    start(create([{ kind: 'tls', read, findChange }], SOON));
    await eventually(() => assert.ok(readAfter > 0));
    assert.equal(readAfter, 6);
  });

  it('reads each kind of files on its own, and tells of all that fail until they can be used', async () => {
    const [policy, secret, tls] = [
      new FakeFiles('policy'),
      new FakeFiles('webhook-secret'),
      new FakeFiles('tls'),
    ];
    policy.failure = Object.assign(new Error('/etc/policy.json: no such file'), {
      hint: 'put it back',
    });
    tls.failure = new Error('no certificate');
    for (const one of [policy, secret, tls]) one.look = 'changed';
    start(create([policy, secret, tls], SOON));
    await eventually(() =>
      assert.deepEqual(messages(), ['/etc/policy.json: no such file; no certificate']),
    );
    assert.equal(troubles.list()[0]?.hint, 'put it back');
    assert.deepEqual(used, ['webhook-secret 1']);
    assert.deepEqual([...new Set(unusable)], ['policy', 'tls']);
    policy.failure = undefined;
    await eventually(() => assert.deepEqual(messages(), ['no certificate']));
    tls.failure = undefined;
    await eventually(() => assert.deepEqual(messages(), []));
  });

  it('logs once why files cannot be used, however often it tries, and again for who asks', async () => {
    const tls = new FakeFiles('tls');
    tls.failure = new Error('no certificate');
    tls.look = 'changed';
    start(create([tls], SOON));
    await eventually(() => assert.ok(tls.reads > 3));
    assert.equal(lines.text().match(TOLD)?.length, 1);
    reload?.request();
    await eventually(() => assert.equal(lines.text().match(TOLD)?.length, 2));
  });
});
