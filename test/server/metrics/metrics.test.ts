// Over the whole server: what happens is counted, and told in a form that Prometheus takes.
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { createSimplePolicy } from '../../../generator/policy/policy.ts';
import { LookupCounts } from '../../../server/metrics/lookup-counts.ts';
import { METRICS } from '../../../server/metrics/metric-list.ts';
import { Metrics } from '../../../server/metrics/metrics.ts';
import { WEBHOOK_FORGES } from '../../../server/follow/webhook/proofs/webhook-forges.ts';
import type { ServerOptions } from '../../../server/server-options.ts';
import { eventually } from '../../kit/eventually.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { sendPush } from '../../kit/program/send-push.ts';
import { unfailing } from '../../kit/program/unfailing.ts';
import { keyringOf } from '../../kit/samples/samples.ts';
import { describeWith, toolPath } from '../../with-tools.ts';
import { type ExampleServer, TWICE, startExample } from '../../kit/server/example-server.ts';
import { DIRECTORY, at } from '../../kit/server/fake-judge.ts';
import { createGate } from '../../kit/server/gate.ts';
import { type MemorySource, createMemorySource } from '../../kit/server/memory-source.ts';
import { FORGE_DELIVERIES, sendDelivery } from '../../kit/web/forge-deliveries.ts';
import { open, parseAnswers, readToEnd } from '../../kit/web/raw-http.ts';
import { type ReadMetrics, readMetrics, valuesOf } from './read-metrics.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';

const SECRET = 'correct horse battery staple';
const NO_LOOKUPS = { served: 0, end: 0, unsigned: 0, unknown: 0, loading: 0, refused: 0 };
const NO_REFRESHES = { changed: 0, unchanged: 0, refused: 0, failed: 0 };

async function check({ text }: ReadMetrics): Promise<void> {
  const args = ['check', 'metrics'];
  const { stdout, stderr } = await runOrThrow(toolPath('promtool'), args, { input: text });
  assert.equal(`${stdout}${stderr}`, '');
}

