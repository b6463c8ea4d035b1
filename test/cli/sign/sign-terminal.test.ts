// On a real terminal, where pinentry asks for the passphrase.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SignWorld } from '../../kit/push/sign-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const PASSPHRASE = 'correct horse';

describeWith(['script', 'skopeo', 'docker-registry', 'gpg', 'gpgv'], 'at a terminal', () => {
  const directory = useTemporary();
  let world: SignWorld<'locked'>;
  before(async () => {
    world = await SignWorld.make({ locked: { passphrase: PASSPHRASE } });
  });
  after(() => world.stop());

  it('pinentry asks for the passphrase of a key, although nobody has set GPG_TTY', async () => {
    const { reference } = await world.pushImage('team/app', 'v1');
    const out = join(directory(), 'out');
    const words = ['sign', reference, '--sign-by', world.keys.locked.fingerprint, '--out', out];
    const command = [process.execPath, MAIN, ...words].map((word) => `'${word}'`).join(' ');
    const { home: GNUPGHOME } = world.signer;
    const child = spawn('timeout', ['60', 'script', '-qefc', command, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', GNUPGHOME, GPG_TTY: undefined, DISPLAY: undefined },
    });
    let shown = '';
    let isAnswered = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      if (isAnswered || !/passphrase/i.test(shown)) return;
      isAnswered = true;
      child.stdin.write(`${PASSPHRASE}\r`);
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 0, shown);
    assert.match(shown, /signed .*team\/app:v1/);
  });
});
