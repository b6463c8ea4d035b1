// `node-config --check` and `--diff` of trees that were made to hurt who looks into them.
import assert from 'node:assert/strict';
import { cp, mkdir, open, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MAX_FILE_BYTES, RootedFiles } from '../../../cli/node-config/rooted-files.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import {
  KEYS,
  LOOKASIDE,
  POLICY,
  REGISTRIES,
  checkTree,
  edit,
  editPolicy,
  layOut,
  put,
} from './node-tree.ts';
import { type Keys, STORE, TEAM, makeKeys } from './planted.ts';

const TEAM_KEYS = `${KEYS}/lookaside-quay.io-team.asc`;
const GIB = 2 ** 30;

describeWith(['gpg'], 'lookaside node-config --check of a hostile tree', () => {
  const suite = useTemporary('suite');
  const directory = useTemporary();
  let keys: Keys;
  let args: readonly string[];
  before(async () => {
    keys = await makeKeys();
    args = ['--scope', `${TEAM}=${keys.team}`, '--url', STORE];
    await layOut(suite(), [...args, '--default', 'reject']);
  });
  after(async () => keys.stop());
  beforeEach(async () => cp(suite(), directory(), { recursive: true }));

  const at = (path: string): string => join(directory(), path);
  /** `CODE PATH` of each finding. */
  const check = async (): Promise<readonly string[]> => {
    const { findings } = await checkTree(directory(), args);
    return findings.map(({ code, path }) => `${code} ${path}`);
  };
  const replace = async (path: string, make: (path: string) => Promise<unknown>): Promise<void> => {
    await rm(at(path), { force: true });
    await mkdir(dirname(at(path)), { recursive: true });
    await make(at(path));
  };
  const expected: Readonly<Record<string, string>> = {
    [LOOKASIDE]: 'registries-unreadable',
    [POLICY]: 'policy-unreadable',
    [TEAM_KEYS]: 'key-file-unreadable',
  };

  for (const [path, code] of Object.entries(expected)) {
    for (const [what, make] of [
      ['a pipe', async (file: string) => runOrThrow('mkfifo', [file])],
      ['a gibibyte', writeSparse],
      ['a directory', async (file: string) => mkdir(file)],
      ['a link to itself', async (file: string) => symlink(file.split('/').at(-1) ?? '', file)],
      ['bytes that are no UTF-8', async (file: string) => writeFile(file, Buffer.alloc(9, 0xfe))],
      ['a device', async (file: string) => symlink('/dev/zero', file)],
    ] as const) {
      it(`says ${code} of ${what}`, async () => {
        await mkdir(at('dev'));
        await runOrThrow('mkfifo', [at('dev/zero')]);
        await replace(path, make);
        // Clients from containers/image 5.40 on pass over what is no file.
        const isPassedOver = path === LOOKASIDE && !/gibibyte|bytes/.test(what);
        const more = isPassedOver ? [`missing-file ${REGISTRIES}`] : [];
        assert.deepEqual(await check(), [...more, `${code} ${path}`]);
      });
    }
  }

  it('takes absolute links for those of the node', async () => {
    await cp(at('etc'), at('usr/etc'), { recursive: true });
    await rm(at('etc'), { recursive: true });
    await symlink('/usr/etc', at('etc'));
    await replace('etc/containers/policy.json', (file) =>
      symlink('../../../../../usr/etc/../share/policy.json', file),
    );
    await cp(join(suite(), POLICY), at('usr/share/policy.json'));
    assert.deepEqual(await check(), []);
  });

  it('never looks outside', async () => {
    const outside = join(suite(), TEAM_KEYS);
    for (const target of [outside, `${'../'.repeat(30)}${outside}`]) {
      await replace(TEAM_KEYS, (file) => symlink(target, file));
      assert.deepEqual(await check(), [`key-file-missing ${TEAM_KEYS}`]);
    }
    await edit(at(POLICY), `/${TEAM_KEYS}`, `/${'../'.repeat(30)}${outside}`);
    assert.match((await check()).join(), /^key-file-missing \.\./);
    await replace(LOOKASIDE, (file) => symlink(join(suite(), LOOKASIDE), file));
    assert.match((await check()).join(), /registries-unreadable/);
    const diff = await runLookaside(['node-config', ...args, '--diff', directory()]);
    assert.match(diff.stdout, /^--- \/dev\/null$/m);
  });

  it('has a word for paths that no file can have', async () => {
    for (const path of ['/a\0b', `/${'x'.repeat(300)}`]) {
      await editPolicy(at(POLICY), (docker) => {
        docker[TEAM] = [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: path }];
      });
      assert.match((await check()).join(), /^key-file-unreadable [^\0]+$/);
    }
  });

  it('keeps no more of many files than it can bear', async () => {
    for (let number = 0; number < 6; number += 1) {
      await put(at(`srv/${number}`), Buffer.alloc(MAX_FILE_BYTES));
    }
    const inside = new RootedFiles(directory());
    const kinds = [];
    for (let number = 0; number < 6; number += 1) {
      kinds.push((await inside.readFile(`srv/${number}`)).kind);
    }
    const few = Array.from({ length: 4 }, () => 'file');
    assert.deepEqual(kinds, [...few, 'unreadable', 'unreadable']);
  });

  it('bears what is nested or repeated without end', async () => {
    for (const [name, text] of [
      ['many.yaml', `docker:\n${'  a: {}\n'.repeat(20_000)}`],
      ['deep.yaml', `docker: ${'['.repeat(20_000)}`],
      ['deep-mappings.yaml', `${'{a: '.repeat(20_000)}${'}'.repeat(20_000)}`],
      ['laughs.yaml', makeLaughs()],
    ] as const) {
      await put(at(`${REGISTRIES}/${name}`), text);
      assert.deepEqual(await check(), [`registries-unreadable ${REGISTRIES}/${name}`]);
      await rm(at(`${REGISTRIES}/${name}`));
    }
    for (const text of ['['.repeat(20_000), `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`]) {
      await put(at(POLICY), text);
      assert.deepEqual(await check(), [`policy-unreadable ${POLICY}`]);
    }
  });

  it('prints no control characters and no passwords', async () => {
    const store = 'https://me:secret@old.example.com';
    await edit(at(LOOKASIDE), new RegExp(STORE, 'g'), store);
    const scope = `${TEAM}/\u001b[2Jx`;
    await put(
      at(`${REGISTRIES}/a\u001b[31m.yaml`),
      JSON.stringify({
        docker: { [scope]: { lookaside: store }, ['\u001b]0;x\u0007']: {} },
        '\u009b': 1,
      }),
    );
    await put(at(`home/\u001b[31m/.config/containers/policy.json`), '{}');
    for (const format of ['text', 'json']) {
      const { code, stdout } = await runLookaside([
        'node-config',
        ...args,
        '--check',
        directory(),
        '--format',
        format,
      ]);
      assert.equal(code, 1);
      assert.match(stdout, /user-policy-hides/);
      assert.doesNotMatch(stdout.replaceAll('\n', ''), /secret|\p{Cc}/u);
    }
  });

  it('shows no private key and no control character in a difference', async () => {
    await cp(keys.secret, at(TEAM_KEYS));
    await put(at(LOOKASIDE), 'docker: {} # \u001b[2J\r\n');
    const { code, stdout } = await runLookaside(['node-config', ...args, '--diff', directory()]);
    assert.equal(code, 1);
    const differ = `Files a/${TEAM_KEYS} and b/${TEAM_KEYS} differ`;
    assert.ok(stdout.startsWith(`${differ}: a/${TEAM_KEYS} holds a private key\n`), stdout);
    assert.doesNotMatch(stdout, /PRIVATE/);
    assert.ok(stdout.includes('-docker: {} # \\u{1b}[2J\\u{d}\n'));
    await replace(LOOKASIDE, (file) => mkdir(file));
    const other = await runLookaside(['node-config', ...args, '--diff', directory()]);
    assert.ok(other.stdout.includes(`File ${LOOKASIDE} is a directory\n`));
  });
});

async function writeSparse(path: string): Promise<void> {
  const file = await open(path, 'w');
  await file.truncate(GIB);
  await file.close();
}

/** A few lines that stand for billions. */
function makeLaughs(): string {
  const lines = ['a0: &a0 [x]'];
  for (let level = 1; level < 12; level += 1) {
    const before = Array.from({ length: 9 }, () => `*a${level - 1}`);
    lines.push(`a${level}: &a${level} [${before.join(', ')}]`);
  }
  return lines.join('\n');
}