describe('the metrics', () => {
  let server: ExampleServer;
  const start = async (options: Partial<ServerOptions> = {}): Promise<void> => {
    server = await startExample(options);
  };
  const startEmpty = async (options: Partial<ServerOptions> = {}): Promise<MemorySource> => {
    const source = createMemorySource({ commit: 'a'.repeat(40), files: {} });
    await start({ source, ...options });
    await eventually(async () =>
      assert.equal((await read('lookaside_refresh_total'))['changed'], 1),
    );
    return source;
  };
  afterEach('stop', async () => server.stop());
  const read = async (name: string): Promise<Record<string, number>> =>
    valuesOf(await readMetrics(server), name);
  const readLastSuccess = async (): Promise<number> =>
    (await readMetrics(server)).samples.get('lookaside_last_refresh_success_timestamp_seconds') ??
    0;
  /** Asks for a refresh, and waits until as many have had this result. */
  const refresh = async (result: string, count: number): Promise<void> => {
    await fetch(`${server.statusUrl}/refresh`, { method: 'POST' });
    await eventually(async () =>
      assert.equal((await read('lookaside_refresh_total'))[result], count),
    );
  };

  it('are those of the list, of the kinds that it says, and some of the process', async () => {
    await start();
    const response = await fetch(`${server.statusUrl}/metrics`);
    assert.equal(response.headers.get('Cache-Control'), 'no-store');
    const { contentType, kinds, samples } = await readMetrics(server);
    assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8');
    const ours = [...kinds].filter(([name]) => name.startsWith('lookaside_'));
    assert.deepEqual(
      Object.fromEntries(ours),
      Object.fromEntries(Object.entries(METRICS).map(([name, { kind }]) => [name, kind])),
    );
    assert.ok((samples.get('process_resident_memory_bytes') ?? 0) > 0);
    assert.ok(kinds.has('nodejs_gc_duration_seconds'));
    assert.deepEqual(
      [samples.get('lookaside_signatures'), samples.get('lookaside_repositories')],
      [7, 3],
    );
    assert.equal(samples.get('lookaside_refused_images'), 0);
  });

  it('tell the version, and the processor time since the process began', async () => {
    const { cpuUsage } = unfailing.node;
    await start({ program: { version: '9.8.7', nodeVersion: 'v6.5.4', cpuUsage } });
    const { user, system } = cpuUsage();
    const { samples } = await readMetrics(server);
    assert.equal(samples.get('lookaside_build_info{version="9.8.7",nodeversion="v6.5.4"}'), 1);
    const [ofUser = 0, ofSystem = 0, all = 0] = ['user_', 'system_', ''].map((name) =>
      samples.get(`process_cpu_${name}seconds_total`),
    );
    assert.ok(ofUser >= user / 1e6, `${ofUser}`);
    assert.ok(ofSystem >= system / 1e6, `${ofSystem}`);
    assert.ok(all >= (user + system) / 1e6, `${all}`);
  });

  it('count lookups by outcome, whichever way they came in', async () => {
    await start();
    assert.deepEqual(await read('lookaside_lookups_total'), NO_LOOKUPS);
    const ask = async (method: string, path: string, isQuick: boolean): Promise<void> => {
      const socket = await open(server.url);
      const answer = readToEnd(socket);
      // A header that is not plain takes the request to node:http.
      const more = isQuick ? '' : 'X: y\r\n';
      socket.end(`${method} /${path} HTTP/1.1\r\nHost: store.example\r\n${more}\r\n`);
      assert.equal(parseAnswers(await answer, [method]).length, 1);
      socket.destroy();
    };
    for (const isQuick of [true, false]) {
      await ask('GET', `${TWICE}/signature-1`, isQuick);
      await ask('GET', `${TWICE}/signature-3`, isQuick);
      await ask('GET', `x/${TWICE}/signature-1`, isQuick);
      await ask('GET', 'robots.txt', isQuick);
    }
    await ask('DELETE', `${TWICE}/signature-1`, false);
    const metrics = await readMetrics(server);
    assert.deepEqual(valuesOf(metrics, 'lookaside_lookups_total'), {
      ...NO_LOOKUPS,
      served: 2,
      end: 2,
      unsigned: 2,
      unknown: 2,
      refused: 1,
    });
    const { samples } = metrics;
    assert.equal(samples.get('lookaside_lookup_duration_seconds_count'), 9);
    assert.equal(samples.get('lookaside_lookup_duration_seconds_bucket{le="+Inf"}'), 9);
    const sum = samples.get('lookaside_lookup_duration_seconds_sum') ?? 0;
    assert.ok(sum > 0 && sum < 9, `${sum}`);
    const buckets = Object.entries(valuesOf(metrics, 'lookaside_lookup_duration_seconds_bucket'))
      .map(([bound, count]): [number, number] => [Number(bound.replace('+Inf', 'Infinity')), count])
      .toSorted(([one], [other]) => one - other)
      .map(([, count]) => count);
    assert.deepEqual(
      buckets,
      buckets.toSorted((one, other) => one - other),
    );
  });

  it('are of one server only', async () => {
    await start();
    const other = await startExample();
    await fetch(`${other.url}/${TWICE}/signature-1`);
    assert.equal((await read('lookaside_lookups_total'))['served'], 0);
    assert.equal(valuesOf(await readMetrics(other), 'lookaside_lookups_total')['served'], 1);
    await other.stop();
  });

  it('tell of the time before the first generation', async () => {
    const source = createMemorySource({ commit: 'a', files: {} });
    const gate = createGate();
    source.onRefresh = gate.wait;
    await start({ source });
    await fetch(`${server.url}/${at(1)}`);
    const metrics = await readMetrics(server);
    assert.equal(valuesOf(metrics, 'lookaside_lookups_total')['loading'], 1);
    assert.deepEqual(valuesOf(metrics, 'lookaside_refresh_total'), NO_REFRESHES);
    assert.deepEqual(valuesOf(metrics, 'lookaside_source_info'), {});
    for (const name of ['signatures', 'repositories', 'last_refresh_success_timestamp_seconds']) {
      assert.equal(metrics.samples.get(`lookaside_${name}`), 0, name);
    }
    gate.open();
  });

  it('count refreshes by result, and know the last that was a success', async () => {
    const before = Date.now() / 1000;
    const source = await startEmpty({ onInvalid: 'refuse' });
    await refresh('unchanged', 1);
    const success = await readLastSuccess();
    assert.ok(success >= Math.floor(before) && success <= Date.now() / 1000, `${success}`);
    source.state = { commit: 'b', files: { [at(1)]: 'no signature' } };
    await refresh('refused', 1);
    source.onRefresh = () => {
      throw new Error('down');
    };
    await refresh('failed', 1);
    assert.equal(await readLastSuccess(), success);
    source.onRefresh = () => undefined;
    source.state = { commit: 'c', files: {} };
    await refresh('changed', 2);
    assert.ok((await readLastSuccess()) > success);
    const metrics = await readMetrics(server);
    const counted = Object.values(valuesOf(metrics, 'lookaside_refresh_total'));
    assert.equal(
      metrics.samples.get('lookaside_refresh_duration_seconds_count'),
      counted.reduce((sum, count) => sum + count, 0),
    );
  });

  it('name the commit in force, and no other', async () => {
    const source = await startEmpty();
    assert.deepEqual(await read('lookaside_source_info'), { ['a'.repeat(40)]: 1 });
    source.state = { commit: 'b'.repeat(40), files: {} };
    await refresh('changed', 2);
    assert.deepEqual(await read('lookaside_source_info'), { ['b'.repeat(40)]: 1 });
  });

  it('count rejected files by the codes that there are', async () => {
    const source = await startEmpty();
    assert.deepEqual(await read('lookaside_rejected_files'), {});
    const files = { [at(1)]: '<html>', [at(2)]: '<html> ', [`${DIRECTORY}/signature-0`]: 'x' };
    source.state = { commit: 'b', files };
    await refresh('changed', 2);
    assert.deepEqual(await read('lookaside_rejected_files'), { html: 2, 'invalid-number': 1 });
    source.state = { commit: 'c', files: { [at(1)]: '' } };
    await refresh('changed', 3);
    assert.deepEqual(await read('lookaside_rejected_files'), { empty: 1 });
  });

  it('count rejected files of a state that is refused as a whole', async () => {
    const source = await startEmpty({ onInvalid: 'refuse' });
    assert.deepEqual(await read('lookaside_rejected_files'), {});
    source.state = { commit: 'b', files: { [at(1)]: '<html>', [at(2)]: '' } };
    await refresh('refused', 1);
    assert.deepEqual(await read('lookaside_rejected_files'), { html: 1, empty: 1 });
    source.state = { commit: 'c', files: { [at(1)]: '<html>' } };
    await refresh('refused', 2);
    assert.deepEqual(await read('lookaside_rejected_files'), { html: 1 });
    source.state = { commit: 'd', files: {} };
    await refresh('changed', 2);
    assert.deepEqual(await read('lookaside_rejected_files'), {});
  });

  it('know how many images are refused, until they are signed', async () => {
    await start();
    const refused = async (count: number): Promise<void> =>
      eventually(async () => {
        await fetch(`${server.url}/${TWICE}/signature-1`);
        assert.equal((await readMetrics(server)).samples.get('lookaside_refused_images'), count);
      });
    await refused(0);
    const place = join(server.directory, TWICE);
    const away = join(server.directory, 'away');
    await rename(place, away);
    await refused(1);
    await rename(away, place);
    await refused(0);
    const { samples } = await readMetrics(server);
    assert.equal(samples.get('lookaside_newly_refused_images_total'), 1);
  });

  it('say when keys expire, of those that do, and follow a reload', async () => {
    const keyring = await keyringOf('lab/keys/expired-key.gpg', 'lab/keys/lab.gpg');
    await start({ policy: await createSimplePolicy(keyring) });
    const [fingerprint = ''] = keyring.keys.flatMap((key) => (key.expires ? key.fingerprint : []));
    const expiry = Date.UTC(2020, 5, 1, 12) / 1000;
    assert.deepEqual(await read('lookaside_key_expiry_timestamp_seconds'), {
      [fingerprint]: expiry,
    });
    const policy = await createSimplePolicy(undefined);
    server.reload({ policy });
    assert.deepEqual(await read('lookaside_key_expiry_timestamp_seconds'), {});
  });

  it('count deliveries of the webhook by git host and result', async () => {
    await startEmpty({ webhookSecrets: [SECRET] });
    const name = 'lookaside_webhook_deliveries_total';
    const readCounts = async (): Promise<ReadonlyMap<string, number>> => {
      const { samples } = await readMetrics(server);
      return new Map([...samples].filter(([sample]) => sample.startsWith(name)));
    };
    const none = await readCounts();
    assert.equal(none.size, (WEBHOOK_FORGES.length + 1) * 8);
    const counted = async (labels: string, options: object, status: number): Promise<void> => {
      const [forge = '', result = ''] = labels.split(' ');
      const sample = `${name}{forge="${forge}",result="${result}"}`;
      const before = (await readCounts()).get(sample) ?? Number.NaN;
      const answer = await sendPush({ baseUrl: server.url, secret: SECRET, ...options });
      assert.equal(answer.status, status, answer.body);
      assert.equal((await readCounts()).get(sample), before + 1, labels);
    };
    await counted('github accepted', {}, 202);
    await counted('github ignored', { ref: 'refs/heads/other' }, 202);
    await counted('github ignored', { event: 'star' }, 202);
    await counted('github ping', { event: 'ping' }, 200);
    await counted('github unauthorized', { secret: 'another' }, 401);
    await counted('github unauthorized', { headers: { 'X-Hub-Signature-256': 'none' } }, 401);
    await counted('github too-large', { body: ' '.repeat(25 * 1024 * 1024 + 1) }, 413);
    await counted('github invalid', { body: '[]' }, 400);
    for (const forge of new Set(Object.values(FORGE_DELIVERIES).map(([named]) => named))) {
      const [, make] = Object.values(FORGE_DELIVERIES).find(([named]) => named === forge) ?? [];
      const delivery = await make?.({ secret: SECRET, branch: 'main', commit: undefined });
      const sample = `${name}{forge="${forge}",result="accepted"}`;
      const before = (await readCounts()).get(sample) ?? Number.NaN;
      if (delivery) assert.equal((await sendDelivery(server.url, delivery)).status, 202);
      assert.equal((await readCounts()).get(sample), before + 1, forge);
    }
    await fetch(`${server.url}/webhook`, { method: 'POST' });
    await fetch(`${server.url}/webhook`);
    const counts = await readCounts();
    assert.equal(counts.get(`${name}{forge="unknown",result="unauthorized"}`), 1);
    assert.deepEqual([...counts.keys()], [...none.keys()]);
    const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(all, 8 + WEBHOOK_FORGES.length + 1);
  });

  it('are read by the next scrape when what formats them could not be loaded', async () => {
    await start();
    let imports = 0;
    const status = { generation: null, lastRefresh: null, lastError: null, runningSince: null };
    const metrics = new Metrics(
      {
        refresher: {
          store: () => undefined,
          status: () => status,
          lost: () => ({ loss: undefined, total: 0, acknowledge: () => 0 }),
          rejectedCodes: () => new Map(),
        },
        lookupCounts: new LookupCounts({ elapsed: () => 0, now: () => 0 }),
        keyring: () => undefined,
        keyFaults: () => new Map(),
        refusedImages: () => 0,
        newlyRefused: () => 0,
        troubles: new Troubles(() => new Date()),
        readings: () => new Map(),
        reloadedAt: () => 0,
        certificateUntil: () => undefined,
        events: undefined,
        backgroundFailures: () => 0,
        peers: () => undefined,
        resolved: () => ({ resolved: 0, refused: 0, unknown: 0 }),
        manifestQuestions: () => undefined,
        program: { version: '1', nodeVersion: 'v1', cpuUsage: () => ({ user: 0, system: 0 }) },
      },
      async () => {
        if (++imports === 1) throw new Error('no such module');
        return import('../../../server/metrics/metric-registry.ts');
      },
    );
    await assert.rejects(metrics.read(), /no such module/);
    assert.match((await metrics.read()).text, /lookaside_signatures 0/);
  });

  describeWith(['promtool'], 'for Prometheus', () => {
    it('have nothing to complain of, and no label that strangers can choose', async () => {
      const keyring = await keyringOf('lab/keys/expired-key.gpg');
      const policy = await createSimplePolicy(keyring);
      await start({ policy, webhookSecrets: [SECRET] });
      const strange = 'st\r\nran"ge{}';
      await fetch(`${server.url}/${TWICE}/signature-1`, { headers: { 'User-Agent': 'stranger' } });
      await fetch(`${server.url}/stranger/${TWICE}/signature-1`);
      await fetch(`${server.url}/${encodeURIComponent(strange)}`);
      await sendPush({ baseUrl: server.url, secret: SECRET, event: 'stranger' });
      const metrics = await readMetrics(server);
      await check(metrics);
      assert.doesNotMatch(metrics.text, /[0-9a-f]{64}|@sha256|team|stran|127\.0\.0|\/signature-/);
      const labels = new Set(
        [...metrics.samples.keys()]
          .filter((sample) => sample.startsWith('lookaside_'))
          .flatMap((sample) => [...sample.matchAll(/[{,](\w+)="/g)].map(([, label]) => label)),
      );
      const known = [
        'outcome',
        'reason',
        'le',
        'code',
        'result',
        'fingerprint',
        'forge',
        'kind',
        'version',
        'nodeversion',
        'files',
        'verdict',
      ];
      assert.deepEqual(labels, new Set(known));
    });

    it('have nothing to complain of before anything is loaded', async () => {
      const source = createMemorySource({ commit: 'a', files: {} });
      const gate = createGate();
      source.onRefresh = gate.wait;
      await start({ source });
      await check(await readMetrics(server));
      gate.open();
    });
  });
});
