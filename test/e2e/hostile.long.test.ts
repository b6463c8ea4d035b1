// Repositories that somebody made to break the gate: every file gets its verdict, every good
// signature is accepted, and time and memory stay bounded.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { link, mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { DEFAULT_BUDGETS } from '../../generator/terms/budgets.ts';
import { shortenPath } from '../../generator/terms/location.ts';
import { atLength } from '../kit/at-length.ts';
import { describeWith } from '../with-tools.ts';
import { makeLiteralBomb, makeZerosBomb, nest, nestZipped } from '../kit/signer/bombs.ts';
import { formatClaims } from '../kit/signer/claims.ts';
import {
  type HostileEntry,
  type HostileNode,
  commitHostileTree,
} from '../kit/remote/hostile-tree.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { measureLookaside } from '../kit/program/measure-lookaside.ts';
import { type RunResult, run, runOrThrow } from '../kit/process/run.ts';
import { makeSigner, type Signer, type SigningKey } from '../kit/signer/signer.ts';
import { makeTemporary, removeTemporary, useTemporary } from '../kit/temporary.ts';

const MiB = 1024 * 1024;
/** Far below what such a repository holds once it is unpacked. */
const MEMORY_LIMIT = 600 * MiB;
const CROWD = atLength(5000, 100_000);
const COPIES = atLength(500, 10_000);
/** Below what ext4 lets one file have. */
const MAX_LINKS = 50_000;

const HEX = 'ab'.repeat(32);
const DIGEST = `sha256:${HEX}`;
const DIRECTORY = `app@sha256=${HEX}`;
const AT = `team/${DIRECTORY}`;
const MADE_AT = new Date('2025-01-01T00:00:00Z');
const CLAIMS = { dockerReference: 'registry.example/team/app:v1', manifestDigest: DIGEST };

const reportSchema = z.object({
  summary: z.object({ accepted: z.number(), rejected: z.number(), ignored: z.number() }),
  files: z.array(
    z.object({
      path: z.string(),
      status: z.string(),
      code: z.string().optional(),
      servedAs: z.string().optional(),
    }),
  ),
});

/** What is expected of a path: `accepted`, `ignored`, or the code that it is rejected with. */
type Expected = Readonly<Record<string, string>>;

interface Case {
  readonly title: string;
  /** Where such a tree can lie; both unless told. */
  readonly only?: 'git' | 'directory';
  /** Whether it could take memory: it is checked by a process of its own, which is measured. */
  readonly isLarge?: true;
  readonly tree: () => readonly HostileEntry[];
  readonly expected: Expected;
}

