import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatReference } from '../../../generator/policy/signed-identity.ts';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import { type Renaming, renameImage } from '../../../signing/stage/renaming.ts';

function rename(name: string, ...renamings: readonly string[]): string | undefined {
  const image = parseDockerReference(name);
  assert.ok(image, name);
  const all = renamings.map((text): Renaming => {
    const [from = '', to = ''] = text.split('=');
    return { from, to };
  });
  const renamed = renameImage(image, all);
  return renamed && formatReference(renamed);
}

describe('the name of an image in the next stage', () => {
  const GOOD: readonly (readonly [string, string, string])[] = [
    ['dev.example/team/app:1', 'dev.example=example.com', 'example.com/team/app:1'],
    ['dev.example/team/app:1', 'dev.example/team=b.example:5000/x/y', 'b.example:5000/x/y/app:1'],
    ['dev.example/team/app:1', 'dev.example/team/app=b.example/app', 'b.example/app:1'],
    ['127.0.0.1:5000/app:1', '127.0.0.1:5000=b.example/dev', 'b.example/dev/app:1'],
    ['app:1', 'docker.io/library=b.example/mirror', 'b.example/mirror/app:1'],
    ['dev.example/app:1', 'dev.example=dev.example', 'dev.example/app:1'],
  ];
  for (const [name, renaming, renamed] of GOOD) {
    it(`of ${name} by ${renaming} is ${renamed}`, () => {
      assert.equal(rename(name, renaming), renamed);
    });
  }

  it('goes by the longest FROM, wherever it stands', () => {
    const both = ['dev.example=a.example', 'dev.example/team=b.example'];
    assert.equal(rename('dev.example/team/app:1', ...both), 'b.example/app:1');
    assert.equal(rename('dev.example/team/app:1', ...both.toReversed()), 'b.example/app:1');
    assert.equal(rename('dev.example/teams/app:1', ...both), 'a.example/teams/app:1');
  });

  it('is none where nothing covers it, or no name comes of it', () => {
    assert.equal(rename('dev.example/app:1'), undefined);
    assert.equal(rename('dev.example:5000/app:1', 'dev.example=a.example'), undefined);
    assert.equal(rename('dev.example/app:1', 'dev.example/ap=a.example/b'), undefined);
    assert.equal(rename('dev.example/app:1', 'dev.example/app=a.example'), undefined);
    assert.equal(rename('dev.example/app:1', 'dev.example=a'), undefined);
  });

  it('keeps tag and digest, and the path below FROM', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const path = fc.array(component, { minLength: 1, maxLength: 3 });
    const tag = fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9.]{0,8}$/), { nil: undefined });
    const digest = fc.option(fc.constant(`sha256:${'ab'.repeat(32)}`), { nil: undefined });
    fc.assert(
      fc.property(path, path, path, tag, digest, (from, below, to, aTag, aDigest) => {
        const image = {
          host: 'dev.example',
          repository: [...from, ...below].join('/'),
          tag: aTag,
          digest: aDigest,
        };
        const renaming = {
          from: ['dev.example', ...from].join('/'),
          to: ['b.example', ...to].join('/'),
        };
        assert.deepEqual(renameImage(image, [renaming]), {
          ...image,
          host: 'b.example',
          repository: [...to, ...below].join('/'),
        });
      }),
    );
  });
});
