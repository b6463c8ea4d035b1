import assert from 'node:assert/strict';
import {
  ConfigMapFileError,
  checkConfigMaps,
} from '../../../generator/release/configmap/check-configmaps.ts';

const LEVELS = 20_000;

describe('a file of ConfigMaps', () => {
  for (const [title, text, message] of [
    ['brackets that go too deep', '["]", '.repeat(LEVELS), /nested too deeply/],
    ['dashes that go too deep', '- '.repeat(LEVELS), /nested too deeply/],
    ['text that is no YAML', 'a: [', /line 1, column 5/],
    ['aliases', 'a: &a x\nb: *a\n', /neither/],
  ] as const) {
    it(`is refused for ${title}`, () => {
      assert.throws(
        () => checkConfigMaps(text, [], new Date()),
        (error) => error instanceof ConfigMapFileError && message.test(error.message),
      );
    });
  }
});
