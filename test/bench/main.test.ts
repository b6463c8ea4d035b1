import assert from 'node:assert/strict';
import { run } from '../kit/process/run.ts';

const MAIN = ['--import', 'tsx', 'scripts/bench/main.ts'];

describe('npm run bench', () => {
  it('says what it takes when it is used in a wrong way', async () => {
    const { code, stderr } = await run(process.execPath, [...MAIN, 'lokups']);
    assert.equal(code, 2);
    assert.match(stderr, /^bench: expected a part \(lookups, .*\), got "lokups"\nusage: /);
  });

  it('says all that is missing at once', async () => {
    const env = { PATH: '/nowhere' };
    const { code, stdout, stderr } = await run(process.execPath, [...MAIN, 'verify'], { env });
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.equal(
      stderr,
      'bench: not installed: gpgv, gpg, skopeo, xargs\n' +
        'hint: apt-get install gpgv gnupg skopeo findutils\n',
    );
  });
});
