// The manifests that node-config wrote, among random MachineConfigs of others, merged as a model of the
// machine-config operator merges them.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { atLength } from '../../../kit/at-length.ts';
import { POLICY, toIgnitionFile, toMachineConfig } from '../../../kit/cluster/made-cluster.ts';
import { describeWith } from '../../../with-tools.ts';
import { findOurs } from './cluster-mistake.ts';
import { useCluster } from './use-cluster.ts';

const OPEN = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });

const other = fc.record({
  name: fc.constantFrom(
    '00-first',
    '50-theirs',
    '99-worker-generated-registries',
    '99-zz-worker-lookaside-2',
    '99-zz-infra-lookaside',
    'zz-last',
  ),
  role: fc.constantFrom('master', 'worker', 'infra'),
  path: fc.constantFrom(POLICY, '/etc/containers/registries.conf', '/etc/motd'),
});

describeWith(['gpg'], 'lookaside node-config --cluster of merged MachineConfigs', () => {
  const { ask, goodCluster } = useCluster();

  it('says which pools verify, and which MachineConfig wins', async () => {
    const others = fc.uniqueArray(other, { selector: ({ name }) => name, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(others, fc.boolean(), async (configs, byNameAlone) => {
        const cluster = goodCluster();
        cluster.addCustomPool('infra');
        cluster.mergesByNameAlone = byNameAlone;
        const ours = ['master', 'worker'].map((pool) => findOurs(cluster, pool));
        const sources = new Set(ours.map(({ spec }) => sourceOf(spec.config?.storage?.files)));
        for (const { name, role, path } of configs) {
          cluster.put(toMachineConfig(name, role, [toIgnitionFile(path, OPEN)]));
        }
        const { pools, findings, exit } = await ask(cluster.settle().print());
        for (const { name, verifies, config } of pools) {
          const rendered = cluster.machineConfigs.get(config)?.spec.config;
          const wins = sources.has(sourceOf(rendered?.storage?.files));
          assert.equal(verifies, wins, `${name} of ${JSON.stringify(configs)}`);
          const told = findings.filter(
            ({ pool, severity }) => pool === name && severity === 'fault',
          );
          assert.equal(told.length > 0, !wins, JSON.stringify(findings));
          for (const { machineConfig = '' } of told) {
            assert.ok(configs.some((one) => one.name === machineConfig && one.path === POLICY));
          }
        }
        assert.equal(exit, pools.every(({ verifies }) => verifies === true) ? 0 : 1);
      }),
      { numRuns: atLength(15, 300) },
    );
  });
});

function sourceOf(
  files: readonly { path: string; contents?: { source?: string | undefined } | undefined }[] = [],
): string | undefined {
  return files.find(({ path }) => path === POLICY)?.contents?.source;
}
