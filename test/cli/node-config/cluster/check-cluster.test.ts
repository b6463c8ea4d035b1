// `node-config --cluster`: each mistake is planted alone into a good cluster.
import assert from 'node:assert/strict';
import { CLUSTER_FINDINGS } from '../../../../generator/nodes/cluster/cluster-finding.ts';
import { runInProcess } from '../../../kit/program/run-in-process.ts';
import { describeWith } from '../../../with-tools.ts';
import { rollBack } from './cluster-mistake.ts';
import { EQUAL_CLUSTERS } from './equal-clusters.ts';
import { CONFIG_MISTAKES } from './planted-configs.ts';
import { FILE_GAPS } from './planted-gaps.ts';
import { ROLLOUT_MISTAKES } from './planted-rollouts.ts';
import { useCluster } from './use-cluster.ts';

const CLUSTER_MISTAKES = [...CONFIG_MISTAKES, ...ROLLOUT_MISTAKES, ...FILE_GAPS];

describeWith(['gpg'], 'lookaside node-config --cluster', () => {
  const { args, ask, goodCluster, manifests } = useCluster();

  it('finds nothing in a cluster with what node-config wrote, byte for byte', async () => {
    const { exit, findings, steps, pools } = await ask(goodCluster().print());
    assert.deepEqual({ exit, findings, steps }, { exit: 0, findings: [], steps: [] });
    for (const { verifies, updated, degraded, paused, nodes, behind, files } of pools) {
      assert.deepEqual(
        { verifies, updated, degraded, paused, nodes, behind },
        { verifies: true, updated: true, degraded: false, paused: false, nodes: 2, behind: [] },
      );
      assert.equal(files.length, 3);
      assert.ok(files.every(({ state }) => state === 'same'));
    }
  });

  for (const [title, change] of Object.entries(EQUAL_CLUSTERS)) {
    it(`finds no fault with ${title}`, async () => {
      const cluster = goodCluster();
      await change(cluster, manifests());
      const { exit, findings, pools } = await ask(cluster.settle().print());
      const faults = findings.filter(({ severity }) => severity !== 'warning');
      assert.deepEqual({ exit, faults }, { exit: 0, faults: [] });
      assert.ok(pools.every(({ verifies, nodes }) => verifies === true || nodes === 0));
    });
  }

  for (const {
    title,
    finds,
    exit,
    says,
    hints,
    args: own = [],
    plant,
    print,
    worker,
  } of CLUSTER_MISTAKES) {
    it(`says of ${title}: ${finds.join(', ') || 'nothing'}`, async () => {
      const cluster = goodCluster();
      await plant(cluster, manifests());
      const answer = await ask(print?.(cluster) ?? cluster.print(), ...own);
      const found = answer.findings.map(({ code, severity, pool }) =>
        [code, severity, ...(pool === undefined ? [] : [pool])].join(' '),
      );
      const all = JSON.stringify(answer.findings, null, 1);
      assert.deepEqual([...new Set(found)].toSorted(), finds, all);
      assert.equal(answer.exit, exit, all);
      if (says) assert.match(answer.findings.map(({ message }) => message).join('\n'), says);
      if (hints) assert.match(answer.findings.map(({ hint }) => hint).join('\n'), hints);
      if (worker === undefined) return;
      const pool = answer.pools.find(({ name }) => name === 'worker');
      assert.equal(pool?.verifies, worker);
    });
  }

  it('says nothing of pools that are not asked about', async () => {
    const cluster = goodCluster();
    cluster.machineConfigs.delete('99-zz-master-lookaside');
    const { exit, pools } = await ask(cluster.settle().print(), '--pool', 'worker');
    assert.deepEqual(
      { exit, pools: pools.map(({ name }) => name) },
      { exit: 0, pools: ['worker'] },
    );
  });

  it('names the nodes that are behind, with what they have and what they are to have', async () => {
    const cluster = goodCluster();
    const { before, after } = rollBack(cluster, 'worker-1');
    const [, node] = cluster.nodesOf('worker');
    assert.ok(node);
    cluster.setNode(node, before, after, 'Working');
    const { pools } = await ask(cluster.print());
    assert.deepEqual(
      pools.map(({ name, behind }) => [name, behind]),
      [
        ['master', []],
        ['worker', [{ node: 'worker-1', config: before, desired: after, state: 'Working' }]],
      ],
    );
  });

  it('tells people of each pool, of what is wrong, and what to do in which order', async () => {
    const cluster = goodCluster();
    cluster.machineConfigs.delete('99-zz-master-lookaside');
    cluster.settle();
    const { before, after } = rollBack(cluster);
    cluster.pool('worker').spec.paused = true;
    cluster.others.push({ kind: 'ConfigMap', apiVersion: 'v1' });
    const { code, stdout } = await runInProcess(
      [...args(), '--cluster', '-'],
      {},
      {
        input: cluster.print(),
      },
    );
    assert.equal(code, 1);
    const lines = stdout.toString().split('\n');
    const rendered = cluster.pool('master').spec.configuration.name;
    for (const line of [
      `pool master: does not verify (2 nodes, updated, ${rendered})`,
      '  etc/containers/registries.d/lookaside.yaml: missing',
      '  etc/containers/policy.json: not as node-config writes it, from 01-master-container-runtime',
      `pool worker: does not verify (2 nodes, 2 not on the config, not updated, paused, ${after})`,
      '  3 files, as node-config writes them',
      '  1. master: Apply what `lookaside node-config --target machineconfig --pool master --out -` writes.',
      `  2. worker: Let it go on: \`oc patch machineconfigpool worker --type merge -p '{"spec":{"paused":false}}'\`.`,
      '  3. worker: Wait until the pool is updated, and check again.',
      'not looked at: 1 ConfigMap',
      'faults: 2 pools, 3 faults, 0 warnings',
    ]) {
      assert.ok(lines.includes(line), `${line}\n${stdout.toString()}`);
    }
    assert.match(stdout.toString(), new RegExp(`got ${before}: expected requirements for`));
  });

  it('has a state for each code, and a cure of its own for each', () => {
    const planted = new Set(
      CLUSTER_MISTAKES.flatMap(({ finds }) => finds.map((one) => one.split(' ', 1)[0])),
    );
    for (const code of Object.keys(CLUSTER_FINDINGS)) assert.ok(planted.has(code), code);
    const cures = Object.values(CLUSTER_FINDINGS).map(({ cure }) => cure);
    assert.ok(new Set(cures).size >= cures.length - 1);
  });
});
