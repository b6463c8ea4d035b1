import assert from 'node:assert/strict';
import { readVersion } from '../../../cli/base/read-version.ts';
import { deriveCommitUrl } from '../../../cli/serve/commit-url.ts';
import { startLookasideHere } from '../../kit/program/lookaside-here.ts';
import { readStatus } from '../../kit/program/read-status.ts';
import { makeGitRemote } from '../../kit/remote/git-remote.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

describe('the page of a commit', () => {
  const github = 'https://github.com/team/signatures/commit/{commit}';
  const gitlab = 'https://gitlab.example.com/a/b/signatures/-/commit/{commit}';
  const sources: readonly (readonly [string, string | undefined])[] = [
    ['https://github.com/team/signatures.git', github],
    ['https://github.com/team/signatures', github],
    ['git@github.com:team/signatures.git', github],
    ['ssh://git@github.com/team/signatures.git/', github],
    ['ssh://git@ssh.github.com:443/team/signatures.git', github],
    ['https://oauth2:s3cret@github.com/team/signatures.git', github],
    ['https://gitlab.example.com/a/b/signatures.git', gitlab],
    ['git@gitlab.example.com:a/b/signatures.git', gitlab],
    ['ssh://git@gitlab.example.com:2222/a/b/signatures.git', gitlab],
    ['ssh://git@altssh.gitlab.com:443/a/s.git', 'https://gitlab.com/a/s/-/commit/{commit}'],
    ['http://gitea.local:3000/a/s', 'http://gitea.local:3000/a/s/commit/{commit}'],
    ['git@codeberg.org:a/s.git', 'https://codeberg.org/a/s/commit/{commit}'],
    ['https://forgejo.example.com/a/s.git', 'https://forgejo.example.com/a/s/commit/{commit}'],
    ['https://git.example.com/a/s.git', undefined],
    ['https://github.com/a/{commit}', undefined],
    ['https://github.com/a/s?x=y', 'https://github.com/a/s/commit/{commit}'],
    ['git@github-work:a/s.git', undefined],
    ['/srv/git/github.com/s.git', undefined],
    ['file:///srv/git/github.com/s.git', undefined],
    ['signatures', undefined],
  ];
  for (const [source, expected] of sources) {
    it(`of ${source} is ${expected ?? 'not known'}`, () => {
      assert.equal(deriveCommitUrl(source), expected);
    });
  }
});

describeWith(['git'], 'serve', () => {
  const directory = useTemporary();
  it('links commits to the page that --commit-url names', async () => {
    const remote = await makeGitRemote();
    await remote.publish({ 'README.md': 'signatures' });
    const commitUrl = 'https://git.example.com/team/signatures/commit/{commit}';
    const server = await startLookasideHere(remote.path, [
      '--commit-url',
      commitUrl,
      '--state-dir',
      directory(),
    ]);
    const { generation } = await readStatus(server);
    const page = await (await fetch(server.statusUrl)).text();
    await server.stop();
    await remote.remove();
    const link = commitUrl.replace('{commit}', generation?.commit ?? '');
    assert.ok(page.includes(`href="${link}"`));
    assert.match(page, new RegExp(`Lookaside ${readVersion()}, Node ${process.version}`));
  });
});
