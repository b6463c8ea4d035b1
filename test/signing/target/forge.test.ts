import assert from 'node:assert/strict';
import { guessForge, parseHosted } from '../../../signing/target/forge.ts';

const URLS: readonly (readonly [url: string, expected: string | undefined])[] = [
  ['https://github.com/org/signatures.git', 'https://github.com org/signatures github'],
  ['git@github.com:org/signatures.git', 'https://github.com org/signatures github'],
  ['ssh://git@gitlab.example:2222/a/b/signatures', 'https://gitlab.example a/b/signatures gitlab'],
  ['http://127.0.0.1:3000/org/signatures.git/', 'http://127.0.0.1:3000 org/signatures unknown'],
  ['https://codeberg.org/org/signatures', 'https://codeberg.org org/signatures gitea'],
  ['git.gitea.example:org/signatures', 'https://git.gitea.example org/signatures gitea'],
  ['https://git.example/x', 'https://git.example x unknown'],
  ['/srv/signatures.git', undefined],
  ['file:///srv/signatures.git', undefined],
];

describe('a git host', () => {
  for (const [url, expected] of URLS) {
    it(`is known by ${url}`, () => {
      const hosted = parseHosted(url);
      const got = hosted && `${hosted.origin} ${hosted.path} ${guessForge(hosted) ?? 'unknown'}`;
      assert.equal(got, expected);
    });
  }
});
