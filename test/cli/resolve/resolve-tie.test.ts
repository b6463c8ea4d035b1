// Two digests that were signed for a tag in the same second: git says which came later.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { makeGitRemote } from '../../kit/remote/git-remote.ts';
import { formatLocation } from '../../kit/signer/signature-tree.ts';
import { makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';

const IMAGE = 'registry.example.com/team/app:1.0';
const MADE_AT = new Date('2026-01-01T00:00:00Z');

describe('lookaside resolve', () => {
  const directory = useTemporary();

  it('takes what the later commit brought of two that were signed in the same second', async () => {
    const [signer, remote] = await Promise.all([makeSigner(), makeGitRemote()]);
    try {
      const key = await signer.makeKey({ algorithm: 'ed25519', at: MADE_AT });
      const keyFile = await signer.exportKeys(join(directory(), 'key.asc'), key);
      const manifests = join(directory(), 'manifests');
      await mkdir(manifests);
      const digests: string[] = [];
      for (const [at, name] of ['first', 'second'].entries()) {
        const manifest = JSON.stringify({ schemaVersion: 2, name });
        await writeFile(join(manifests, name), manifest);
        const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
        digests.push(digest);
        const claims = { dockerReference: IMAGE, manifestDigest: digest };
        const bytes = await signer.sign(key, claims, { at: MADE_AT });
        const date = `2026-02-0${at + 1}T00:00:00Z`;
        await mkdir(join(remote.work, `team/app@${digest.replace(':', '=')}`), { recursive: true });
        await writeFile(join(remote.work, formatLocation('team/app', digest, 1)), bytes);
        await remote.git('add', '--all');
        const commit = ['commit', '--quiet', '--message', name, '--date', date];
        await remote.git('-c', `user.name=${name}`, ...commit);
      }
      // Commits tell time in seconds, and these two may be of one.
      await remote.git('rebase', '--quiet', '--root', '--committer-date-is-author-date');
      await remote.push('--force');
      const args = [remote.fileUrl, '--keys', keyFile, '--manifests', manifests];
      const run = await runInProcess(['resolve', IMAGE, ...args, '--format', 'json'], process.env);
      const [{ reference, others }] = JSON.parse(run.stdout.toString()).images;
      assert.equal(reference, `${IMAGE}@${digests[1]}`);
      assert.match(others[0].commit, /^[0-9a-f]{40}$/);
    } finally {
      await Promise.all([signer.stop(), remote.remove()]);
    }
  });
});
