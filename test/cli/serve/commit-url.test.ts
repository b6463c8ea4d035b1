import assert from 'node:assert/strict';
import { deriveCommitUrl } from '../../../cli/serve/commit-url.ts';

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
