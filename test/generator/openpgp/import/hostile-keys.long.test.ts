import assert from 'node:assert/strict';
import { KeyFileError, readKeyring } from '../../../../generator/openpgp/openpgp-js.ts';
import { HOSTILE_FILES } from './hostile-key-files.ts';

const BYTES = Number(process.env['HOSTILE_BYTES'] ?? 2 * 1024 * 1024);
/** Of processor time: a guard, where these files took minutes. */
const MOST_SECONDS = 20;

describe('generator: OpenPGP: hostile key files', () => {
  for (const [kind, { fate, make }] of Object.entries(HOSTILE_FILES)) {
    it(`of ${kind} are ${fate} in bounded time`, async () => {
      const bytes = make(BYTES);
      const start = process.cpuUsage();
      const path = 'hostile.gpg';
      let outcome = 'read';
      try {
        await readKeyring([{ path, bytes }]);
      } catch (error) {
        assert(error instanceof KeyFileError, String(error));
        assert(error.message.length < 5000, 'a message of many reasons');
        assert(error.hint);
        outcome = 'refused';
      }
      const { user } = process.cpuUsage(start);
      assert.equal(outcome, fate);
      assert(user < MOST_SECONDS * 1_000_000, `${user / 1_000_000} s`);
    });
  }
});
