// What `lookaside explain` takes. That it is right about nodes is for test/e2e.
import assert from 'node:assert/strict';
import { useTemporary } from '../../kit/temporary.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { type Expected, assertUsageError } from './assert-usage-error.ts';

const HEX = 'ab'.repeat(32);
/** At a registry that nobody reaches. */
const BY_DIGEST = `127.0.0.1:1/team/app@sha256:${HEX}`;

describe('lookaside explain', () => {
  const directory = useTemporary();

  describe('complains', () => {
    const DIGITS = '0'.repeat(128);
    const cases: Readonly<Record<string, readonly [readonly string[], Expected]>> = {
      'of no IMAGE': [[], { message: /^missing required argument 'IMAGE'$/ }],
      'of an IMAGE that is none': [
        ['quay.io/Team/app', '.'],
        {
          message: /^expected an image, got "quay\.io\/Team\/app": repositories are in lower case$/,
          hint: /^hint: write quay\.io\/team\/app$/,
        },
      ],
      'of an empty IMAGE': [['', '.'], { message: /^expected an image, got ""$/ }],
      'of an IMAGE that looks like a flag': [
        ['--', '--x', '.'],
        { message: /^expected an image, got "--x"$/ },
      ],
      'of a URL for an IMAGE': [
        ['https://quay.io/Team/app:v1', '.'],
        {
          message:
            /^expected an image, got "https:\/\/quay\.io\/Team\/app:v1": names have no scheme$/,
          hint: /^hint: write quay\.io\/team\/app:v1$/,
        },
      ],
      ...Object.fromEntries(
        ['containers-storage:foo', 'docker-daemon:foo:v1'].map((name) => [
          `of a local image, ${name}`,
          [
            [name, '.'],
            {
              message:
                /^expected an image in a registry, got ".*", which lies on the machine: no signatures are looked up for it$/,
              hint: /the name under which nodes pull it/,
            },
          ] as const,
        ]),
      ),
      'of a directory that is not there and IMAGE swapped': [
        ['nodir', `quay.io/team/app@sha256:${HEX}`],
        {
          message: /^expected IMAGE before SOURCE, got "nodir" before "quay\.io\/team\/app@sha256:/,
          hint: /^hint: write lookaside explain 'quay\.io\/team\/app@sha256:[0-9a-f]{64}' 'nodir'$/,
        },
      ],
      'of IMAGE and SOURCE swapped': [
        ['.', 'quay.io/team/app:v1'],
        {
          message: /^expected IMAGE before SOURCE, got "\." before "quay\.io\/team\/app:v1"$/,
          hint: /^hint: write lookaside explain 'quay\.io\/team\/app:v1' '\.'$/,
        },
      ],
      'of a URL and IMAGE swapped': [
        ['https://git.example/signatures.git', 'docker://quay.io/team/app:v1'],
        {
          message:
            /^expected IMAGE before SOURCE, got "https:\/\/git\.example\/signatures\.git" before /,
          hint: /^hint: write lookaside explain 'docker:\/\/quay\.io\/team\/app:v1' 'https:\/\/git\.example\/signatures\.git'$/,
        },
      ],
      'of a digest without a name': [
        [`sha256:${HEX}`, '.'],
        {
          message:
            /^expected an image, got the digest "sha256:[0-9a-f]{64}" without the name of its image$/,
          hint: /^hint: put the name before it, as in a pull: quay\.io\/team\/app@sha256:[0-9a-f]{64}$/,
        },
      ],
      'of bare hexadecimal digits': [
        [HEX, '.'],
        {
          message:
            /^expected an image, got the digest "[0-9a-f]{64}" without the name of its image$/,
        },
      ],
      'of an image that no node pulls': [
        ['oci:layout:v1', '.'],
        {
          message: /^expected an image in a registry, got "oci:layout:v1", which no node pulls$/,
          hint: /as in a pull/,
        },
      ],
      'of a digest that nodes do not know': [
        [`quay.io/a@sha512:${DIGITS}`, '.'],
        { message: /^expected a sha256 digest, got sha512:0+$/ },
      ],
      'of no place to look': [
        [BY_DIGEST],
        { message: /^explain needs a place to look/, hint: /SOURCE, or --server/ },
      ],
      'of two places': [
        [BY_DIGEST, '.', '--server', '.'],
        { message: /^--server and SOURCE both say where to look$/, hint: /give one of them/ },
      ],
      'of a format that it does not know': [
        [BY_DIGEST, '.', '--format', 'junit'],
        {
          message: /^explain does not support the format junit$/,
          hint: /--format text or --format json/,
        },
      ],
      'of a platform that is none': [
        [BY_DIGEST, '.', '--platform', 'amd64'],
        { message: /^--platform: expected OS\/ARCH/ },
      ],
      'of a password in the address': [
        [BY_DIGEST, '--server', 'http://me:s3cret@127.0.0.1:8081'],
        { message: /^--server: expected no user name or password in the URL$/ },
      ],
      'of an address that is none': [
        [BY_DIGEST, '--server', 'http://'],
        { message: /^--server: expected a URL, got "http:\/\/"$/, hint: /--status-listen/ },
      ],
      'of an address without a scheme': [
        [BY_DIGEST, '--server', '127.0.0.1:8081'],
        {
          message: /^--server: expected a URL, got "127\.0\.0\.1:8081"$/,
          hint: /^hint: write http:\/\/127\.0\.0\.1:8081$/,
        },
      ],
      'of a query in the address': [
        [BY_DIGEST, '--server', 'http://127.0.0.1:8081/?x'],
        { message: /^--server: expected no query and no fragment in the URL$/ },
      ],
      'of a fragment in the address': [
        [BY_DIGEST, '--server', 'http://127.0.0.1:8081/#x'],
        { message: /^--server: expected no query and no fragment in the URL$/ },
      ],
      'of no platform': [
        [BY_DIGEST, '.', '--platform', ''],
        { message: /^--platform: expected OS\/ARCH or OS\/ARCH\/VARIANT, got ""$/ },
      ],
      'of keys that are not there, before it asks the registry': [
        ['127.0.0.1:1/a:b', '.', '--keys', '/nowhere/at/all'],
        { message: /\/nowhere\/at\/all/ },
      ],
      'of a SOURCE that is not there, before it asks the registry': [
        ['127.0.0.1:1/a:b', '/nowhere/at/all'],
        { message: /no such directory$/ },
      ],
      'of keys for a server': [
        [BY_DIGEST, '--server', 'http://127.0.0.1:1', '--keys', 'x'],
        { message: /^--keys has no effect with a running server$/, hint: /leave it out/ },
      ],
      'of a SOURCE that is not there': [
        [BY_DIGEST, '--server', '/nowhere/at/all'],
        { message: /no such directory$/ },
      ],
    };
    for (const [title, [args, expected]] of Object.entries(cases)) {
      it(title, async () => assertUsageError(await runInProcess(['explain', ...args]), expected));
    }
  });

  it('takes the transport off the name of an image', async () => {
    const plain = await runInProcess(['explain', BY_DIGEST, directory()]);
    for (const transport of [
      'docker://',
      'docker-daemon:',
      'containers-storage:',
      'containers-storage:[overlay@/var/lib/containers/storage+/run]',
    ]) {
      const { code, stdout } = await runInProcess(['explain', transport + BY_DIGEST, directory()]);
      assert.equal(stdout.toString(), plain.stdout.toString(), transport);
      assert.equal(code, 1);
    }
  });

  it('looks into SOURCE whatever else the environment says', async () => {
    const environment = { LOOKASIDE_SERVER: 'http://127.0.0.1:1' };
    const { code, stdout } = await runInProcess(['explain', BY_DIGEST, directory()], environment);
    assert.equal(code, 1);
    assert.ok(stdout.includes(`\nsource:     ${directory()}\n`));
    const asked = await runInProcess(['explain', BY_DIGEST], environment);
    assertUsageError(asked, { message: /^cannot ask the server at / });
  });
});
