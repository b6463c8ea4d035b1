import assert from 'node:assert/strict';
import { formatReference } from '../../../generator/policy/signed-identity.ts';
import { parsePulledImage } from '../../../generator/terms/pulled-image.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

describe('generator: the name of an image that is pulled', () => {
  const full: Readonly<Record<string, string>> = {
    app: 'docker.io/library/app:latest',
    'team/app': 'docker.io/team/app:latest',
    'index.docker.io/team/app:v1': 'docker.io/team/app:v1',
    'quay.io/team/app': 'quay.io/team/app:latest',
    'quay.io/team/app:v1': 'quay.io/team/app:v1',
    'localhost:5000/app': 'localhost:5000/app:latest',
    [`app@${DIGEST}`]: `docker.io/library/app@${DIGEST}`,
    [`quay.io/team/app:v1@${DIGEST}`]: `quay.io/team/app@${DIGEST}`,
  };
  for (const [name, expected] of Object.entries(full)) {
    it(`${name} is ${expected}`, () => {
      const image = parsePulledImage(name) ?? assert.fail();
      assert.equal(formatReference(image), expected);
    });
  }

  it('is not anything', () => {
    for (const name of ['', ' ', 'App', 'a:', 'a@sha256:ab', 'docker://a', 'ab'.repeat(32), '-a']) {
      assert.equal(parsePulledImage(name), undefined, name);
    }
  });
});
