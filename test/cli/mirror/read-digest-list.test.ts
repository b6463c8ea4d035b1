// Lists of digests in the forms of other programs.
import assert from 'node:assert/strict';
import { parseDigestList } from '../../../cli/mirror/read-digest-list.ts';
import { UsageError } from '../../../cli/base/usage-error.ts';
import { formatReference } from '../../../generator/policy/signed-identity.ts';

const [A, B] = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`);

/** What was read, a line each: image, digest, and the name here. */
function read(text: string): readonly string[] {
  return parseDigestList(text, 'list').listed.map(({ image, copy, digestHex }) =>
    [image && formatReference(image), `sha256:${digestHex}`, copy && formatReference(copy)]
      .filter((part) => part !== undefined)
      .join(' '),
  );
}

const POD = (...ids: readonly string[]) => ({
  kind: 'Pod',
  status: { containerStatuses: ids.map((imageID) => ({ name: 'x', imageID })) },
});

describe('a list of digests', () => {
  const forms: readonly (readonly [what: string, text: string, listed: readonly string[]])[] = [
    [
      'images',
      `q.example/a@${A}\nq.example/b@${B}\n`,
      [`q.example/a@${A} ${A}`, `q.example/b@${B} ${B}`],
    ],
    [
      'images with a tag and a transport',
      `docker://q.example/a:1@${A}`,
      [`q.example/a:1@${A} ${A}`],
    ],
    [
      'several on a line',
      `q.example/a@${A} q.example/b@${B}`,
      [`q.example/a@${A} ${A}`, `q.example/b@${B} ${B}`],
    ],
    ['digests alone', `${A}\n${B}`, [`${A}`, `${B}`]],
    ['comments, empty lines and other line ends', `# all\r\n\r\n${A} # one\r\n`, [`${A}`]],
    ['a digest file of skopeo', `${A} docker://m.example/a:1\n`, [`m.example/a:1 ${A}`]],
    [
      'a mapping of oc-mirror',
      `docker://q.example/a@${A}=docker://m.example/x/a:1\ndocker://q.example/b@${B}=file://b\n`,
      [`q.example/a@${A} ${A} m.example/x/a:1`, `q.example/b@${B} ${B}`],
    ],
    [
      'a mapping of oc-mirror v1, to a registry and to a disk',
      `q.example/a@${A}=m.example:5000/x/a:1\nq.example/b@${B}=file://b=c:1\n`,
      [`q.example/a@${A} ${A} m.example:5000/x/a:1`, `q.example/b@${B} ${B}`],
    ],
    ['pods', JSON.stringify({ items: [POD(`q.example/a@${A}`)] }), [`q.example/a@${A} ${A}`]],
    [
      'one pod',
      JSON.stringify(POD(`docker-pullable://q.example/a@${A}`)),
      [`q.example/a@${A} ${A}`],
    ],
    [
      'a release, with the list that it is in',
      JSON.stringify({
        image: 'q.example/ocp-release:4',
        digest: A,
        listDigest: B,
        references: {},
      }),
      [`q.example/ocp-release:4 ${B}`, `q.example/ocp-release:4 ${A}`],
    ],
    [
      'a release without a list',
      JSON.stringify({ image: `q.example/r@${A}`, digest: A, listDigest: '' }),
      [`q.example/r@${A} ${A}`],
    ],
    ['nothing', '\n', []],
  ];
  for (const [what, text, listed] of forms) {
    it(`may be ${what}`, () => {
      assert.deepEqual(read(text), listed);
    });
  }

  it('counts what names no manifest', () => {
    const pods = { items: [POD('', A ?? '', `q.example/a@${B}`), { status: {} }] };
    assert.equal(parseDigestList(JSON.stringify(pods), 'list').passed, 2);
    const mapping = `docker://q.example/a:1=docker://m.example/a:1\n`;
    assert.deepEqual(parseDigestList(mapping, 'list'), { listed: [], passed: 1 });
  });

  const faults: readonly (readonly [what: string, text: string, said: RegExp])[] = [
    [
      'a tag',
      'q.example/a:1',
      /list:1: expected an image with a sha256 digest, got "q.example\/a:1"/,
    ],
    ['half a digest', `${A}\nq.example/a@sha256:abc`, /list:2: expected an image/],
    ['upper case', `sha256:${'A'.repeat(64)}`, /list:1: expected/],
    ['another algorithm', `q.example/a@sha512:${'a'.repeat(128)}`, /list:1: expected/],
    ['a mapping to nowhere', `q.example/a@${A}=`, /list:1: expected/],
    ['a directory of a store', `q.example/a@sha256=${'a'.repeat(64)}`, /list:1: expected/],
    ['a third side', `docker://q.example/a@${A}=docker://b/c=docker://d/e`, /list:1: expected/],
    ['a web page', '<html>', /list:1: expected/],
    ['commands of a terminal', '\u001b[2J', /list:1: expected an image .* got "\\u001b\[2J"/],
    ['other JSON', '{"kind":"List"}', /list: expected a list of pods or a release, got other JSON/],
    ['broken JSON', '{"items":[', /list: expected a list of pods or a release, got other JSON/],
  ];
  for (const [what, text, said] of faults) {
    it(`is not ${what}`, () => {
      assert.throws(
        () => read(text),
        (error) =>
          error instanceof UsageError && said.test(error.message) && error.hint !== undefined,
      );
    });
  }
});