describeWith(['gpg', 'gpgv', 'git'], 'a hostile repository', () => {
  const directory = useTemporary();
  let signer: Signer;
  let key: SigningKey;
  let keyFile: string;
  let good: Buffer;
  let home: string;
  before(async () => {
    home = await makeTemporary();
    signer = await makeSigner();
    key = await signer.makeKey({ algorithm: 'ed25519', at: MADE_AT });
    keyFile = await signer.exportKeys(join(home, 'key.asc'), key);
    good = await signer.sign(key, CLAIMS);
  });
  after(async () => {
    await signer.stop();
    await removeTemporary(home);
  });

  const check = async (
    source: string,
    runProgram: (args: readonly string[]) => Promise<RunResult> = runMeasured,
  ): Promise<RunResult & z.output<typeof reportSchema>> => {
    const result = await runProgram(['check', source, '--keys', keyFile, '--format', 'json']);
    assert.equal(result.stderr, '');
    const report = reportSchema.parse(JSON.parse(result.stdout));
    const { accepted, rejected, ignored } = report.summary;
    assert.equal(accepted + rejected + ignored, report.files.length);
    return { ...result, ...report };
  };

  const assertVerdicts = async (
    source: string,
    expected: Expected,
    runProgram?: (args: readonly string[]) => Promise<RunResult>,
  ): Promise<void> => {
    const { code, files } = await check(source, runProgram);
    assert.deepEqual(
      Object.fromEntries(files.map((file) => [file.path, file.code ?? file.status])),
      expected,
    );
    const isGood = Object.values(expected).every((status) => /^(accepted|ignored)$/.test(status));
    assert.equal(code, isGood ? 0 : 1);
  };

  /** A digest directory with one good signature, and whatever else. */
  const withGood = (...others: HostileEntry[]): HostileEntry => [
    DIRECTORY,
    [['signature-1', good], ...others],
  ];

  const cases: readonly Case[] = [
    {
      title: 'symbolic links, to files, directories and nothing',
      tree: () => [
        ['README', { link: '/etc/passwd' }],
        ['everything', { link: '/' }],
        ['other', { link: 'team' }],
        [
          'team',
          [
            withGood(
              ['signature-2', { link: 'signature-1' }],
              ['signature-3', { link: '/etc/passwd' }],
              ['signature-4', { link: 'nowhere' }],
              ['signature-5', { link: '.' }],
            ),
            [`linked@sha256=${HEX}`, { link: DIRECTORY }],
            [`dangling@sha256=${HEX}`, { link: 'nowhere' }],
            ['round', { link: 'round' }],
          ],
        ],
      ],
      expected: {
        README: 'ignored',
        everything: 'ignored',
        other: 'ignored',
        'team/round': 'ignored',
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-2`]: 'symlink',
        [`${AT}/signature-3`]: 'symlink',
        [`${AT}/signature-4`]: 'symlink',
        [`${AT}/signature-5`]: 'symlink',
        [`team/linked@sha256=${HEX}`]: 'symlink',
        [`team/dangling@sha256=${HEX}`]: 'symlink',
      },
    },
    {
      title: 'submodules',
      only: 'git',
      tree: () => [
        ['docs', { commit: '1'.repeat(40) }],
        [
          'team',
          [
            withGood(['signature-2', { commit: '1'.repeat(40) }]),
            [`sub@sha256=${HEX}`, { commit: '2'.repeat(40) }],
          ],
        ],
        ['.gitmodules', Buffer.from('[submodule "docs"]\n\tpath = docs\n\turl = ../evil.git\n')],
      ],
      expected: {
        '.gitmodules': 'ignored',
        docs: 'ignored',
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-2`]: 'submodule',
        [`team/sub@sha256=${HEX}`]: 'submodule',
      },
    },
    {
      title: 'names that are not UTF-8',
      tree: () => [
        [Buffer.from('caf\u00e9', 'latin1'), Buffer.from('x')],
        [Buffer.from('te\u00ffam', 'latin1'), [withGood()]],
        [
          'team',
          [
            withGood(
              [Buffer.from('signature-2\u0080', 'latin1'), good],
              [Buffer.from('\u00c0\u00af', 'latin1'), good],
            ),
          ],
        ],
      ],
      expected: {
        'caf\\xe9': 'ignored',
        [`te\\xffam/${DIRECTORY}/signature-1`]: 'name-not-utf8',
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-2\\x80`]: 'name-not-utf8',
        [`${AT}/\\xc0\\xaf`]: 'name-not-utf8',
      },
    },
    {
      title: 'names that lead elsewhere',
      only: 'git',
      tree: () => [
        ['..', [['team', [withGood()]]]],
        ['.', [['team', [withGood()]]]],
        [
          '.git',
          [
            ['team', [withGood()]],
            ['config', Buffer.from('[core]')],
          ],
        ],
        ['.GIT', [['team', [withGood()]]]],
        ['a', [['..', [['team', [withGood()]]]]]],
        [`../${AT}/signature-2`, good],
        [`/${AT}/signature-3`, good],
        ['back\\slash', [['team', [withGood()]]]],
        ['team', [withGood(['..', good], ['.', good], ['signature-2/../signature-3', good])]],
      ],
      expected: {
        [`../${AT}/signature-1`]: 'invalid-directory',
        [`../${AT}/signature-2`]: 'invalid-directory',
        [`./${AT}/signature-1`]: 'invalid-directory',
        [`.git/${AT}/signature-1`]: 'invalid-directory',
        '.git/config': 'ignored',
        [`.GIT/${AT}/signature-1`]: 'invalid-directory',
        [`a/../${AT}/signature-1`]: 'invalid-directory',
        [`/${AT}/signature-3`]: 'invalid-directory',
        [`back\\slash/${AT}/signature-1`]: 'invalid-directory',
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/..`]: 'stray-file',
        [`${AT}/.`]: 'stray-file',
        [`${AT}/signature-2/../signature-3`]: 'stray-file',
      },
    },
    {
      title: 'one name for several entries of a tree',
      only: 'git',
      tree: () => [
        ['README', Buffer.from('x')],
        ['README', Buffer.from('y')],
        ['team', [withGood()]],
        [`${AT}/signature-1`, good],
      ],
      expected: { README: 'ignored', [`${AT}/signature-1`]: 'accepted' },
    },
    {
      title: 'control characters and quotes in names',
      tree: () => [
        ['new\nline', Buffer.from('x')],
        ['te\nam', [withGood()]],
        ['te\u007fam', [withGood()]],
        [`"'$(id)\`<&>;`, [['team', [withGood()]]]],
        [
          'team',
          [
            withGood(
              ['signature-2\n', good],
              ['\nsignature-2', good],
              ['signature-2\r', good],
              ['\u001b[2Jsignature-2', good],
              ['"signature-2"', good],
            ),
          ],
        ],
      ],
      expected: {
        'new\nline': 'ignored',
        [`te\nam/${DIRECTORY}/signature-1`]: 'invalid-directory',
        [`te\u007fam/${DIRECTORY}/signature-1`]: 'invalid-directory',
        [`"'$(id)\`<&>;/${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-2\n`]: 'stray-file',
        [`${AT}/\nsignature-2`]: 'stray-file',
        [`${AT}/signature-2\r`]: 'stray-file',
        [`${AT}/\u001b[2Jsignature-2`]: 'stray-file',
        [`${AT}/"signature-2"`]: 'stray-file',
      },
    },
    {
      title: 'names longer than a file system has',
      only: 'git',
      tree: () => [
        ['x'.repeat(300), [['team', [withGood()]]]],
        ['y'.repeat(100_000), Buffer.from('x')],
        [`signature-${'1'.repeat(300)}`, good],
        ['team', [withGood([`signature-${'1'.repeat(300)}`, good], ['z'.repeat(5000), good])]],
      ],
      expected: {
        [`${'x'.repeat(300)}/${AT}/signature-1`]: 'invalid-directory',
        ['y'.repeat(100_000)]: 'ignored',
        [`signature-${'1'.repeat(300)}`]: 'misplaced',
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-${'1'.repeat(300)}`]: 'invalid-number',
        [shortenPath(`${AT}/${'z'.repeat(5000)}`, DEFAULT_BUDGETS)]: 'path-too-long',
      },
    },
    {
      title: 'directories that differ by case alone',
      tree: () => [
        ['Mirror', [['team', [withGood()]]]],
        ['mirror', [['team', [withGood()]]]],
        ['team', [withGood(), [`App@sha256=${HEX}`, [['signature-1', good]]]]],
        ['Team', [withGood()]],
      ],
      expected: {
        [`Mirror/${AT}/signature-1`]: 'accepted',
        [`mirror/${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-1`]: 'accepted',
        [`Team/${DIRECTORY}/signature-1`]: 'repository-mismatch',
        [`team/App@sha256=${HEX}/signature-1`]: 'repository-mismatch',
      },
    },
    {
      title: 'numbers that no node asks for',
      tree: () => [
        [
          'team',
          [
            withGood(
              ['signature-0', good],
              ['signature-01', good],
              ['signature--1', good],
              ['signature-1e3', good],
              ['signature-\u0661', good],
              [`signature-${2 ** 53}`, good],
              ['signature-999999999', good],
            ),
          ],
        ],
      ],
      expected: {
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-999999999`]: 'accepted',
        [`${AT}/signature-0`]: 'invalid-number',
        [`${AT}/signature-01`]: 'invalid-number',
        [`${AT}/signature-${2 ** 53}`]: 'invalid-number',
        [`${AT}/signature--1`]: 'stray-file',
        [`${AT}/signature-1e3`]: 'stray-file',
        [`${AT}/signature-\u0661`]: 'stray-file',
      },
    },
    {
      title: 'a file of 5 MiB',
      isLarge: true,
      tree: () => [
        ['huge.iso', Buffer.alloc(5 * MiB)],
        ['team', [withGood(['signature-2', Buffer.alloc(5 * MiB, good)])]],
      ],
      expected: {
        'huge.iso': 'ignored',
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-2`]: 'too-large',
      },
    },
    {
      title: 'bombs of compressed packets',
      isLarge: true,
      tree: () => [
        [
          'team',
          [
            withGood(
              ...bombs(),
              ['signature-6', Buffer.alloc(4 * MiB, 0x90)],
              ['signature-7', nest(Buffer.alloc(4 * MiB - 2, 0x88), 1)],
            ),
          ],
        ],
      ],
      expected: {
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-2`]: 'malformed',
        [`${AT}/signature-3`]: 'malformed',
        [`${AT}/signature-4`]: 'malformed',
        [`${AT}/signature-5`]: 'malformed',
        [`${AT}/signature-6`]: 'multiple-signatures',
        [`${AT}/signature-7`]: 'malformed',
      },
    },
  ];

  // What takes long to make lies in both kinds of source.
  const bombs = keep((): readonly HostileEntry[] => [
    ['signature-2', makeZerosBomb()],
    ['signature-3', makeLiteralBomb()],
    ['signature-4', nest(good, 10_000)],
    ['signature-5', nestZipped(good, 10_000)],
  ]);
  const deepPayloads = keep(async () => {
    const payloads = [
      '['.repeat(MiB),
      `${'['.repeat(MiB / 2)}${']'.repeat(MiB / 2)}`,
      withOptional(`{"a":${'['.repeat(9_000)}${']'.repeat(9_000)}}`),
      withOptional(`{"a":${'{"b":'.repeat(200_000)}1${'}'.repeat(200_000)}}`),
      withOptional(`{"a":"${'x'.repeat(3 * MiB)}"}`),
      withOptional(`{${numbered(100_000, (index) => `"${index}":1`).join(',')}}`),
    ];
    const signing = payloads.map(async (payload) => signer.sign(key, Buffer.from(payload)));
    const signatures = await Promise.all(signing);
    return signatures.map((bytes, index): HostileEntry => [`signature-${index + 2}`, bytes]);
  });
  const manySignatures = keep(async () =>
    Promise.all(
      numbered(130, async (index): Promise<HostileEntry> => {
        const at = new Date(MADE_AT.getTime() + (index + 1) * 1000);
        return [`signature-${130 - index}`, await signer.sign(key, CLAIMS, { at })];
      }),
    ),
  );

  const sources = {
    directory: async (entries: readonly HostileEntry[]): Promise<string> => {
      await writeNode(Buffer.from(join(directory(), 'tree')), entries);
      return join(directory(), 'tree');
    },
    git: async (entries: readonly HostileEntry[]): Promise<string> => {
      const bare = join(directory(), 'signatures.git');
      await runOrThrow('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare]);
      await commitHostileTree(bare, entries);
      return bare;
    },
  } as const;

  for (const [kind, make] of Object.entries(sources)) {
    describe(`as a ${kind === 'git' ? 'git repository' : 'directory'}`, () => {
      for (const { title, only, isLarge, tree, expected } of cases) {
        if (only !== undefined && only !== kind) continue;
        const runProgram = isLarge ? runMeasured : runLookaside;
        it(title, async () => assertVerdicts(await make(tree()), expected, runProgram));
      }

      it('payloads of megabytes, nested deep', async () => {
        const source = await make([['team', [withGood(...(await deepPayloads()))]]]);
        await assertVerdicts(source, {
          [`${AT}/signature-1`]: 'accepted',
          [`${AT}/signature-2`]: 'payload-not-json',
          [`${AT}/signature-3`]: 'payload-not-json',
          [`${AT}/signature-4`]: 'accepted',
          [`${AT}/signature-5`]: 'payload-not-json',
          [`${AT}/signature-6`]: 'accepted',
          [`${AT}/signature-7`]: 'accepted',
        });
      });

      it('more signatures than nodes read: the oldest are left out', async () => {
        const source = await make([['team', [[DIRECTORY, await manySignatures()]]]]);
        const { files, summary } = await check(source, runLookaside);
        assert.deepEqual([summary.accepted, summary.rejected], [127, 3]);
        const left = files.filter(({ code }) => code !== undefined);
        assert.deepEqual(
          Object.fromEntries(left.map(({ path, code }) => [path, code])),
          Object.fromEntries(
            [128, 129, 130].map((number) => [`${AT}/signature-${number}`, 'too-many-signatures']),
          ),
        );
      });

      it(`${CROWD} files in one digest directory`, async () => {
        const junk = numbered(3, (index) => Buffer.from(`junk ${index}`));
        const signatures = await Promise.all(
          numbered(20, async (index) => signer.sign(key, { ...CLAIMS, timestamp: index })),
        );
        const files = numbered(CROWD, (index): HostileEntry => {
          const bytes = signatures[index - CROWD + 20] ?? junk[index % 3] ?? Buffer.from('x');
          return [`signature-${index + 1}`, bytes];
        });
        const source = await make([['team', [[DIRECTORY, files]]]]);
        const report = await check(source);
        assert.deepEqual(report.summary.accepted, 20);
        assert.deepEqual(report.summary.rejected, CROWD - 20);
        const served = new Map(report.files.map((file) => [file.path, file.servedAs]));
        for (const index of numbered(20, Number)) {
          const path = `${AT}/signature-${CROWD - 19 + index}`;
          assert.equal(served.get(path), `/${AT}/signature-${index + 1}`);
        }
      });

      it(`${COPIES} copies of one good signature`, async () => {
        const files = numbered(COPIES, (index): HostileEntry => [`signature-${index + 1}`, good]);
        const { summary } = await check(await make([['team', [[DIRECTORY, files]]]]));
        assert.equal(summary.accepted, COPIES);
      });
    });
  }

  it('a file of 5 GiB with nothing in it, a pipe and a socket, in a directory', async () => {
    const root = join(directory(), 'tree');
    await writeNode(Buffer.from(root), [['team', [withGood()]]]);
    const huge = await open(join(root, AT, 'signature-2'), 'w');
    await huge.truncate(5 * 1024 * MiB);
    await huge.close();
    await run('mkfifo', [join(root, AT, 'signature-3'), join(root, 'pipe')]);
    const server = createServer().listen(join(root, 'socket'));
    await once(server, 'listening');
    try {
      await assertVerdicts(root, {
        pipe: 'ignored',
        socket: 'ignored',
        [`${AT}/signature-1`]: 'accepted',
        [`${AT}/signature-2`]: 'too-large',
        [`${AT}/signature-3`]: 'special-file',
      });
    } finally {
      server.close();
    }
  });
});

