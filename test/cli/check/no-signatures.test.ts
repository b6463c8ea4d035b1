import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { type Publisher, makePublisher } from '../../kit/signer/publisher.ts';
import { writeSignature } from '../../kit/signer/signature-tree.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const WARNING =
  'nothing here could be a signature: no file lies where nodes look, in REPOSITORY@sha256=HEX/signature-N (see --path and --branch)';

describeWith(['gpg', 'gpgv', 'git'], 'check: a tree without signatures', () => {
  const directory = useTemporary();
  let publisher: Publisher;
  const at = (...names: string[]): string => join(directory(), ...names);
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());
  const check = async (source: string, ...args: readonly string[]) =>
    runLookaside(['check', source, '--keys', publisher.keyFile, ...args]);

  it('is a warning, and with --strict a fault', async () => {
    await mkdir(at('empty'));
    await mkdir(at('readme'));
    await writeFile(at('readme', 'README.md'), 'x');
    for (const [source, summary] of [
      [at('empty'), '0 files: 0 accepted, 0 rejected, 0 ignored'],
      [at('readme'), '1 files: 0 accepted, 0 rejected, 1 ignored'],
    ] as const) {
      const lax = await check(source);
      assert.equal(lax.stdout, `warning: ${WARNING}\ngood: ${summary}\n`);
      assert.equal(lax.code, 0);
      const strict = await check(source, '--strict');
      assert.equal(strict.stdout, `warning: ${WARNING}\nfaults: ${summary}\n`);
      assert.equal(strict.code, 1);
    }
  });

  it('is told in reports for machines', async () => {
    for (const [format, said] of [
      ['github', `::error title=no-signatures::${WARNING}`],
      ['sarif', JSON.stringify(WARNING)],
      ['junit', `<failure type="no-signatures" message="${WARNING}">`],
    ] as const) {
      const { stdout, code } = await check(directory(), '--strict', '--format', format);
      assert.ok(stdout.includes(said), stdout);
      assert.equal(code, 1);
    }
  });

  it('is none where signatures are', async () => {
    const claims = { dockerReference: 'registry.example/team/app:v1', manifestDigest: DIGEST };
    const signature = await publisher.signer.sign(publisher.key, claims);
    await writeSignature(
      directory(),
      { repository: 'team/app', digest: DIGEST, number: 1 },
      signature,
    );
    const { stdout, code } = await check(directory(), '--strict');
    assert.equal(stdout, 'good: 1 files: 1 accepted, 0 rejected, 0 ignored\n');
    assert.equal(code, 0);
  });

  it('is not what a bare repository of any name is: git reads it', async () => {
    const claims = { dockerReference: 'registry.example/team/app:v1', manifestDigest: DIGEST };
    const signature = await publisher.signer.sign(publisher.key, claims);
    const place = { repository: 'team/app', digest: DIGEST, number: 1 };
    await writeSignature(at('work'), place, signature);
    const git = async (...args: readonly string[]) => runOrThrow('git', args, { cwd: at('work') });
    await git('init', '-q', '-b', 'main');
    await git('add', '.');
    await git('-c', 'user.name=A', '-c', 'user.email=a@example.test', 'commit', '-qm', 'Add');
    await git('clone', '-q', '--bare', '.', at('signatures'));
    const { stdout, code } = await check(at('signatures'), '--format', 'json');
    const { source, summary } = JSON.parse(stdout) as { source: { kind: string }; summary: object };
    assert.equal(source.kind, 'git');
    assert.deepEqual(summary, { accepted: 1, unverified: 0, rejected: 0, ignored: 0 });
    assert.equal(code, 0);
  });
});
