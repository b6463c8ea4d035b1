import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { parseIgnition } from '../../../../generator/nodes/cluster/ignition-files.ts';
import {
  type Mergeable,
  mergeMachineConfigs,
  sortForMerge,
} from '../../../../generator/nodes/cluster/merge-machine-configs.ts';
import { ROLE, toMachineConfig } from '../../../kit/cluster/made-cluster.ts';
import {
  type MachineConfigObject,
  mergeAsOperator,
} from '../../../kit/cluster/merge-as-operator.ts';

function toMergeable({ metadata, spec }: MachineConfigObject): Mergeable {
  const files = parseIgnition(spec.config);
  if (typeof files === 'string') throw new Error(files);
  return { name: metadata.name, labels: metadata.labels ?? {}, files };
}

const path = fc.constantFrom('/etc/a', '/etc/b', '/etc/c');
const file = fc.record(
  {
    path,
    mode: fc.constantFrom(0o600, 0o644),
    contents: fc.record(
      {
        source: fc.constantFrom('data:,1', 'data:,2', 'data:;base64,MQ=='),
        compression: fc.constantFrom('', 'gzip'),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['path'] },
);
const machineConfig = fc
  .record({
    name: fc.constantFrom('00-a', '50-b', '99-worker-generated-registries', '99-zz-worker-x', 'z'),
    role: fc.constantFrom('worker', 'infra', 'master'),
    files: fc.uniqueArray(file, { selector: (one) => one.path, maxLength: 3 }),
    links: fc.uniqueArray(path, { maxLength: 1 }),
  })
  .map(({ name, role, files, links }) => {
    const config = toMachineConfig(name, role, files);
    const apart = links.filter((link) => !files.some((one) => one.path === link));
    config.spec.config = {
      ignition: { version: '3.2.0' },
      storage: { files, links: apart.map((link) => ({ path: link, target: '/x' })) },
    };
    return config;
  });

describe('merged MachineConfigs', () => {
  it('lay out what the operator would lay out', () => {
    const several = fc.uniqueArray(machineConfig, {
      selector: ({ metadata }) => metadata.name,
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(several, fc.boolean(), (configs, byNameAlone) => {
        const expected = toMergeable({
          ...toMachineConfig('rendered', 'worker', []),
          spec: { config: mergeAsOperator(configs, byNameAlone) },
        });
        const merged = mergeMachineConfigs(sortForMerge(configs.map(toMergeable), byNameAlone));
        const got = [...merged].map(([at, { from: _from, losers: _losers, ...entry }]) => [
          at,
          { ...entry, compression: entry.compression ?? '' },
        ]);
        const wanted = [...expected.files].map(([at, entry]) => [
          at,
          { ...entry, compression: entry.compression ?? '' },
        ]);
        assert.deepEqual(Object.fromEntries(got), Object.fromEntries(wanted));
      }),
      { numRuns: 500 },
    );
  });

  it('say whose bytes they are, and whose they were', () => {
    const configs = [
      toMachineConfig('99-zz-worker-x', 'worker', [
        { path: '/etc/a', contents: { source: 'data:,3' } },
      ]),
      toMachineConfig('10-infra', 'infra', [{ path: '/etc/a', contents: { source: 'data:,4' } }]),
      toMachineConfig('20-infra', 'infra', [{ path: '/etc/a', mode: 0o600 }]),
      toMachineConfig('00-worker', 'worker', [{ path: '/etc/a', contents: { source: 'data:,1' } }]),
    ];
    const entry = mergeMachineConfigs(sortForMerge(configs.map(toMergeable))).get('etc/a');
    assert.deepEqual(
      { source: entry?.source, mode: entry?.mode, from: entry?.from, losers: entry?.losers },
      { source: 'data:,4', mode: 0o600, from: '10-infra', losers: ['99-zz-worker-x', '00-worker'] },
    );
  });

  it('sort names by their bytes', () => {
    const names = ['99-zz-a', '99-Worker', '99-z', '100', '99-zz-a.b'];
    const sorted = sortForMerge(names.map((name) => ({ name, labels: { [ROLE]: 'worker' } })));
    assert.deepEqual(
      sorted.map(({ name }) => name),
      ['100', '99-Worker', '99-z', '99-zz-a', '99-zz-a.b'],
    );
  });
});

describe('the Ignition config of a MachineConfig', () => {
  const version = { version: '3.2.0' };
  for (const [title, config, wrong] of [
    ['no config', undefined, undefined],
    ['nothing but a version', { ignition: version }, undefined],
    ['lists that are null', { ignition: version, storage: { files: null } }, undefined],
    ['no version', { storage: {} }, /^config\.ignition/],
    ['a version of the future', { ignition: { version: '4.0.0' } }, /version 2 or 3/],
    ['a text', 'data', /^config: /],
    ['a path that is none', { ignition: version, storage: { files: [{ path: 'a' }] } }, /path/],
    [
      'a mode that is a text',
      { ignition: version, storage: { files: [{ path: '/a', mode: '0644' }] } },
      /mode/,
    ],
    [
      'a path that is there twice',
      { ignition: version, storage: { files: [{ path: '/a' }, { path: '//a' }] } },
      /in it twice/,
    ],
    [
      'of version 2, a path that is there twice',
      { ignition: { version: '2.2.0' }, storage: { files: [{ path: '/a' }, { path: '/a' }] } },
      undefined,
    ],
  ] as const) {
    it(`is ${wrong ? 'refused' : 'read'} with ${title}`, () => {
      const files = parseIgnition(config);
      if (wrong) assert.match(typeof files === 'string' ? files : 'read', wrong);
      else assert.ok(files instanceof Map);
    });
  }
});
