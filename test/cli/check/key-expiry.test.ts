// One date for the end of a key, wherever it is told.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckReport } from '../../../generator/store/report.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { useLookaside } from '../../kit/program/use-lookaside.ts';
import { PUSHER } from '../../kit/push/push-world.ts';
import { writeSignature } from '../../kit/signer/signature-tree.ts';
import { makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const DAY = 86_400_000;

describeWith(['gpg', 'git'], 'the end of a key whose subkey signs, and ends sooner', () => {
  const directory = useTemporary();
  const servers = useLookaside();

  it('is that of the subkey on the status page, and for a proposal that it has signed', async () => {
    const signer = await makeSigner();
    try {
      const key = await signer.makeKey({ algorithm: 'ed25519', expires: '300d' });
      const file = join(directory(), 'key.asc');
      const gpg = ['--homedir', signer.home, '--batch', '--passphrase', ''];
      const add = ['--quick-add-key', key.fingerprint, 'ed25519', 'sign', '20d'];
      await runOrThrow('gpg', [...gpg, ...add]);
      await signer.exportKeys(file, key);
      const place = join(directory(), 'sigs');
      const git = async (...args: readonly string[]) =>
        runOrThrow('git', ['-C', place, ...args], { env: PUSHER });
      await mkdir(place);
      await git('init', '--quiet');
      await git('commit', '--quiet', '--allow-empty', '-m', 'nothing');
      const { stdout: listed } = await runOrThrow('gpg', [
        ...gpg,
        '--with-colons',
        '--with-subkey-fingerprint',
        '--list-keys',
      ]);
      const [, , signingFingerprint = ''] = /^(sub):[^]*?^fpr:+([0-9A-F]+):/m.exec(listed) ?? [];
      const digest = `sha256:${'ab'.repeat(32)}`;
      const claims = { dockerReference: 'a.example/team/app:1', manifestDigest: digest };
      const signature = await signer.sign({ ...key, signingFingerprint }, claims);
      await writeSignature(place, { repository: 'team/app', digest, number: 1 }, signature);
      await git('add', '--all');
      await git('commit', '--quiet', '-m', 'signed');
      const args = ['check', place, '--base', 'HEAD~1', `--keys=${file}`, '--format=json'];
      const { stdout } = await runInProcess(args);
      const report = JSON.parse(stdout.toString()) as CheckReport;
      const left = (Date.parse(report.keys[0]?.expires ?? '') - Date.now()) / DAY;
      assert.ok(left > 19 && left <= 20, stdout.toString());
      const server = await servers.startHere(place, [`--keys=${file}`]);
      const page = await (await fetch(`${server.statusUrl}/`)).text();
      assert.match(page, /expires in 19 days/);
    } finally {
      await signer.stop();
    }
  });
});

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
