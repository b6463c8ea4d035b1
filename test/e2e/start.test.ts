import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describeWith } from '../with-tools.ts';
import { makeCertificate } from '../kit/web/certificate-files.ts';
import { freePort } from '../kit/process/free-port.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { makePublisher, type Publisher } from '../kit/signer/publisher.ts';
import { takesConnections } from '../kit/process/takes-connections.ts';
import { useTemporary } from '../kit/temporary.ts';

describeWith(['gpg'], 'start', () => {
  const directory = useTemporary();
  let publisher: Publisher;
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());

  const at = (name: string) => join(directory(), name);
  const write = async (name: string, content: string | Uint8Array) => {
    await writeFile(at(name), content);
    return at(name);
  };

  interface Case {
    readonly what: string;
    /** Arguments after `serve`; the port is one that something listens on. */
    readonly args: (busyPort: number) => Promise<readonly string[]>;
    readonly message: RegExp;
    readonly hint?: RegExp;
  }
  const cases: readonly Case[] = [
    {
      what: 'a port in use',
      args: async (port) => [directory(), '--listen', `127.0.0.1:${port}`],
      message:
        /^cannot listen on 127\.0\.0\.1:\d+ \(--listen\): the port is in use \(EADDRINUSE\)$/,
      hint: /^hint: see who has it with: ss -ltnp 'sport = :\d+', or choose another with --listen$/,
    },
    {
      what: 'a status port in use',
      args: async (port) => [directory(), '--status-listen', `127.0.0.1:${port}`],
      message: /^cannot listen on .* \(--status-listen\): the port is in use/,
      hint: /choose another with --status-listen$/,
    },
    {
      what: 'a port in use on one address of several',
      args: async (port) => [directory(), '--listen', `:${port}`],
      message: /^cannot listen on :\d+ \(--listen\): the port is in use/,
      hint: /ss -ltnp/,
    },
    {
      what: 'one port for both listeners',
      args: async () => {
        const port = await freePort();
        return [directory(), `--listen=localhost:${port}`, `--status-listen=localhost:${port}`];
      },
      message: /^cannot listen on localhost:\d+ \(--listen\): the port is in use/,
      hint: /^hint: --listen and --status-listen both name port \d+: give them two/,
    },
    {
      what: 'an address of another machine',
      args: async () => [directory(), '--listen', '192.0.2.1:8080'],
      message: /^cannot listen on 192\.0\.2\.1:8080 \(--listen\): this host has no such address/,
      hint: /:8080 stands for all of them$/,
    },
    {
      what: 'a name that does not resolve',
      args: async () => [directory(), '--status-listen', 'lookaside.invalid:8081'],
      message: /^cannot listen on .* the name lookaside\.invalid does not resolve \(.+\)$/,
      hint: /^hint: give an address with --status-listen, or :8081 for all addresses of this host$/,
    },
    {
      what: 'a missing directory',
      args: async () => [at('missing')],
      message: /\/missing: no such directory$/,
      hint: /directory or a git URL/,
    },
    {
      what: 'a file instead of a directory',
      args: async () => [await write('file', 'x')],
      message: /\/file: not a directory$/,
      hint: /directory or a git URL/,
    },
    {
      what: 'a missing key',
      args: async () => [directory(), '--keys', at('missing.asc')],
      message: /^--keys: cannot read keys: .*missing\.asc/,
      hint: /name a file of public keys that can be read/,
    },
    {
      what: 'a key that cannot be read',
      args: async () => {
        await mkdir(at('keys/directory.asc'), { recursive: true });
        return [directory(), '--keys', at('keys')];
      },
      message: /^--keys: cannot read keys: (?:.*directory\.asc|EISDIR)/,
      hint: /name a file of public keys that can be read/,
    },
    {
      what: 'a key file that holds no key',
      args: async () => [directory(), '--keys', await write('key.gpg', 'not a key')],
      message: /key\.gpg: expected OpenPGP public keys/,
      hint: /gpg --export/,
    },
    {
      what: 'an empty keyring directory',
      args: async () => [directory(), '--keys', directory()],
      message: /expected \.asc or \.gpg files, got none$/,
      hint: /public keys/,
    },
    {
      what: 'an empty secret file',
      args: async () => [directory(), '--webhook-secret-file', await write('secret', '\n\n')],
      message: /\/secret: expected a webhook secret, got an empty file$/,
      hint: /openssl rand/,
    },
    {
      what: 'a missing secret file',
      args: async () => [directory(), '--webhook-secret-file', at('missing')],
      message: /^--webhook-secret-file: cannot read .*\/missing/,
    },
    {
      what: '--peers without a secret',
      args: async () => [directory(), '--peers', 'lookaside-peers'],
      message: /^--peers needs --webhook-secret-file: only signed pushes are passed on$/,
      hint: /the same --webhook-secret-file/,
    },
    {
      what: '--tls-cert without --tls-key',
      args: async () => [directory(), '--tls-cert', (await makeCertificate(directory())).cert],
      message: /^TLS needs both --tls-cert and --tls-key$/,
      hint: /missing/,
    },
    {
      what: 'a bad certificate',
      args: async () => {
        const { key } = await makeCertificate(directory());
        return [directory(), '--tls-key', key, '--tls-cert', await write('bad.pem', 'bad')];
      },
      message: /^--tls-cert .*\/bad\.pem/,
      hint: /PEM/,
    },
    {
      what: 'the key of another certificate',
      args: async () => {
        await Promise.all([mkdir(at('a')), mkdir(at('b'))]);
        const [a, b] = [await makeCertificate(at('a')), await makeCertificate(at('b'))];
        return [directory(), '--tls-cert', a.cert, '--tls-key', b.key];
      },
      message: /^--tls-cert .*\/a\/cert\.pem .*--tls-key .*\/b\/key\.pem/,
      hint: /PEM/,
    },
    {
      what: 'a state directory that cannot be made',
      args: async () => [at('x.git'), '--state-dir', await write('file', '')],
      message: /^cannot make the state directory .*\/file/,
      hint: /a writable directory with --state-dir/,
    },
  ];

  for (const { what, args, message, hint } of cases) {
    it(`refuses ${what} in one line`, async () => {
      const busy = createServer().listen(0, '127.0.0.1');
      await once(busy, 'listening');
      const address = busy.address();
      assert.ok(address !== null && typeof address === 'object');
      const [listen, status] = [await freePort(), await freePort()];
      const result = await runLookaside(['serve', ...(await args(address.port))], {
        env: {
          LOOKASIDE_LISTEN: `127.0.0.1:${listen}`,
          LOOKASIDE_STATUS_LISTEN: `127.0.0.1:${status}`,
          LOOKASIDE_KEYS: publisher.keyFile,
        },
      });
      busy.close();
      const [line = '', hintLine = '', ...more] = result.stderr.split('\n');
      assert.equal(result.code, 2, result.stderr);
      assert.match(line, /^lookaside: .*[^.]$/);
      assert.match(line.replace('lookaside: ', ''), message);
      if (hint) assert.match(hintLine, /^hint: /);
      assert.match(hintLine, hint ?? /^$/);
      assert.deepEqual(more, hint ? [''] : []);
      for (const port of [listen, status]) assert.equal(await takesConnections(port), false);
    });
  }
});
