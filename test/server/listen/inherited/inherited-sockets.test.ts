import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../kit/process/free-port.ts';
import { type RunResult, run } from '../../../kit/process/run.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { describeWith } from '../../../with-tools.ts';

const PASS = fileURLToPath(new URL('../../../kit/process/pass-sockets.pl', import.meta.url));
const MODULE = fileURLToPath(
  new URL('../../../../dist/server/listen/inherited/inherited-sockets.js', import.meta.url),
);
/** What a process finds that was given sockets. */
const FIND = `
const { areForAnother, findInheritedSockets } = await import(${JSON.stringify(MODULE)});
const ids = { pid: process.pid, parentPid: Number(process.env.PARENT ?? process.ppid) };
if (areForAnother(process.env, ids)) console.log('for another');
try {
  console.log(JSON.stringify(await findInheritedSockets(process.env, ids)));
} catch ({ message, hint }) {
  console.log(message + '\\n' + hint);
}
`;
const NAME_THEM =
  'set FileDescriptorName=store in the .socket unit, or FileDescriptorName=status for the status listener';
const LISTEN = 'give a port with ListenStream=, as 8080';

interface Row {
  readonly sockets: readonly string[];
  /** In place of what says how many there are, whose, and their names. */
  readonly env?: Readonly<Record<string, string>>;
  readonly found: string;
}

const tcp = async (): Promise<string> => `tcp:${await freePort()}`;

describeWith(['perl'], 'sockets that a process inherits', () => {
  const directory = useTemporary();
  const pass = async (sockets: readonly string[], env: Row['env'] = {}): Promise<RunResult> => {
    const node = [process.execPath, '--input-type=module', '--eval', FIND];
    return run('perl', [PASS, ...sockets, '--', ...node], { env });
  };

  it('are those of the store and of the status listener, by their names', async () => {
    const kinds = await Promise.all(
      ['store', 'status', 'store'].map(async (name) => `${name}=${await tcp()}`),
    );
    const { stdout } = await pass(kinds);
    assert.deepEqual(JSON.parse(stdout), { store: [3, 5], status: [4] });
  });

  it('are that of the store where there is one without a name', async () => {
    const { stdout } = await pass([`unknown=${await tcp()}`]);
    assert.deepEqual(JSON.parse(stdout), { store: [3], status: [] });
  });

  it('are those that the init of a container was given', async () => {
    const { stdout } = await pass([`store=${await tcp()}`], { LISTEN_PID: '1', PARENT: '1' });
    assert.deepEqual(JSON.parse(stdout), { store: [3], status: [] });
  });

  const NONE = '{"store":[],"status":[]}';
  const ROWS: Readonly<Record<string, Row>> = {
    'none that are for another process': {
      sockets: ['store=idle'],
      env: { LISTEN_PID: '2' },
      found: `for another\n${NONE}`,
    },
    'none where none were passed on': { sockets: [], found: NONE },
    'no datagrams': {
      sockets: ['store=udp'],
      found: `the inherited socket 3 (store) is one for datagrams\n${LISTEN}`,
    },
    'no Unix sockets': {
      sockets: ['store=unix:SOCKET'],
      found: `the inherited socket 3 (store) is a Unix socket\n${LISTEN}`,
    },
    'no connections': {
      sockets: ['store=connection'],
      found: 'the inherited socket 3 (store) is a connection\nset Accept=no in the .socket unit',
    },
    'no files': {
      sockets: ['store=file:FILE'],
      found:
        'the inherited socket 3 (store) is no socket\nLISTEN_FDS promises more sockets than there are',
    },
    'none that are not there': {
      sockets: [],
      env: { LISTEN_FDS: '1', LISTEN_FDNAMES: 'store' },
      found:
        'the inherited socket 3 (store) is no socket\nLISTEN_FDS promises more sockets than there are',
    },
    'none of another name': {
      sockets: ['lookaside.socket=idle'],
      found: `the inherited socket 3 has the name "lookaside.socket": expected store or status\n${NAME_THEM}`,
    },
    'no two without names': {
      sockets: ['unknown=idle', 'unknown=idle'],
      found: `the inherited socket 3 has no name: expected store or status\n${NAME_THEM}`,
    },
    'none of which some have no name': {
      sockets: ['store=idle', 'status=idle'],
      env: { LISTEN_FDNAMES: 'store' },
      found: `LISTEN_FDNAMES: expected 2 names, as LISTEN_FDS says, got 1\n${NAME_THEM}`,
    },
    'no number that is none': {
      sockets: ['store=idle'],
      env: { LISTEN_FDS: 'two' },
      found:
        'LISTEN_FDS: expected a number of sockets, got "two"\nwhoever passes sockets on sets it, as systemd does',
    },
  };
  for (const [title, { sockets, env, found }] of Object.entries(ROWS)) {
    it(`are ${title}`, async () => {
      const file = join(directory(), 'file');
      await writeFile(file, '');
      const real = sockets.map((socket) =>
        socket.replace('FILE', file).replace('SOCKET', join(directory(), 'socket')),
      );
      const { stdout, stderr } = await pass(real, env);
      assert.equal(stderr, '');
      assert.equal(stdout, `${found}\n`);
    });
  }
});
