// What `lookaside explain` gets from a registry and a server, good and bad. That it is right about
// nodes is for test/e2e.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../e2e/free-port.ts';
import { startLookaside } from '../e2e/lookaside.ts';
import { makePublisher, type Publisher } from '../e2e/publisher.ts';
import { LOGIN, type Registry, startRegistry } from '../e2e/registry.ts';
import { runOrThrow } from '../e2e/run.ts';
import { writeSignature } from '../e2e/signature-tree.ts';
import { useTemporary } from '../e2e/temporary.ts';
import { describeWith } from '../with-tools.ts';
import { type ProgramResult, runInProcess } from './run-in-process.ts';

const HEX = 'ab'.repeat(32);
const BY_DIGEST = `quay.io/team/app@sha256:${HEX}`;
const TAGGED = 'quay.io/team/app:v1';

interface Expected {
  readonly message: RegExp;
  readonly hint?: RegExp;
}

function assertComplaint({ code, stdout, stderr }: ProgramResult, expected: Expected): void {
  const [first = '', second = '', ...rest] = stderr.trimEnd().split('\n');
  assert.equal(code, 2, stdout.toString());
  assert.equal(stdout.toString(), '');
  assert.match(first, /^lookaside: [^A-Z\s]/);
  assert.match(first.slice('lookaside: '.length), expected.message);
  assert.match(second, expected.hint ?? /^(hint: \S|$)/);
  assert.deepEqual(rest, []);
}

/** What skopeo does when it fails. */
const fatal = (text: string) =>
  `echo 'time="now" level=fatal msg=${JSON.stringify(text)}' >&2; exit 1`;

