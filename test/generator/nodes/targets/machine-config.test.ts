import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import {
  adviseOnMachineConfigs,
  nameGenerated,
  nameMachineConfig,
  writeMachineConfigs,
} from '../../../../generator/nodes/targets/machine-config.ts';
import { TargetError } from '../../../../generator/nodes/targets/target.ts';
import { FILES, OPTIONS, anyFiles, anyText, textOf, toFile } from './samples.ts';

const machineConfigSchema = z.strictObject({
  apiVersion: z.literal('machineconfiguration.openshift.io/v1'),
  kind: z.literal('MachineConfig'),
  metadata: z.strictObject({
    name: z.string(),
    labels: z.strictObject({ 'machineconfiguration.openshift.io/role': z.string() }),
  }),
  spec: z.strictObject({
    config: z.strictObject({
      ignition: z.strictObject({ version: z.string() }),
      storage: z.strictObject({
        files: z.array(
          z.strictObject({
            filesystem: z.string().optional(),
            path: z.string(),
            mode: z.literal(420),
            overwrite: z.literal(true),
            contents: z.strictObject({ source: z.string() }),
          }),
        ),
      }),
    }),
  }),
});

const DATA_URL = 'data:text/plain;charset=utf-8;base64,';

describe('the name of a MachineConfig', () => {
  const good = ['worker', 'master', 'infra', 'a', 'w', 'zz', 'worker-gpu', 'x.y', '0', 'z', 'zy'];
  for (const pool of good) {
    it(`comes after what the operator generates for ${pool}`, () => {
      const name = nameMachineConfig(pool, 'lookaside');
      assert.equal(name, `99-zz-${pool}-lookaside`);
      assert.ok(name > nameGenerated(pool) && name > nameGenerated('worker'));
    });
  }

  for (const pool of ['zza', 'zzz', 'zz0']) {
    it(`is refused for ${pool}, whose generated ones would come after it`, () => {
      assert.throws(() => nameMachineConfig(pool, 'lookaside'), {
        name: 'TargetError',
        message: new RegExp(`99-${pool}-generated-registries, which comes after`),
      });
    });
  }

  for (const name of ['Lookaside', 'look_aside', 'lookaside-', 'look..aside', 'a.-b']) {
    it(`is refused where Kubernetes would refuse it: ${name}`, () => {
      assert.throws(() => nameMachineConfig('worker', name), {
        name: 'TargetError',
        message: /lower-case letters/,
        hint: /--name/,
      });
    });
  }

  it('is never one that the operator would win over', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/), (pool) => {
        let name: string;
        try {
          name = nameMachineConfig(pool, 'lookaside');
        } catch (error) {
          assert.ok(error instanceof TargetError);
          return;
        }
        const generated = Buffer.from(nameGenerated(pool));
        assert.equal(Buffer.compare(Buffer.from(name), generated), 1);
      }),
    );
  });
});

describe('MachineConfigs', () => {
  it('are one for each pool, in documents that can follow each other', () => {
    const written = writeMachineConfigs(FILES, { ...OPTIONS, pools: ['worker', 'infra'] });
    assert.deepEqual(
      written.map(({ path }) => path),
      ['99-zz-worker-lookaside.yaml', '99-zz-infra-lookaside.yaml'],
    );
    const documents = parseAllDocuments(written.map(textOf).join(''));
    const all = z.array(machineConfigSchema).parse(documents.map((document) => document.toJS()));
    const labels = all.map(({ metadata }) => Object.values(metadata.labels)[0]);
    assert.deepEqual(labels, ['worker', 'infra']);
    assert.deepEqual(
      all.map(({ metadata }) => `${metadata.name}.yaml`),
      written.map(({ path }) => path),
    );
  });

  for (const ignition of ['2.2.0', '3.1.0', '3.2.0', '3.4.0']) {
    it(`are of Ignition ${ignition}, and hold any file`, () => {
      fc.assert(
        fc.property(anyFiles(anyText), (files) => {
          const [written] = writeMachineConfigs(files, { ...OPTIONS, ignition });
          assert.ok(written);
          const { config } = machineConfigSchema.parse(parse(textOf(written))).spec;
          assert.equal(config.ignition.version, ignition);
          for (const [index, file] of config.storage.files.entries()) {
            assert.equal(file.path, `/${files[index]?.path}`);
            assert.equal(file.filesystem, ignition === '2.2.0' ? 'root' : undefined);
            assert.ok(file.contents.source.startsWith(DATA_URL));
            const bytes = Buffer.from(file.contents.source.slice(DATA_URL.length), 'base64');
            assert.deepEqual(bytes, Buffer.from(files[index]?.bytes ?? []));
          }
          assert.equal(config.storage.files.length, files.length);
        }),
        { numRuns: 30 },
      );
    });
  }

  it('say at their head why they have this name, and what it undoes', () => {
    const [written] = writeMachineConfigs(FILES, { ...OPTIONS, pools: ['infra'] });
    assert.ok(written);
    const head = textOf(written).split('apiVersion', 1)[0] ?? '';
    assert.match(head, /99-infra-generated-registries/);
    assert.match(head, /--merge/);
    for (const line of head.split('\n')) assert.ok(line.length <= 100, line);
  });
});

describe('advice on MachineConfigs', () => {
  const inPolicy = [toFile('etc/containers/policy.json', '{"default":[{"type":"reject"}]}')];

  it('says whose policy loses', () => {
    const advice = adviseOnMachineConfigs([], OPTIONS);
    assert.match(advice.join('\n'), /this policy\.json replaces the operator's/);
    assert.match(advice.join('\n'), /ImagePolicy uses \/etc\/crio\/policies instead/);
  });

  it('says that custom pools need their own, unless there is one', () => {
    assert.match(adviseOnMachineConfigs([], OPTIONS).join('\n'), /custom pool/);
    const pools = ['worker', 'infra'];
    assert.doesNotMatch(adviseOnMachineConfigs([], { ...OPTIONS, pools }).join('\n'), /custom/);
  });

  it('says that key files cost a reboot, where there are any', () => {
    assert.match(
      adviseOnMachineConfigs(FILES, OPTIONS).join('\n'),
      /drains and reboots.*--keys-as/,
    );
    assert.doesNotMatch(adviseOnMachineConfigs(inPolicy, OPTIONS).join('\n'), /drains/);
  });

  it("says that a cluster's own images may be refused", () => {
    assert.match(
      adviseOnMachineConfigs(inPolicy, OPTIONS).join('\n'),
      /rejects .* the cluster's own included/,
    );
    assert.doesNotMatch(adviseOnMachineConfigs(FILES, OPTIONS).join('\n'), /own included/);
  });
});
