// Files on the disk that change in all the ways in which people and programs replace them.
import assert from 'node:assert/strict';
import { copyFile, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSettings } from '../../../cli/base/read-settings.ts';
import { LastGoodKeys } from '../../../cli/serve/last-good-keys.ts';
import { ReloadableFiles } from '../../../cli/serve/reloadable-files.ts';
import { listKeyFaults } from '../../../generator/policy/key-faults.ts';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { Reload } from '../../../server/reload/reload.ts';
import type { Reloadable } from '../../../server/reload/in-force.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { eventually } from '../../kit/eventually.ts';
import { KubeletVolume } from '../../kit/process/kubelet-volume.ts';
import { EXAMPLE } from '../../kit/server/example-server.ts';
import { captureLines } from '../../kit/server/captured-lines.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { makeCertificate } from '../../kit/web/certificate.ts';
import { describeWith } from '../../with-tools.ts';

/** Milliseconds. */
const INTERVAL = 20;
const SETTLING = 200;
const KEYS = join(EXAMPLE, 'keys');
const ignore = (): void => undefined;

describeWith(['openssl'], 'files of a server that are replaced while it runs', () => {
  const directory = useTemporary();
  const certificates = useTemporary('suite');
  let one: NonNullable<Reloadable['tls']>;
  let other: NonNullable<Reloadable['tls']>;
  let inForce: Reloadable;
  let troubles: Troubles;
  let reload: Reload | undefined;
  before(async () => {
    one = await makeCertificate(certificates(), 'one.example');
    other = await makeCertificate(certificates(), 'other.example');
  });
  afterEach(() => reload?.stop());

  const at = (...names: readonly string[]): string => join(directory(), ...names);
  const start = async (flags: Readonly<Record<string, unknown>>): Promise<void> => {
    const settings = await readSettings(flags, {}, 'serve');
    const keys = new LastGoodKeys({
      path: at('keys.state'),
      source: 'a source',
      onUnreadable: ignore,
      onUnwritable: ignore,
      onWritten: ignore,
    });
    const files = new ReloadableFiles({ settings, keys, onPolicy: async () => undefined });
    inForce = await files.read();
    await keys.keep();
    troubles = new Troubles(() => new Date());
    reload = new Reload({
      parts: files.parts,
      troubles,
      log: createProgramLog(captureLines().stream),
      interval: INTERVAL,
      settling: SETTLING,
    });
    reload.start({
      reload: (next) => (inForce = { ...inForce, ...next }),
      noteUnusable: ignore,
      judgeAnew: ignore,
    });
  };
  const assertSecret = async (secret: string): Promise<void> =>
    eventually(() => assert.deepEqual(inForce.webhookSecrets, [secret]));
  const fingerprints = (): readonly string[] =>
    (inForce.policy.keyring?.keys ?? []).map(({ fingerprint }) => fingerprint);

  const replaced: Readonly<Record<string, (file: string) => Promise<void>>> = {
    'by renaming another over them': async (file) => {
      await writeFile(`${file}.new`, 'two\n');
      await rename(`${file}.new`, file);
    },
    'by writing them anew in place, with as many bytes': async (file) => writeFile(file, 'two\n'),
    'by moving them away first': async (file) => {
      await rename(file, `${file}.old`);
      await sleep(2 * INTERVAL);
      await writeFile(`${file}.new`, 'two\n');
      await rename(`${file}.new`, file);
    },
    'piece by piece': async (file) => {
      const written = await open(file, 'w');
      for (const piece of ['t', 'w', 'o']) {
        await written.write(piece);
        await sleep(INTERVAL);
      }
      await written.close();
    },
  };
  for (const [how, replace] of Object.entries(replaced)) {
    it(`are read again when somebody replaces them ${how}, and never half`, async () => {
      await writeFile(at('secret'), 'one\n');
      await start({ 'webhook-secret-file': at('secret') });
      const seen = new Set(inForce.webhookSecrets);
      const watching = setInterval(() => seen.add(inForce.webhookSecrets.join()), 1);
      await replace(at('secret'));
      await assertSecret('two');
      clearInterval(watching);
      seen.add(inForce.webhookSecrets.join());
      assert.deepEqual([...seen], ['one', 'two']);
      assert.deepEqual(troubles.list(), []);
    });
  }

  it('are read again when kubelet replaces the volume that they lie in', async () => {
    const volume = new KubeletVolume(at('volume'));
    await volume.write({ secret: 'one\n' });
    await start({ 'webhook-secret-file': volume.at('secret') });
    await volume.write({ secret: 'two\n' });
    await assertSecret('two');
    await volume.write({ secret: 'six\n' });
    await assertSecret('six');
  });

  it('hold up no others: the new secret comes into force beside a certificate without its key', async () => {
    const volume = new KubeletVolume(at('volume'));
    await volume.write({ 'tls.crt': one.cert, 'tls.key': one.key, secret: 'one\n' });
    await start({
      'webhook-secret-file': volume.at('secret'),
      'tls-cert': volume.at('tls.crt'),
      'tls-key': volume.at('tls.key'),
    });
    await volume.write({ 'tls.crt': other.cert, 'tls.key': one.key, secret: 'two\n' });
    await assertSecret('two');
    await eventually(() =>
      assert.match(troubles.list()[0]?.message ?? '', /--tls-cert .* --tls-key .* mismatch/),
    );
    assert.deepEqual(inForce.tls, one);
    await volume.write({ 'tls.crt': other.cert, 'tls.key': other.key, secret: 'two\n' });
    await eventually(() => assert.deepEqual(inForce.tls, other));
    assert.deepEqual(troubles.list(), []);
  });

  it('are read again when a directory of keys gains one or loses one', async () => {
    await mkdir(at('keys'));
    await copyFile(join(KEYS, 'release.asc'), at('keys/release.asc'));
    await start({ keys: [at('keys')] });
    const [release] = fingerprints();
    await copyFile(join(KEYS, 'platform.asc'), at('keys/platform.asc'));
    await eventually(() => assert.equal(fingerprints().length, 2));
    await rm(at('keys/platform.asc'));
    await eventually(() => assert.deepEqual(fingerprints(), [release]));
  });

  it('are the keys that a policy names too, and the policy itself', async () => {
    const name = async (file: string): Promise<void> => {
      const rule = { type: 'signedBy', keyType: 'GPGKeys', keyPath: `/${file}` };
      await writeFile(at('policy.json'), JSON.stringify({ default: [rule] }));
    };
    await copyFile(join(KEYS, 'release.asc'), at('team.asc'));
    await copyFile(join(KEYS, 'security.asc'), at('more.asc'));
    await name('team.asc');
    await start({ policy: at('policy.json'), 'policy-root': directory() });
    const [release] = fingerprints();
    await copyFile(join(KEYS, 'platform.asc'), at('team.asc'));
    await eventually(() => assert.notEqual(fingerprints()[0], release));
    const [platform] = fingerprints();
    await name('more.asc');
    await eventually(() => assert.ok(![release, platform].includes(fingerprints()[0])));
    await writeFile(at('policy.json'), '{');
    await eventually(() => assert.match(troubles.list()[0]?.message ?? '', /policy\.json/));
    const [security] = fingerprints();
    await copyFile(join(KEYS, 'platform.asc'), at('more.asc'));
    await eventually(() => assert.notDeepEqual(fingerprints(), [security]));
    assert.deepEqual(fingerprints(), [platform]);
    assert.match(troubles.list()[0]?.message ?? '', /policy\.json/);
    await name('more.asc');
    await eventually(() => assert.deepEqual(troubles.list(), []));
    assert.deepEqual(fingerprints(), [platform]);
  });

  it('let good keys stay in force when their file is broken', async () => {
    await copyFile(join(KEYS, 'release.asc'), at('team.asc'));
    await start({ keys: [at('team.asc')] });
    const good = fingerprints();
    await writeFile(at('team.asc'), '<!DOCTYPE html>');
    await eventually(() =>
      assert.match(listKeyFaults(inForce.policy)[0]?.message ?? '', /team\.asc.*stay in force$/),
    );
    assert.deepEqual(fingerprints(), good);
    await copyFile(join(KEYS, 'release.asc'), at('team.asc'));
    await eventually(() => assert.deepEqual(listKeyFaults(inForce.policy), []));
  });
});
