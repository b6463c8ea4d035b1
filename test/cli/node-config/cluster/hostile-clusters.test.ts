// `node-config --cluster` with files that are wrong, or meant to do harm.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { MACHINES, toIgnitionFile, toMachineConfig } from '../../../kit/cluster/made-cluster.ts';
import { atLength } from '../../../kit/at-length.ts';
import { runInProcess } from '../../../kit/program/run-in-process.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { describeWith } from '../../../with-tools.ts';
import { useCluster } from './use-cluster.ts';

/** What takes the place of any value in an object. */
const STRANGE: readonly unknown[] = [
  null,
  0,
  -1,
  1e300,
  '',
  'text',
  true,
  [],
  {},
  [null],
  { '': null },
  { name: 7 },
  'data:;base64,!',
  'x'.repeat(10_000),
  '\u001B[31m\u202E\u0000',
];

/** What terminals obey, but line ends. */
const UNPRINTABLE = /[^\P{Cc}\n]|\p{Cf}/u;

/** Replaces the value at the place that numbers lead to. */
function replaceAt(value: unknown, way: readonly number[], strange: unknown): unknown {
  const [step, ...rest] = way;
  if (step === undefined || typeof value !== 'object' || value === null) return strange;
  const keys = Object.keys(value);
  const key = keys[step % Math.max(1, keys.length)];
  if (key === undefined) return strange;
  const inner = replaceAt(Reflect.get(value, key), rest, strange);
  if (Array.isArray(value)) return value.map((one, index) => (String(index) === key ? inner : one));
  return { ...value, [key]: inner };
}

