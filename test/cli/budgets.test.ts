// What a pusher may send: `check` says what the others do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, readdir, readlink, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { useTemporary } from '../kit/temporary.ts';
import { importStates } from '../kit/remote/import-states.ts';
import { describeWith } from '../with-tools.ts';
import { type ProgramResult, runInProcess } from '../kit/program/run-in-process.ts';

const EXAMPLE = fileURLToPath(new URL('../../signatures', import.meta.url));
const deep = (count: number) => Array.from({ length: count }, () => 'd').join('/');

const filesOf = ({ stdout }: ProgramResult): unknown => JSON.parse(stdout.toString());

describeWith(['git'], 'the budgets of what is pushed', () => {
  const directory = useTemporary();
  const source = (): string => join(directory(), 'source');
  const bare = (): string => join(directory(), 'signatures.git');
  const out = (...names: string[]): string => join(directory(), 'out', ...names);
  let good: string;
  let content: string;
  beforeEach(async () => {
    await cp(EXAMPLE, source(), { recursive: true });
    const [app = ''] = await readdir(join(source(), 'team'));
    good = `team/${app}/signature-1`;
    content = await readFile(join(source(), good), 'latin1');
  });

  /** Pushes files by their paths, bytes as latin1. */
  const push = async (...files: readonly (readonly [string, string])[]): Promise<void> => {
    execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare()]);
    const state = files.map(([path, text]) => [path, { mode: '100644', content: text }] as const);
    await importStates(bare(), [new Map(state)]);
  };

  for (const [what, path, code] of [
    ['too deep', `${deep(40)}/`, 'path-too-deep'],
    ['below 2500 directories', `${deep(2500)}/`, 'path-too-long'],
    [
      'too long',
      `${Array.from({ length: 10 }, () => 'x'.repeat(200)).join('/')}/`,
      'path-too-long',
    ],
  ] as const) {
    it(`reject a copy of a good signature that lies ${what}, and nothing else`, async () => {
      await push([good, content], [`${path}${good}`, content], [`${path}notes`, '']);
      const checked = await runInProcess(['check', bare(), '--format', 'json']);
      assert.equal(checked.code, 1);
      const { summary, files } = filesOf(checked) as {
        summary: object;
        files: readonly { path: string; code?: string; hint?: string }[];
      };
      assert.deepEqual(summary, { accepted: 0, unverified: 1, rejected: 1, ignored: 1 });
      const rejected = files.find((file) => file.code !== undefined);
      assert.equal(rejected?.code, code);
      assert.ok((rejected?.path.length ?? Infinity) < 300);
      const generated = await runInProcess(['generate', bare(), '--out', out()]);
      assert.equal(generated.code, 0, generated.stderr);
      assert.match(generated.stderr, new RegExp(code));
      assert.equal(await readFile(out('current', good), 'latin1'), content);
    });
  }

  it('may be smaller', async () => {
    const { code, stdout } = await runInProcess(['check', source(), '--max-path-depth', '2']);
    assert.equal(code, 1);
    assert.match(stdout.toString(), /path-too-deep: expected at most 2 components, got 3/);
  });

  for (const [format, said] of [
    [
      'text',
      /^state-refused: the state is refused: it has 3 \w+ or more, but --max-entries allows 2$/m,
    ],
    ['json', /"code": "state-refused",\n\s+"message": "it has 3 \w+ or more/],
    ['github', /^::error title=state-refused::the state is refused: it has 3 \w+ or more/m],
    ['junit', /<failure type="state-refused" message="the state is refused: it has 3 \w+/],
    [
      'sarif',
      /"executionSuccessful": false,\s+"toolExecutionNotifications": \[\s+\{\s+"descriptor": \{\s+"id": "state-refused"/,
    ],
  ] as const) {
    it(`refuse a state as ${format}`, async () => {
      const args = ['check', source(), '--max-entries', '2', '--format', format];
      const { code, stdout, stderr } = await runInProcess(args);
      assert.equal(code, 1);
      assert.equal(stderr, '');
      assert.match(stdout.toString(), said);
    });
  }

  it('refuse a directory that a thread reads, too', async () => {
    await mkdir(join(source(), 'many'));
    for (let index = 0; index < 3000; index++) await writeFile(join(source(), `many/${index}`), '');
    const { code, stdout } = await runInProcess(['check', source(), '--max-entries', '2900']);
    assert.equal(code, 1);
    assert.match(stdout.toString(), /it has 2901 files or more/);
  });

  it('refuse a state for generate, which leaves what is there and what it keeps', async () => {
    await push([good, content]);
    assert.equal((await runInProcess(['generate', bare(), '--out', out()])).code, 0);
    const before = await readlink(out('current'));
    const kept = await readdir(out('.lookaside/source'));
    await rename(bare(), `${bare()}.old`);
    await push([good, content], ['a', ''], ['b', '']);
    const args = ['generate', bare(), '--out', out(), '--max-entries', '2'];
    const { code, stderr } = await runInProcess(args);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^lookaside: commit [0-9a-f]{40} is refused: it has \d files or more, .*brought by a <a@test>\nhint: /,
    );
    assert.equal(await readlink(out('current')), before);
    assert.deepEqual(await readdir(out('.lookaside/source')), kept);
    assert.equal((await runInProcess(['generate', bare(), '--out', out()])).code, 0);
  });
});
