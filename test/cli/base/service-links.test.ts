import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { OPTION_NAMES, variableOf } from '../../../cli/base/options.ts';
import { readSettings } from '../../../cli/base/read-settings.ts';
import { isServiceLinkName } from '../../../cli/base/service-links.ts';
import { UsageError } from '../../../cli/base/usage-error.ts';
import { type Service, serviceLinks } from './service-links.ts';

const names = fc
  .stringMatching(/^(-[a-z0-9]([-a-z0-9]{0,12}[a-z0-9])?)?$/)
  .map((rest) => `lookaside${rest}`);
const addresses = fc.oneof(fc.ipV4(), fc.ipV6());
const ports = fc.record({
  number: fc.integer({ min: 1, max: 65_535 }),
  name: fc.option(fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,12}[a-z0-9])?$/), { nil: undefined }),
  protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
});
const services: fc.Arbitrary<Service> = fc.record({
  name: names,
  address: addresses,
  ports: fc.array(ports, { minLength: 1, maxLength: 4 }),
});

const isRefused = async (variable: string, value: string): Promise<boolean> => {
  const error: unknown = await readSettings({}, { [variable]: value }).catch(
    (reason: unknown) => reason,
  );
  if (!(error instanceof UsageError)) return false;
  assert.match(error.message, new RegExp(`^unknown environment variable ${variable}$`));
  return true;
};

describe('variables of Kubernetes', () => {
  it('are passed over, for whatever Service that is named as we are', async () => {
    const usual = await readSettings({}, {});
    await fc.assert(
      fc.asyncProperty(fc.array(services, { minLength: 1, maxLength: 3 }), async (all) => {
        const environment = Object.assign({}, ...all.map(serviceLinks));
        assert.deepEqual(await readSettings({}, environment), usual);
      }),
    );
  });

  it('are errors with any other value', async () => {
    await fc.assert(
      fc.asyncProperty(services, fc.string({ unit: 'grapheme' }), async (service, value) => {
        // Digits and names of protocols are what some of them have.
        fc.pre(!/^(\d+|tcp|udp|sctp)$/.test(value));
        for (const name of Object.keys(serviceLinks(service))) {
          assert.ok(await isRefused(name, value), `${name}=${value}`);
        }
      }),
      { numRuns: 20 },
    );
  });

  const mistakes: readonly (readonly [variable: string, value: string])[] = [
    ['LOOKASIDE_PROT', '8080'],
    ['LOOKASIDE_PORT', '8080'],
    ['LOOKASIDE_PORT', 'tcp://0.0.0.0'],
    ['LOOKASIDE_PORT', 'tcp://store.example.com:8080'],
    ['LOOKASIDE_PORT', 'http://10.0.0.1:8080'],
    ['LOOKASIDE_SERVICE_HOST', 'store.example.com'],
    ['LOOKASIDE_SERVICE_PORT', '0'],
    ['LOOKASIDE_SERVICE_PORT', '65536'],
    ['LOOKASIDE_SERVICE_PORT_', '80'],
    ['LOOKASIDE_LISTEN_PORT', '8080'],
    ['LOOKASIDE_PORT_8080_TCP_ADDR', '8080'],
    ['LOOKASIDE_PORT_8080_HTTP', 'tcp://10.0.0.1:8080'],
    ['LOOKASIDE_HOST', '10.0.0.1'],
    ['LOOKASIDE__PORT', 'tcp://10.0.0.1:8080 '],
    ['LOOKASIDE_lower_PORT', 'tcp://10.0.0.1:8080'],
  ];
  for (const [variable, value] of mistakes) {
    it(`do not hide the mistake ${variable}=${value}`, async () => {
      assert.ok(await isRefused(variable, value));
    });
  }

  it('have the name of no option, so that no Service sets one', () => {
    const taken = OPTION_NAMES.map(variableOf).filter(isServiceLinkName);
    assert.deepEqual([...taken, ...['LOOKASIDE_CONFIG'].filter(isServiceLinkName)], []);
  });

  it('never hide an option: a listener named like one is set', async () => {
    const { listen } = await readSettings({}, { LOOKASIDE_LISTEN: '10.0.0.1:8080' });
    assert.deepEqual(listen, { host: '10.0.0.1', port: 8080 });
  });
});
