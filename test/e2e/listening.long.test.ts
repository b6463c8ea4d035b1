import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Background, startBackground } from '../kit/process/background.ts';
import { EXAMPLE } from '../kit/server/example-server.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const NO_IPV6 = fileURLToPath(new URL('../kit/process/without-ipv6.pl', import.meta.url));

/** Prints the status at a URL, or why nobody answers. */
const ASK = `
  const url = process.argv[1];
  fetch(url).then(({ status }) => String(status), ({ cause }) => cause.code).then(console.log);
`;

const [IPV4, IPV6] = ['http://127.0.0.1', 'http://[::1]'];
const UP = 'ip link set lo up';
/** As root is kept from nothing. */
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/**
 * Starts `lookaside serve` on its default addresses, in a network of its own, which `setup` prepares;
 * `wrapper` stands before the command.
 */
async function startIn(
  setup: string,
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<Background> {
  const serve = [process.execPath, MAIN, 'serve', EXAMPLE, '--poll=0s', ...args];
  const script = `${setup} && exec "$@"`;
  return startBackground('unshare', ['--net', 'sh', '-c', script, 'sh', ...wrapper, ...serve]);
}

/** What a client in the network of a process gets at a URL. */
async function askIn({ pid }: Background, url: string): Promise<string> {
  const command = [`--net=/proc/${pid}/ns/net`, process.execPath, '-e', ASK, url];
  const { stdout } = await promisify(execFile)('nsenter', command);
  return stdout.trim();
}

interface Network {
  readonly setup: string;
  readonly wrapper?: readonly string[];
  /** What is said of the store's address. */
  readonly shown: string;
  /** Where both listeners answer. */
  readonly answers: readonly string[];
}

describeWith(['unshare', 'setpriv', 'perl'], 'the default addresses', () => {
  const directory = useTemporary();
  let server: Background | undefined;
  before('look whether there can be networks', function (this: Mocha.Context) {
    if (spawnSync('unshare', ['--net', 'true']).status !== 0) this.skip();
  });
  afterEach('stop', async () => {
    await server?.stop();
    server = undefined;
  });

  const networks: Readonly<Record<string, Network>> = {
    'with both': { setup: UP, shown: 'http://[::]:8080', answers: [IPV4, IPV6] },
    'of IPv6 alone': {
      setup: `${UP} && ip address del 127.0.0.1/8 dev lo`,
      shown: 'http://[::]:8080',
      answers: [IPV6],
    },
    'where IPv6 is disabled on all interfaces': {
      setup: `${UP} && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6`,
      shown: 'http://[::]:8080',
      answers: [IPV4],
    },
    'where sockets of IPv6 alone are the rule': {
      setup: `${UP} && echo 1 >/proc/sys/net/ipv6/bindv6only`,
      shown: 'http://[::]:8080',
      answers: [IPV4, IPV6],
    },
    'of a system without IPv6': {
      setup: UP,
      wrapper: ['perl', NO_IPV6],
      shown: 'http://0.0.0.0:8080',
      answers: [IPV4],
    },
  };
  for (const [name, { setup, wrapper, shown, answers }] of Object.entries(networks)) {
    it(`work in a network ${name}`, async () => {
      server = await startIn(setup, [`--state-dir=${directory()}`], wrapper);
      const [, address] = await server.waitForLine(/^lookaside: serving .* on (\S+)$/);
      assert.equal(address, shown);
      for (const host of answers) {
        for (const port of [8080, 8081]) {
          assert.equal(await askIn(server, `${host}:${port}/readyz`), '200', `${host}:${port}`);
        }
      }
      for (const host of [IPV4, IPV6].filter((one) => !answers.includes(one))) {
        assert.match(await askIn(server, `${host}:8081/readyz`), /^E/);
      }
    });
  }

  const faults: Readonly<Record<string, readonly [string, readonly string[], RegExp]>> = {
    'a port that is kept for root': [
      '--listen=:80',
      NOBODY,
      /^lookaside: cannot listen on :80 \(--listen\): ports below 1024 are kept for root \(EACCES\)\nhint: give lookaside the capability CAP_NET_BIND_SERVICE .*, or choose another with --listen\n$/,
    ],
    'an address of IPv6 where there is none': [
      '--status-listen=[::1]:8081',
      ['perl', NO_IPV6],
      /\(--status-listen\): this host has no IPv6 \(EAFNOSUPPORT\)\nhint: give an IPv4 address with --status-listen\n$/,
    ],
  };
  for (const [name, [arg, wrapper, said]] of Object.entries(faults)) {
    it(`are told to be changed: ${name}`, async () => {
      const args = [arg, '--state-dir=/proc/nowhere'];
      server = await startIn(UP, args, wrapper);
      assert.equal(await server.ended(), 2);
      const lines = server
        .stderr()
        .split('\n')
        .filter((line) => !line.startsWith('{'));
      assert.match(lines.join('\n'), said);
      server = undefined;
    });
  }
});
