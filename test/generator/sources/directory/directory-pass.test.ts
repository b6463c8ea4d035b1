import assert from 'node:assert/strict';
import { chmod, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { createDirectorySource } from '../../../../generator/sources/directory/directory.ts';
import { createDirectoryPass } from '../../../../generator/sources/directory/directory-pass.ts';
import type { Entry, Pass } from '../../../../generator/sources/source.ts';
import { asNobody } from '../../../kit/process/as-nobody.ts';
import { runOrThrow } from '../../../kit/process/run.ts';
import { useTemporary } from '../../../kit/temporary.ts';
import { collect, fileAt, listEntries } from '../../../kit/remote/collect.ts';

/** Several batches. */
const MANY = 1500;
const NEVER = new AbortController().signal;

/** All that a pass gives, bytes and all, sorted. */
async function readAll(pass: Pass): Promise<readonly string[]> {
  const read = (await collect(pass.entries())).map(async (entry) => {
    if (entry.kind !== 'file') return `${entry.path} ${entry.kind}`;
    const bytes = await pass.read(entry);
    const content = 'code' in bytes ? bytes.message : Buffer.from(bytes).toString('hex');
    return `${entry.path} ${entry.size} ${content}`;
  });
  return (await Promise.all(read)).toSorted();
}

describe('a pass over a directory', () => {
  const root = useTemporary();
  const at = (...names: string[]): string => join(root(), ...names);
  const write = async (path: string, content: string | Uint8Array): Promise<void> => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), content);
  };
  const writeMany = async (): Promise<void> => {
    for (let index = 0; index < MANY; index++) {
      await write(`team-${index % 7}/app-${index}/signature-1`, `content ${index}`);
    }
  };
  const open = async (ending = NEVER): Promise<Pass> =>
    (await createDirectoryPass(root(), '', ending)).refresh();
  const assertAsSource = async (): Promise<void> => {
    const source = await createDirectorySource(root(), '');
    assert.deepEqual(await readAll(await open()), await readAll(await source.refresh()));
  };

  it('gives what a source gives that is followed', async () => {
    const name = fc.constantFrom('a', 'b', 'signature-1', 'signature-2', '.git', 'é', '😀 x');
    const path = fc.array(name, { minLength: 1, maxLength: 4 });
    const file = fc.tuple(path, fc.uint8Array({ maxLength: 20 }), fc.constantFrom(0, 0, 20_000));
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 12 }), async (files) => {
        await rm(root(), { recursive: true });
        await mkdir(root());
        for (const [names, bytes, size] of files) {
          // A file may stand where another needs a directory, and the other way round.
          await write(names.join('/'), bytes).catch(() => undefined);
          if (size > 0) await truncate(at(...names), size).catch(() => undefined);
        }
        await assertAsSource();
      }),
      { numRuns: 100 },
    );
  });

  it('gives the same of links, pipes and names that are not UTF-8', async () => {
    await write('real/signature-1', 'x');
    await symlink('real/signature-1', at('signature-1'));
    await symlink('real', at('to-directory'));
    await symlink('..', at('real/loop'));
    await runOrThrow('mkfifo', [at('signature-2')]);
    const raw = Buffer.from('/caf\xe9', 'latin1');
    await mkdir(Buffer.concat([Buffer.from(root()), raw]));
    await writeFile(Buffer.concat([Buffer.from(root()), raw, Buffer.from('/signature-1')]), 'x');
    await assertAsSource();
    assert.ok((await listEntries((await open()).entries())).includes('symlink signature-1'));
  });

  it('gives the same of many files', async () => {
    await writeMany();
    await write('team-0/app-7/signature-2', '');
    await write('team-0/app-7/signature-3', Buffer.alloc(300_000, 1));
    await write('team-0/README.md', 'text');
    await assertAsSource();
  });

  it('gives the same of many files in one folder', async () => {
    for (let index = 1; index <= MANY; index++) await write(`app/signature-${index}`, `${index}`);
    await write('other/signature-1', 'x');
    await assertAsSource();
  });

  it('counts the entries', async () => {
    await writeMany();
    await write('.git/config', 'x');
    assert.equal(await (await open()).count(), MANY);
  });

  it('reads a subtree alone, through a link that leads to it', async () => {
    await write('sigs/deep/signature-1', 'x');
    await symlink('sigs', at('current'));
    const pass = await (await createDirectoryPass(at('current'), 'deep', NEVER)).refresh();
    assert.deepEqual(await listEntries(pass.entries()), ['file signature-1']);
  });

  it('rejects a file that cannot be read, by its code', async () => {
    await write('signature-1', 'x');
    await chmod(at('signature-1'), 0);
    await asNobody(async () => {
      const pass = await open();
      const answer = await pass.read(await fileAt(pass, 'signature-1'));
      assert.ok('code' in answer);
      assert.equal(answer.code, 'unreadable');
      assert.match(answer.message, /^the file cannot be read: EACCES/);
    });
  });

  it('names no file that comes and goes while it lists, but as a file', async () => {
    const busy = new AbortController();
    const churn = (async () => {
      while (!busy.signal.aborted) {
        await Promise.all([1, 2, 3].map((number) => write(`d/signature-${number}`, 'x')));
        await rename(at('d'), at('e'));
        await rm(at('e'), { recursive: true });
      }
    })();
    const kinds = new Set<Entry['kind']>();
    for (let round = 0; round < 300; round++) {
      for (const { kind } of await collect((await open()).entries())) kinds.add(kind);
    }
    busy.abort();
    await churn;
    kinds.delete('file');
    assert.deepEqual([...kinds], []);
  });

  for (const [where, prepare] of [
    ['in the first batch', async () => undefined],
    ['in a later one', writeMany],
  ] as const) {
    it(`fails, rather than leave out, when a directory cannot be read ${where}`, async () => {
      await prepare();
      await write('team-0/closed/signature-1', 'x');
      await chmod(at('team-0/closed'), 0);
      await assert.rejects(
        asNobody(async () => collect((await open()).entries())),
        {
          name: 'SourceError',
          message: `${at('team-0/closed')}: cannot be read: EACCES`,
          hint: 'make it readable for the user that runs Lookaside',
        },
      );
      await chmod(at('team-0/closed'), 0o755);
    });
  }

  it('stops when it is told to', async () => {
    await writeMany();
    const ending = new AbortController();
    const source = await createDirectoryPass(root(), '', ending.signal);
    const listing = collect((await source.refresh()).entries());
    ending.abort();
    await assert.rejects(listing, { name: 'SourceError' });
    const pass = await open();
    const closed = collect(pass.entries());
    await pass.close();
    await assert.rejects(closed, { name: 'SourceError' });
  });

  it('says so when nothing is there', async () => {
    await assert.rejects(createDirectoryPass(at('missing'), '', NEVER), {
      name: 'SourceError',
      message: `${at('missing')}: no such directory`,
    });
  });
});