/** Checks in a process of its own, which must not take more memory than it may. */
async function runMeasured(args: readonly string[]): Promise<RunResult> {
  const measured = await measureLookaside(args);
  assert.ok(measured.peak < MEMORY_LIMIT, `${Math.round(measured.peak / MiB)} MiB`);
  return measured;
}

/** Makes something when it is asked for first, and gives the same from then on. */
function keep<Made>(make: () => Made): () => Made {
  let made: { readonly value: Made } | undefined;
  return () => (made ??= { value: make() }).value;
}

function numbered<Item>(count: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function withOptional(optional: string): string {
  return formatClaims(CLAIMS).replace(/"optional":.*/, `"optional":${optional}}`);
}

/** Writes entries below a directory; files with the same bytes are links to one another. */
async function writeNode(path: Buffer, node: HostileNode): Promise<void> {
  if (node instanceof Uint8Array) return writeFile(path, node);
  if ('link' in node) return symlink(node.link, path);
  if ('commit' in node) throw new Error('a directory has no submodules');
  await mkdir(path);
  const firsts = new Map<HostileNode, { readonly path: Buffer; links: number }>();
  for (const [name, child] of node) {
    const target = Buffer.concat([path, Buffer.from('/'), Buffer.from(name)]);
    const first = child instanceof Uint8Array ? firsts.get(child) : undefined;
    if (first && first.links < MAX_LINKS) {
      first.links++;
      await link(first.path, target);
    } else {
      await writeNode(target, child);
      firsts.set(child, { path: target, links: 1 });
    }
  }
}
