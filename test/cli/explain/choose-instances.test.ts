import assert from 'node:assert/strict';
import { chooseInstances } from '../../../cli/explain/choose-instances.ts';

const choose = (platforms: readonly string[], wanted: string) =>
  chooseInstances(
    platforms.map((platform) => ({ platform, digestHex: '', isList: false })),
    wanted,
  ).map(({ platform }) => platform);

describe('generator: what nodes choose of a list', () => {
  const cases: readonly (readonly [readonly string[], wanted: string, readonly string[]])[] = [
    [['linux/amd64', 'linux/arm64'], 'linux/arm64', ['linux/arm64']],
    [['linux/amd64', 'linux/arm64'], 'linux/arm64/v8', ['linux/arm64']],
    [['linux/arm64', 'linux/arm64/v8'], 'linux/arm64/v8', ['linux/arm64/v8']],
    [['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v7', ['linux/arm/v6']],
    [['linux/arm/v7'], 'linux/arm/v6', []],
    [['linux/arm/v6', 'linux/arm/v7'], 'linux/arm', ['linux/arm/v6', 'linux/arm/v7']],
    [['linux/amd64', 'linux/amd64/v3'], 'linux/amd64/v2', ['linux/amd64']],
    [['linux/amd64', 'any other'], 'linux/s390x', ['any other']],
    [['linux/amd64', 'any other'], 'linux/arm64/v8', ['any other']],
    [['linux/amd64', 'any other'], 'linux/amd64', ['linux/amd64']],
    [['linux/arm64'], 'linux/arm', []],
  ];
  for (const [platforms, wanted, chosen] of cases) {
    it(`${wanted} of ${platforms.join(', ')}`, () => {
      assert.deepEqual(choose(platforms, wanted), chosen);
    });
  }
});