describe('lookaside explain', () => {
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), ...names);
  /** Runs with a skopeo that does this. */
  const explainWith = async (script: string, ...args: readonly string[]) => {
    await writeFile(at('skopeo'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return runInProcess(['explain', TAGGED, directory(), ...args], { PATH: directory() });
  };

  describe('complains', () => {
    const DIGITS = '0'.repeat(128);
    const cases: Readonly<Record<string, readonly [readonly string[], Expected]>> = {
      'of no IMAGE': [[], { message: /^missing required argument 'IMAGE'$/ }],
      'of an IMAGE that is none': [
        ['quay.io/Team/app', '.'],
        {
          message: /^expected an image, got "quay\.io\/Team\/app"$/,
          hint: /quay\.io\/team\/app:v1/,
        },
      ],
      'of an empty IMAGE': [['', '.'], { message: /^expected an image, got ""$/ }],
      'of an IMAGE that looks like a flag': [
        ['--', '--x', '.'],
        { message: /^expected an image, got "--x"$/ },
      ],
      'of a URL for an IMAGE': [['docker://quay.io/a', '.'], { message: /^expected an image/ }],
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
        { message: /^explain knows no format junit$/, hint: /--format text or --format json/ },
      ],
      'of a platform that is none': [
        [BY_DIGEST, '.', '--platform', 'amd64'],
        { message: /^--platform: expected OS\/ARCH/ },
      ],
      'of a password in the address': [
        [BY_DIGEST, '--server', 'http://me:s3cret@127.0.0.1:9090'],
        { message: /^--server: expected no user name or password in the URL$/ },
      ],
      'of an address that is none': [
        [BY_DIGEST, '--server', 'http://'],
        { message: /^--server: expected a URL, got "http:\/\/"$/, hint: /--status-listen/ },
      ],
      'of keys for a server': [
        [BY_DIGEST, '--server', 'http://127.0.0.1:1', '--keys', 'x'],
        { message: /^--keys means nothing to a running server$/, hint: /leave it out/ },
      ],
      'of a SOURCE that is not there': [
        [BY_DIGEST, '--server', '/nowhere/at/all'],
        { message: /no such directory$/ },
      ],
    };
    for (const [title, [args, expected]] of Object.entries(cases)) {
      it(title, async () => assertComplaint(await runInProcess(['explain', ...args]), expected));
    }
  });

  it('looks into SOURCE whatever else the environment says', async () => {
    const environment = { LOOKASIDE_SERVER: 'http://127.0.0.1:1' };
    const { code, stdout } = await runInProcess(['explain', BY_DIGEST, directory()], environment);
    assert.equal(code, 1);
    assert.ok(stdout.includes(`\nsource:     ${directory()}\n`));
    const asked = await runInProcess(['explain', BY_DIGEST], environment);
    assertComplaint(asked, { message: /^cannot ask the server at / });
  });

  describe('asks skopeo', () => {
    const answers: Readonly<Record<string, readonly [said: string, Expected]>> = {
      'that must log in': [
        'reading manifest v1 in quay.io/team/app: unauthorized: access to the requested resource is not authorized',
        {
          message: /^quay\.io does not let us see quay\.io\/team\/app:v1: unauthorized/,
          hint: /skopeo login quay\.io.*--authfile/,
        },
      ],
      'that finds nothing': [
        'reading manifest v1 in quay.io/team/app: manifest unknown',
        {
          message: /^quay\.io has no quay\.io\/team\/app:v1: manifest unknown$/,
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
        { message: /^quay\.io answers no more requests for now: toomany/, hint: /skopeo login/ },
      ],
      'that says what nobody knows': [
        'the moon is \u001b[2Jfull',
        { message: /^skopeo cannot read quay\.io\/team\/app:v1: the moon is \\u\{1b\}\[2Jfull$/ },
      ],
    };
    for (const [title, [said, expected]] of Object.entries(answers)) {
      it(title, async () => assertComplaint(await explainWith(fatal(said)), expected));
    }

    it('that is not there', async () => {
      const result = await runInProcess(['explain', TAGGED, '.'], { PATH: directory() });
      assertComplaint(result, {
        message: /^skopeo, which asks the registry, cannot be run$/,
        hint: /install skopeo, or name the image by the digest/,
      });
    });

    it('not at all for a digest', async () => {
      const args = ['explain', BY_DIGEST, directory()];
      const { code, stdout } = await runInProcess(args, { PATH: directory() });
      assert.equal(code, 1);
      assert.match(stdout.toString(), /^verdict: {4}unknown: no-keys$/m);
      assert.match(stdout.toString(), /may be accepted or refused: nobody can say\n$/);
    });

    it('for too much, or for what is no manifest', async () => {
      const endless = await explainWith('while :; do echo 0123456789012345678901234567; done');
      assertComplaint(endless, { message: /too large for any node$/ });
      for (const output of ['', '<html>', '[]', '{}', '{"schemaVersion":"2"}', 'null']) {
        const result = await explainWith(`echo '${output}'`);
        assertComplaint(result, { message: /^expected a manifest for \S+, got something else$/ });
      }
    });

    it('for a list that no node can use', async () => {
      for (const manifests of ['[]', '[{"digest":"x","platform":{"os":"a","architecture":"b"}}]']) {
        const result = await explainWith(`echo '{"schemaVersion":2,"manifests":${manifests}}'`);
        assertComplaint(result, { message: /names no platform that a node could have$/ });
      }
    });

    it('for a list of ten thousand', async () => {
      const manifests = Array.from({ length: 10_000 }, (_, index) => ({
        digest: `sha256:${createHash('sha256').update(String(index)).digest('hex')}`,
        platform: { os: 'linux', architecture: `a${index}` },
      }));
      await writeFile(at('list'), JSON.stringify({ schemaVersion: 2, manifests }));
      const script = `while read -r line || [ "$line" ]; do echo "$line"; done <'${at('list')}'`;
      assertComplaint(await explainWith(script), {
        message: /has 10000 manifests, more than anybody reads$/,
        hint: /--platform/,
      });
      assertComplaint(await explainWith(script, '--platform', 'linux/none'), {
        message: /lacks linux\/none$/,
        hint: /^hint: it has linux\/a0, .*linux\/a19, and 9980 more$/,
      });
      const one = await explainWith(script, '--platform', 'linux/a7', '--format', 'json');
      assert.equal(JSON.parse(one.stdout.toString()).platforms[0].platform, 'linux/a7');
    });

    it('with the arguments that it should', async () => {
      const args = `printf '%s\\n' "$@" >'${at('args')}'; exit 1`;
      const said = async () => (await readFile(at('args'), 'utf8')).trimEnd().split('\n');
      await explainWith(args);
      assert.deepEqual(await said(), ['inspect', '--raw', `docker://${TAGGED}`]);
      await writeFile(at('config.json'), '{}');
      await writeFile(at('auth.json'), '{}');
      const environment = { PATH: directory(), DOCKER_CONFIG: directory() };
      const ask = async (more: Readonly<Record<string, string>>, ...flags: readonly string[]) => {
        await runInProcess(['explain', 'app', '.', ...flags], { ...environment, ...more });
        return said();
      };
      const image = 'docker://docker.io/library/app:latest';
      const withFile = (name: string) => ['inspect', '--raw', '--authfile', at(name), image];
      assert.deepEqual(await ask({}), withFile('config.json'));
      assert.deepEqual(await ask({}, '--authfile', at('auth.json')), withFile('auth.json'));
      assert.deepEqual(await ask({ REGISTRY_AUTH_FILE: '/x' }), ['inspect', '--raw', image]);
      assert.deepEqual(await ask({ DOCKER_CONFIG: '/nowhere' }), ['inspect', '--raw', image]);
      for (const host of ['localhost', '127.0.0.1:5000', '127.1.2.3', '[::1]:5000']) {
        await runInProcess(['explain', `${host}/a:b`, '.'], { PATH: directory() });
        const flags = ['--tls-verify=false', `docker://${host}/a:b`];
        assert.deepEqual(await said(), ['inspect', '--raw', ...flags]);
      }
      for (const host of ['localhost.example', '127.0.0.1.example', '128.0.0.1']) {
        await runInProcess(['explain', `${host}/a:b`, '.'], { PATH: directory() });
        assert.deepEqual(await said(), ['inspect', '--raw', `docker://${host}/a:b`]);
      }
    });

    it('and is stopped with it', async () => {
      await writeFile(at('skopeo'), '#!/bin/sh\nexec /bin/sleep 600\n', { mode: 0o755 });
      const started = Date.now();
      const running = runInProcess(['explain', TAGGED, '.'], { PATH: directory() }, (signals) => {
        setTimeout(() => signals.emit('SIGTERM'), 300);
      });
      assertComplaint(await running, { message: /^interrupted$/ });
      assert.ok(Date.now() - started < 10_000);
    });

    it('and wants the bytes of the digest', async () => {
      const args = ['explain', BY_DIGEST, '.', '--platform', 'linux/amd64'];
      await writeFile(at('skopeo'), `#!/bin/sh\necho '{"schemaVersion":2}'\n`, { mode: 0o755 });
      assertComplaint(await runInProcess(args, { PATH: directory() }), {
        message: new RegExp(`^expected the manifest with sha256:${HEX}, got one with sha256:`),
        hint: /mirror/,
      });
    });
  });

  describe('asks a server', () => {
    let server: Server;
    let respond: Parameters<typeof createServer>[1];
    let address: string;
    before(async () => {
      server = createServer((request, response) => respond?.(request, response));
      const port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      address = `http://127.0.0.1:${port}`;
    });
    after(() => {
      server.closeAllConnections();
      server.close();
    });
    const ask = async (...args: readonly string[]) =>
      runInProcess(['explain', BY_DIGEST, '--server', address, ...args]);
    const answerWith = (status: number, text: string | object) => {
      const body = typeof text === 'string' ? text : JSON.stringify(text);
      respond = (_request, response) => response.writeHead(status).end(body);
    };
    const image = {
      image: BY_DIGEST,
      digest: `sha256:${HEX}`,
      verdict: 'accepted',
      scope: '',
      directory: 'x',
      signatures: [],
      reason: null,
    };
    const generation = { number: 1, commit: null, loadedAt: '2026-01-01T00:00:00Z' };
    const answer = { version: 1, generation, images: [image] };

    it('that answers', async () => {
      let asked: string | undefined;
      respond = (request, response) => {
        asked = request.url;
        response.end(JSON.stringify(answer));
      };
      const { code, stdout } = await ask('--format', 'json');
      assert.equal(code, 0);
      const named = encodeURIComponent(BY_DIGEST);
      assert.equal(asked, `/explain.json?image=${named}&digest=sha256%3A${HEX}`);
      assert.deepEqual(JSON.parse(stdout.toString()), {
        version: 1,
        image: BY_DIGEST,
        server: `${address}/`,
        generation,
        list: null,
        platforms: [{ platform: null, ...image }],
        accepted: true,
      });
    });

    it("whose words are a stranger's", async () => {
      const evil = 'a\u001b[2J\u202eb\nverdict:    accepted';
      const reason = {
        code: 'quarantined',
        message: evil,
        next: evil,
        files: [
          {
            path: evil,
            code: 'html',
            message: evil,
            hint: evil,
            commit: { id: evil, author: { name: evil, email: evil }, date: evil, subject: evil },
          },
        ],
      };
      const signature = {
        servedAs: evil,
        identity: evil,
        signer: evil,
        signedAt: evil,
        fault: evil,
      };
      const hostile = { ...image, verdict: 'refused', scope: evil, directory: evil, reason };
      answerWith(200, { ...answer, images: [{ ...hostile, signatures: [signature] }] });
      const { code, stdout } = await ask();
      assert.equal(code, 1);
      const text = stdout.toString();
      // oxlint-disable-next-line no-control-regex -- what is looked for
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      assert.deepEqual(text.match(/^verdict: .*$/gm), ['verdict:    refused: quarantined']);
    });

    const wrong: Readonly<Record<string, readonly [number, string | object, Expected]>> = {
      'that is the store': [
        404,
        '',
        { message: /^expected the status listener .*, got status 404$/, hint: /--status-listen/ },
      ],
      'that has pages': [
        200,
        '<html>',
        { message: /^expected the status listener .*, got something else$/ },
      ],
      'of another version': [
        200,
        { ...answer, version: 2 },
        { message: /got something else$/, hint: /one version/ },
      ],
      'that has no reason of ours': [
        200,
        { ...answer, images: [{ ...image, reason: { code: 'x', message: '', next: '' } }] },
        { message: /got something else$/ },
      ],
      'that speaks of others': [
        200,
        { ...answer, images: [] },
        { message: /answered for other images$/ },
      ],
      'that is not ready': [
        503,
        { message: 'no generation is loaded yet' },
        { message: /says: no generation is loaded yet$/, hint: /try again/ },
      ],
      'that cannot read us': [
        400,
        { message: 'expected \u001b, got x' },
        { message: /says: expected \\u\{1b\}, got x$/ },
      ],
      'that does not end': [
        200,
        'x'.repeat(17 * 1024 * 1024),
        { message: /^cannot ask the server at \S+: the answer does not end$/ },
      ],
    };
    for (const [title, [status, body, expected]] of Object.entries(wrong)) {
      it(title, async () => {
        answerWith(status, body);
        assertComplaint(await ask(), expected);
      });
    }

    it('that sends us elsewhere', async () => {
      respond = (_request, response) => response.writeHead(302, { Location: '/x' }).end();
      assertComplaint(await ask(), { message: /^cannot ask the server at \S+: .*redirect/ });
    });

    it('that is down', async () => {
      const port = await freePort();
      const args = ['explain', BY_DIGEST, '--server', `http://127.0.0.1:${port}`];
      assertComplaint(await runInProcess(args), {
        message: /^cannot ask the server at \S+: connect ECONNREFUSED/,
        hint: /--status-listen/,
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
      assertComplaint(await explain(reference), {
        message: new RegExp(`^${registry.host} does not let us see ${reference}: unauthorized`),
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
      assertComplaint(missing, { message: / has no \S+\/a\/b:v2: manifest unknown/ });
      assertComplaint(await explain(reference, '--authfile', at('none')), {
        message: /^--authfile: ENOENT/,
        hint: /skopeo login --authfile/,
      });
    });

    it('says that it is down', async () => {
      const port = await freePort();
      const environment = { PATH: process.env['PATH'], HOME: directory() };
      const args = ['explain', `127.0.0.1:${port}/a/b:v1`, '.'];
      assertComplaint(await runInProcess(args, environment), {
        message: /^127\.0\.0\.1:\d+ does not answer: .*connection refused$/,
      });
    });

    it('tells the store of a server from its status', async () => {
      const server = await startLookaside(directory());
      try {
        const ask = async (url: string) => runInProcess(['explain', BY_DIGEST, '--server', url]);
        assertComplaint(await ask(server.baseUrl), { message: /got status 404$/ });
        assert.equal((await ask(server.statusUrl)).code, 1);
      } finally {
        await server.stop();
      }
    });
  });
});