describeWith(['gpg'], 'lookaside node-config --cluster of hostile files', () => {
  const { args, ask, goodCluster, manifests } = useCluster();
  const directory = useTemporary();

  const run = async (input: string | Uint8Array, ...more: readonly string[]) =>
    runInProcess([...args(), '--cluster', '-', ...more], {}, { input });

  it('says that objects are wrong, or that it cannot say, whatever is in them', async () => {
    const items = goodCluster().items();
    const way = fc.array(fc.nat(20), { minLength: 1, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(items.length - 1),
        way,
        fc.constantFrom(...STRANGE),
        async (index, steps, strange) => {
          const changed = items.map((item, at) =>
            at === index ? replaceAt(item, steps, strange) : item,
          );
          const text = JSON.stringify({ kind: 'List', apiVersion: 'v1', items: changed });
          const { code, stdout, stderr } = await run(text);
          assert.ok([0, 1, 2].includes(code), stderr);
          assert.ok(
            stdout.length > 0 || stderr.startsWith('lookaside: --cluster: -: expected '),
            stderr,
          );
          assert.doesNotMatch(stderr, /\n\s+at |TypeError|RangeError/);
          assert.doesNotMatch(stdout.toString(), UNPRINTABLE);
        },
      ),
      { numRuns: atLength(25, 300) },
    );
  });

  for (const [title, input, message] of [
    ['no text', '', /-: expected objects of a cluster, got no text/],
    ['a message of oc', 'error: no such host', /-: expected objects of Kubernetes/],
    ['half a List', '{"kind":"List","items":[', /-: expected JSON/],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x01]), /-: expected /],
    ['nesting', `{"kind":"Node","x":${'['.repeat(200_000)}`, /-: expected JSON/],
  ] as const) {
    it(`says what is wrong with ${title}`, async () => {
      const { code, stdout, stderr } = await run(input);
      assert.deepEqual({ code, stdout: stdout.toString() }, { code: 2, stdout: '' });
      assert.match(stderr, message);
      assert.match(stderr, /\nhint: name a file that `oc get … -o json` has written\n$/);
    });
  }

  it('says which file cannot be read', async () => {
    for (const file of [join(directory(), 'none.json'), directory()]) {
      const { code, stderr } = await runInProcess([...args(), '--cluster', file]);
      assert.equal(code, 2);
      assert.match(stderr, /^lookaside: --cluster: cannot read .*: .*\nhint: /);
    }
  });

  it('reads a file as it reads standard input', async () => {
    const file = join(directory(), 'cluster.json');
    const text = goodCluster().print();
    await writeFile(file, text);
    const { code, stdout } = await runInProcess([...args(), '--cluster', file]);
    assert.equal(code, 0);
    assert.equal(stdout.toString(), (await run(text)).stdout.toString());
  });

  it('shows nobody what terminals would obey', async () => {
    const cluster = goodCluster();
    const evil = '\u001B[2J\u202Eevil\nline';
    const config = toMachineConfig(evil, 'worker', [
      toIgnitionFile('/etc/containers/policy.json', '{}'),
    ]);
    cluster.put(config);
    cluster.pool('worker').status.conditions = [
      { type: `${evil}Degraded`, status: 'True', reason: evil, message: evil },
    ];
    cluster.others.push({ kind: evil, apiVersion: 'v1' });
    for (const format of ['text', 'json']) {
      const { stdout } = await run(cluster.print(), '--format', format);
      assert.match(stdout.toString(), /evil/);
      assert.doesNotMatch(stdout.toString(), UNPRINTABLE);
      assert.doesNotMatch(stdout.toString(), /^line/m);
    }
  });

  it('puts no name into a command that Kubernetes would not take', async () => {
    const cluster = goodCluster();
    cluster.addPool('a; touch never', { matchLabels: { x: 'y' } }, 0);
    const { exit, findings } = await ask(cluster.print(), '--pool', 'worker');
    assert.equal(exit, 2);
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'unknown').map(({ code }) => code),
      ['object-unreadable'],
    );
    assert.doesNotMatch(findings.map(({ hint }) => hint).join(''), /touch/);
  });

  it('refuses more pools than any cluster has', async () => {
    const cluster = goodCluster();
    for (let number = 0; number < 1000; number += 1) cluster.addPool(`p${number}`, {}, 0);
    const { code, stderr } = await run(cluster.print());
    assert.equal(code, 2);
    assert.match(stderr, /-: expected at most 1000 pools, got 1002\n/);
  });

  it('tries only some of a thousand MachineConfigs that overwrite each other', async () => {
    const cluster = goodCluster();
    for (let number = 0; number < 1000; number += 1) {
      const file = toIgnitionFile('/etc/containers/policy.json', `{"default":[],"n":${number}}`);
      cluster.put(toMachineConfig(`zz-${number}`, 'worker', [file]));
    }
    const { exit, findings } = await ask(cluster.settle().print(), '--pool', 'worker');
    assert.equal(exit, 1);
    assert.ok(findings.some(({ code }) => code === 'policy-unreadable'));
  });

  it('counts what it does not look at', async () => {
    const cluster = goodCluster();
    cluster.others.push(
      { kind: 'ConfigMap', apiVersion: 'v1' },
      { kind: 'ConfigMap', apiVersion: 'v1' },
      // Of another group: an image of the cluster's own registry.
      { kind: 'Image', apiVersion: 'image.openshift.io/v1', metadata: { name: 'cluster' } },
    );
    const { exit, ignored } = await ask(cluster.print());
    assert.deepEqual({ exit, ignored }, { exit: 0, ignored: { ConfigMap: 2, Image: 1 } });
  });

  it('does not unpack what does not end', async () => {
    const cluster = goodCluster();
    const packed = gzipSync(Buffer.alloc(16 * 1024 ** 2)).toString('base64');
    const contents = { source: `data:;base64,${packed}`, compression: 'gzip' };
    const path = '/etc/containers/registries.d/bomb.yaml';
    cluster.put(toMachineConfig('zz-bomb', 'worker', [{ path, contents }]));
    const { exit, findings } = await ask(cluster.settle().print());
    assert.equal(exit, 1);
    assert.match(findings.map(({ message }) => message).join('\n'), /too large/);
  });

  it('reads a large cluster in a bearable time', async () => {
    const cluster = goodCluster();
    const before = process.cpuUsage();
    for (let number = 0; number < 1000; number += 1) {
      cluster.addNode(`worker-${number + 10}`, 'worker');
      cluster.put({
        ...toMachineConfig(`rendered-worker-${number}`, 'worker', []),
        metadata: { name: `rendered-worker-${number}` },
      });
    }
    for (const node of cluster.nodesOf('worker').slice(0, 500)) {
      node.metadata.annotations[`${MACHINES}/currentConfig`] =
        `rendered-worker-${node.metadata.name.slice('worker-'.length)}`;
    }
    const { exit, pools } = await ask(cluster.print());
    assert.equal(exit, 1);
    assert.equal(pools.find(({ name }) => name === 'worker')?.verifies, false);
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1e6 < 60);
  });

  for (const [flags, message] of [
    [['--out', 'x'], /--out writes files, and --cluster compares them/],
    [['--check', '/'], /--check and --cluster cannot be used together/],
    [['--diff', '/'], /--cluster and --diff cannot be used together/],
    [['--target', 'script'], /--cluster compares the files of a node/],
    [['--merge', 'policy.json'], /--cluster accepts whatever the node's policy says/],
    [['--rootless'], /--cluster is about the files of the system/],
    [['--ignition', '3.2.0'], /--ignition has no effect with --cluster/],
    [['--force'], /--force has no effect with --cluster/],
    [['--format', 'sarif'], /sarif/],
  ] as const) {
    it(`refuses ${flags.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(manifests().good, ...flags);
      assert.deepEqual({ code, stdout: stdout.toString() }, { code: 2, stdout: '' });
      assert.match(stderr, message);
    });
  }
});
