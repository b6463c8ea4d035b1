import assert from 'node:assert/strict';
import { DEFAULT_IDENTITY, matchesIdentity } from '../../../generator/policy/signed-identity.ts';
import {
  type DockerReference,
  parseDockerReference,
  parsePulledImage,
} from '../../../generator/terms/image-name.ts';
import { chooseIdentity } from '../../../signing/sign/statement.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const APP = 'quay.io/team/app';

const parse = (text: string): DockerReference => parseDockerReference(text) ?? assert.fail(text);

describe('the name that an image is signed under', () => {
  const cases: readonly [image: string, as: string | undefined, identity: string][] = [
    [`${APP}:v1`, undefined, `${APP}:v1`],
    [`${APP}:v1@${DIGEST}`, undefined, `${APP}:v1`],
    [`${APP}@${DIGEST}`, undefined, `${APP}@${DIGEST}`],
    ['localhost:5000/x:v1', APP, `${APP}:v1`],
    ['localhost:5000/x:v1', `${APP}:v2`, `${APP}:v2`],
    [`localhost:5000/x:v1@${DIGEST}`, APP, `${APP}:v1`],
    [`localhost:5000/x@${DIGEST}`, APP, `${APP}@${DIGEST}`],
    [`localhost:5000/x@${DIGEST}`, `${APP}:v2`, `${APP}:v2`],
    ['busybox:1', undefined, 'docker.io/library/busybox:1'],
  ];
  for (const [image, as, expected] of cases) {
    it(`for ${image}${as === undefined ? '' : ` as ${as}`} is ${expected}`, () => {
      const other = as === undefined ? undefined : parse(as);
      const identity = chooseIdentity(parse(image), other);
      assert.equal(identity, expected);
      // Nodes that pull it under this name take it.
      const pulled = other ? identity : image;
      const asked = parsePulledImage(pulled) ?? assert.fail();
      assert.ok(matchesIdentity(DEFAULT_IDENTITY, asked, parse(identity)));
    });
  }
});
