// What `lookaside explain` learns from a registry through skopeo, good and bad.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../kit/process/free-port.ts';
import { makePublisher, type Publisher } from '../../kit/signer/publisher.ts';
import { LOGIN, type Registry, startRegistry } from '../../kit/registry/registry.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { architecture } from '../../kit/registry/scratch-image.ts';
import { writeSignature } from '../../kit/signer/signature-tree.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { runInProcess } from '../../kit/program/run-in-process.ts';
import { type Expected, assertUsageError } from './assert-usage-error.ts';

const HEX = 'ab'.repeat(32);
const BY_DIGEST = `quay.io/team/app@sha256:${HEX}`;
const TAGGED = 'quay.io/team/app:v1';

/** What skopeo does when it fails. */
const fatal = (text: string) =>
  `printf '%s\\n' 'time="now" level=fatal msg=${JSON.stringify(text)}' >&2; exit 1`;

describe('lookaside explain', () => {
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), ...names);
  /** Runs with a skopeo that does this. */
  const explainWith = async (script: string, ...args: readonly string[]) => {
    await writeFile(at('skopeo'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return runInProcess(['explain', TAGGED, directory(), ...args], { PATH: directory() });
  };

  describe('asks skopeo', () => {
    const answers: Readonly<Record<string, readonly [said: string, Expected]>> = {
      'that must log in': [
        'reading manifest v1 in quay.io/team/app: unauthorized: access to the requested resource is not authorized',
        {
          message: /^quay\.io denies access to quay\.io\/team\/app:v1: unauthorized/,
          hint: /skopeo login quay\.io.*--authfile/,
        },
      ],
      'that finds nothing': [
        'reading manifest v1 in quay.io/team/app: manifest unknown',
        {
          message: /^quay\.io\/team\/app:v1 is not in the registry$/,
          hint: /skopeo list-tags docker:\/\/quay\.io\/team\/app`/,
        },
      ],
      'that reaches nobody': [
        'pinging container registry quay.io: Get "https://quay.io/v2/": dial tcp: lookup quay.io: no such host',
        { message: /^quay\.io does not answer: pinging/, hint: /by the digest/ },
      ],
      'that trusts nobody': [
        'pinging container registry quay.io: Get "https://quay.io/v2/": x509: certificate signed by unknown authority',
        { message: /^quay\.io is not trusted/, hint: /certs\.d\/quay\.io.*insecure = true/ },
      ],
      'that asks too much': [
        'reading manifest v1 in quay.io/team/app: toomanyrequests: You have reached your unauthenticated pull rate limit.',
        { message: /^quay\.io refuses more requests for now: toomany/, hint: /skopeo login/ },
      ],
      'that says what nobody knows': [
        'the moon is \u001b[2Jfull',
        { message: /^skopeo cannot read quay\.io\/team\/app:v1: the moon is \\u\{1b\}\[2Jfull$/ },
      ],
      'that says nothing': ['', { message: /^skopeo cannot read quay\.io\/team\/app:v1: $/ }],
      'with credentials that cannot be read': [
        'getting username and password: 1 error occurred:\n\t* reading JSON file "x": permission denied\n\n',
        { message: /^skopeo cannot read its credentials: getting .* denied$/, hint: /--authfile/ },
      ],
      'that has too much': [
        'exceeded maximum allowed size of 4194304 bytes',
        { message: /^the manifest of quay\.io\/team\/app:v1 is too large for any node: exceeded/ },
      ],
      'with a name that old ones do not know': [
        'invalid reference format',
        { message: /^this skopeo cannot parse quay\.io/, hint: /IPv6/ },
      ],
      'that answers with a status': [
        'StatusCode: 403, <html>',
        { message: /^quay\.io denies access to .*: StatusCode: 403, <html>$/ },
      ],
      'that answers with another status': [
        'invalid status code from registry 404 (Not Found)',
        { message: /^quay\.io\/team\/app:v1 is not in the registry: invalid status code .* 404 / },
      ],
      'that is broken': [
        'received unexpected HTTP status: 502 Bad Gateway',
        { message: /^quay\.io does not answer: received unexpected HTTP status: 502 / },
      ],
    };
    for (const [title, [said, expected]] of Object.entries(answers)) {
      it(title, async () => assertUsageError(await explainWith(fatal(said)), expected));
    }

    it('whose words count, not the name of the host', async () => {
      const script = fatal('pinging container registry denied.example: connection refused');
      await writeFile(at('skopeo'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const args = ['explain', 'denied.example/not-found:x509', '.'];
      assertUsageError(await runInProcess(args, { PATH: directory() }), {
        message: /^denied\.example does not answer: /,
      });
    });

    it('as Go quotes', async () => {
      const script = String.raw`printf '%s\n' 'level=fatal msg="a \x1b[2J \"b\" \\ \u202e"' >&2; exit 1`;
      assertUsageError(await explainWith(script), {
        message: /: a \\u\{1b\}\[2J "b" \\ \\u\{202e\}$/,
      });
    });

    it('that is not there', async () => {
      const result = await runInProcess(['explain', TAGGED, '.'], { PATH: directory() });
      assertUsageError(result, {
        message: /^skopeo, which asks the registry, cannot be run$/,
        hint: /install skopeo, or name the image by the digest/,
      });
    });

    it('of a digest only where it can', async () => {
      await writeFile(at('skopeo'), `#!/bin/sh\n${fatal('no such host')}\n`, { mode: 0o755 });
      for (const path of [directory(), '/nowhere']) {
        const args = ['explain', BY_DIGEST, directory(), '--format', 'json'];
        const { stdout } = await runInProcess(args, { PATH: path });
        const { registry, list, platforms } = JSON.parse(stdout.toString());
        const alone = ['not-asked', null, 1, `sha256:${HEX}`];
        assert.deepEqual([registry, list, platforms.length, platforms[0].digest], alone);
      }
    });

    it('of a digest for a few seconds', async () => {
      await writeFile(at('skopeo'), '#!/bin/sh\nexec /bin/sleep 600\n', { mode: 0o755 });
      const args = ['explain', BY_DIGEST, directory()];
      const { stdout } = await runInProcess(args, { PATH: directory() });
      assert.match(stdout.toString(), /\nThe registry was not asked\. /);
    });

    it('for too much, or for what is no manifest', async () => {
      const endless = await explainWith('while :; do echo 0123456789012345678901234567; done');
      assertUsageError(endless, { message: /too large for any node$/ });
      for (const output of ['', '<html>', '[]', '{}', '{"schemaVersion":"2"}', 'null']) {
        const result = await explainWith(`echo '${output}'`);
        assertUsageError(result, { message: /^expected a manifest for \S+, got something else$/ });
      }
    });

    it('for a list that no node can use', async () => {
      for (const manifests of ['[]', '[{"digest":"x","platform":{"os":"a","architecture":"b"}}]']) {
        const result = await explainWith(`echo '{"schemaVersion":2,"manifests":${manifests}}'`);
        assert.equal(result.code, 1);
        assert.match(result.stderr, /names no platform that a node could have\nhint: push/);
      }
    });

    it('for a list of ten thousand', async () => {
      const manifests = Array.from({ length: 10_000 }, (_, index) => ({
        digest: `sha256:${createHash('sha256').update(String(index)).digest('hex')}`,
        platform: { os: 'linux', architecture: `a${index}` },
      }));
      await writeFile(at('list'), JSON.stringify({ schemaVersion: 2, manifests }));
      const script = `while read -r line || [ "$line" ]; do echo "$line"; done <'${at('list')}'`;
      assertUsageError(await explainWith(script), {
        message: /has 10000 manifests, more than are read$/,
        hint: /--platform/,
      });
      assertUsageError(await explainWith(script, '--platform', 'linux/none'), {
        message: /lacks linux\/none$/,
        hint: /^hint: it has linux\/a0, .*linux\/a19, and 9980 more$/,
      });
      const one = await explainWith(script, '--platform', 'linux/a7', '--format', 'json');
      assert.equal(JSON.parse(one.stdout.toString()).platforms[0].platform, 'linux/a7');
    });

    it('and wants the bytes of the digest', async () => {
      const args = ['explain', BY_DIGEST, '.', '--platform', 'linux/amd64'];
      await writeFile(at('skopeo'), `#!/bin/sh\necho '{"schemaVersion":2}'\n`, { mode: 0o755 });
      assertUsageError(await runInProcess(args, { PATH: directory() }), {
        message: new RegExp(`^expected the manifest with sha256:${HEX}, got one with sha256:`),
        hint: /mirror/,
      });
    });
  });

  describeWith(['skopeo', 'docker-registry', 'gpg'], 'with a private registry', () => {
    let registry: Registry;
    let publisher: Publisher;
    before(async () => {
      [registry, publisher] = await Promise.all([
        startRegistry({ isPrivate: true }),
        makePublisher(),
      ]);
    });
    after(async () => {
      await Promise.all([registry.stop(), publisher.stop()]);
    });

    it('goes by the credentials that it is given', async () => {
      const { reference, digest } = await registry.pushImage({ repository: 'a/b', tag: 'v1' });
      const claims = { dockerReference: reference, manifestDigest: digest };
      const bytes = await publisher.signer.sign(publisher.key, claims);
      await writeSignature(directory(), { repository: 'a/b', digest, number: 1 }, bytes);
      const environment = { PATH: process.env['PATH'], HOME: directory() };
      const explain = async (name: string, ...args: readonly string[]) => {
        const all = ['explain', name, directory(), '--keys', publisher.keyFile, ...args];
        return runInProcess(all, environment);
      };
      assertUsageError(await explain(reference), {
        message: new RegExp(`^${registry.host} denies access to ${reference}: unauthorized`),
        hint: /--authfile/,
      });
      const authfile = at('auth.json');
      const login = ['login', '--tls-verify=false', '--authfile', authfile, '--username'];
      const words = [...login, LOGIN.user, '--password-stdin', registry.host];
      await runOrThrow('skopeo', words, { input: LOGIN.password });
      const { code, stdout } = await explain(reference, '--authfile', authfile);
      assert.match(stdout.toString(), /would be accepted\n$/);
      assert.equal(code, 0);
      const missing = await explain(`${registry.host}/a/b:v2`, '--authfile', authfile);
      assertUsageError(missing, {
        message: new RegExp(`^${registry.host}/a/b:v2 is not in the registry$`),
      });
    });

    it('goes by credentials wherever they are, for a list too', async () => {
      const architectures = [architecture, 's390x'];
      const { reference, digest, instances } = await registry.pushImage({
        repository: 'a/list',
        tag: 'v1',
        architectures,
      });
      const auth = Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString('base64');
      const credentials = JSON.stringify({ auths: { [registry.host]: { auth } } });
      await writeFile(at('config.json'), credentials);
      const file = at('config.json');
      const ways: readonly (readonly [Readonly<Record<string, string>>, readonly string[]])[] = [
        [{}, ['--authfile', file]],
        [{ REGISTRY_AUTH_FILE: file }, []],
        [{ DOCKER_CONFIG: directory() }, []],
      ];
      for (const [more, flags] of ways) {
        const environment = { PATH: process.env['PATH'], HOME: '/nowhere', ...more };
        const args = ['explain', reference, directory(), '--format', 'json', ...flags];
        const { stdout, stderr } = await runInProcess(args, environment);
        assert.equal(stderr, '');
        const { list, platforms } = JSON.parse(stdout.toString());
        assert.equal(list.digest, digest);
        assert.deepEqual(
          platforms.map((one: { readonly digest: string }) => one.digest),
          architectures.map((name) => instances.get(name)),
        );
      }
    });

    it('whose credentials cannot be read', async () => {
      await writeFile(at('broken.json'), '{"auths": secret');
      for (const [file, message] of [
        ['none', /^--authfile: ENOENT/],
        ['.', /^--authfile: EISDIR/],
        ['broken.json', /^--authfile: expected JSON in \S+$/],
      ] as const) {
        const result = await runInProcess(['explain', TAGGED, '.', '--authfile', at(file)]);
        assertUsageError(result, { message, hint: /skopeo login --authfile/ });
      }
    });

    it('says that it is down', async () => {
      const port = await freePort();
      const environment = { PATH: process.env['PATH'], HOME: directory() };
      const args = ['explain', `127.0.0.1:${port}/a/b:v1`, '.'];
      assertUsageError(await runInProcess(args, environment), {
        message: /^127\.0\.0\.1:\d+ does not answer: .*connection refused$/,
      });
    });
  });
});
