// One date for the end of a key, wherever it is told.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { CheckReport } from '../../../generator/store/report.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const DAY = 86_400_000;

describeWith(['gpg'], 'the end of a key that only certifies', () => {
  const directory = useTemporary();

  it('is that of its signing subkey in the report of check, as node-config says', async () => {
    const signer = await makeSigner();
    try {
      const key = await signer.makeKey({
        algorithm: 'ed25519',
        subkey: true,
        subkeyExpires: '20d',
      });
      const file = join(directory(), 'key.asc');
      await signer.exportKeys(file, key);
      const checked = await runInProcess(['check', directory(), `--keys=${file}`, '--format=json']);
      const report = JSON.parse(checked.stdout.toString()) as CheckReport;
      const expires = report.keys[0]?.expires ?? '';
      const left = (Date.parse(expires) - Date.now()) / DAY;
      assert.ok(left > 19 && left <= 20, expires);
      const words = ['node-config', '--url=https://sigs.example', `--scope=a.example=${file}`];
      const { stderr } = await runInProcess([
        ...words,
        '--default=reject',
        `--out=${join(directory(), 'out')}`,
        '--expiry-warning=30d',
      ]);
      assert.ok(stderr.includes(`expires on ${expires}`), stderr);
    } finally {
      await signer.stop();
    }
  });
});
