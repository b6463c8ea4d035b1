// How the private key is unlocked: by the first line of a file, or by pinentry on a real terminal.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPassphrase } from '../../../cli/sign/unlock.ts';
import { SignWorld } from '../../kit/push/sign-world.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const PASSPHRASE = 'correct horse';

describe('the passphrase', () => {
  const directory = useTemporary();
  const read = async (text: string): Promise<string | undefined> => {
    const file = join(directory(), 'passphrase');
    await writeFile(file, text, 'latin1');
    const bytes = await readPassphrase(file);
    return bytes && Buffer.from(bytes).toString('latin1');
  };

  it('is the first line of a file, byte for byte', async () => {
    for (const text of [PASSPHRASE, ' with spaces ', '\u00e9\u00ff']) {
      for (const end of ['', '\n', '\r\n', '\nand more\n']) {
        assert.equal(await read(`${text}${end}`), text);
      }
    }
    assert.equal(await readPassphrase(undefined), undefined);
  });

  it('cannot be in a file that is not there, or begins with an empty line', async () => {
    await assert.rejects(readPassphrase('/nowhere/passphrase'), {
      message: /^--passphrase-file: ENOENT/,
      hint: /^make it readable/,
    });
    for (const text of ['', `\n${PASSPHRASE}\n`]) {
      await assert.rejects(read(text), {
        message:
          /^--passphrase-file: expected a passphrase on the first line of .*passphrase, got none$/,
        hint: /^leave the option out/,
      });
    }
  });
});

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
