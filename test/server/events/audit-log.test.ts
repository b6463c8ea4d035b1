// The audit log on a real disk: rotated, torn, unwritable, and with more than one line can hold.
import assert from 'node:assert/strict';
import {
  appendFile,
  chmod,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import { SignatureStore } from '../../../generator/store/store.ts';
import type { PublishableFile } from '../../../generator/gate/checked-file.ts';
import { AUDIT_OPENING, AuditFile, NoAuditFileError } from '../../../server/events/audit-file.ts';
import { AuditLog, type AuditLogOptions } from '../../../server/events/audit-log.ts';
import { NO_DIFFERENCE, type Publication } from '../../../server/events/publication.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { eventually } from '../../kit/eventually.ts';
import { type CapturedLines, captureLines } from '../../kit/server/captured-lines.ts';
import { createFakeJudge } from '../../kit/server/fake-judge.ts';
import { useTemporary } from '../../kit/temporary.ts';

type Line = Record<string, unknown>;

describe('the audit log', () => {
  const directory = useTemporary();
  let path: string;
  let file: AuditFile;
  let audit: AuditLog;
  let troubles: Troubles;
  let log: CapturedLines;

  const make = (options: Partial<AuditLogOptions> = {}): void => {
    path = join(directory(), 'audit.log');
    file = new AuditFile(path);
    troubles = new Troubles(() => new Date());
    log = captureLines();
    audit = new AuditLog({
      target: file,
      source: 'https://git.example/sigs.git',
      troubles,
      log: createProgramLog(log.stream),
      now: () => new Date(0),
      firstPause: 1,
      ...options,
    });
  };
  const add = (number: number): void => audit.add(toPublication(number), {});
  const read = async (name = path): Promise<readonly Line[]> => {
    const lines = (await readFile(name, 'utf8')).split('\n');
    assert.equal(lines.pop(), '', 'the last line has an end');
    return lines.map((line) => JSON.parse(line) as Line);
  };
  const numbersIn = async (name = path): Promise<readonly unknown[]> =>
    (await read(name)).map(({ generation, publications }) => generation ?? { publications });

  beforeEach(() => make());
  afterEach(async () => audit.close());

  it('has a line for each publication, and goes on behind what is there', async () => {
    await writeFile(path, '{"generation":0}\n');
    for (const number of [1, 2, 3]) add(number);
    await audit.settle();
    assert.deepEqual(await numbersIn(), [0, 1, 2, 3]);
    assert.deepEqual(audit.counts, { written: 3, lost: 0 });
  });

  const rotations: readonly (readonly [title: string, rotate: (name: string) => Promise<void>])[] =
    [
      ['renamed', async (name) => rename(name, `${name}.1`)],
      ['removed', async (name) => rm(name)],
      ['replaced', async (name) => rename(name, `${name}.1`).then(async () => writeFile(name, ''))],
      ['cut', async (name) => truncate(name)],
    ];
  for (const [title, rotate] of rotations) {
    it(`goes on in the file that has its name when the old one is ${title}`, async () => {
      add(1);
      await audit.settle();
      await rotate(path);
      add(2);
      await audit.settle();
      assert.deepEqual(await numbersIn(), [2]);
      const { mode } = await stat(path);
      if (title === 'removed') assert.equal(mode & 0o007, 0, 'it is not for everybody');
    });
  }

  it('is over any trouble with opening it once a line is written', async () => {
    troubles.raise('audit-log', { message: 'it could not be opened' }, AUDIT_OPENING);
    for (const number of [1, 2]) {
      add(number);
      await audit.settle();
      assert.deepEqual(troubles.list(), []);
      troubles.raise('audit-log', { message: 'nor at a reload' }, AUDIT_OPENING);
    }
  });

  it('is made for its user and group, whatever the umask is, and else left as it is', async () => {
    const before = process.umask(0o077);
    try {
      add(1);
      await audit.settle();
      assert.equal((await stat(path)).mode & 0o777, 0o640);
      await chmod(path, 0o600);
      add(2);
      await audit.settle();
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    } finally {
      process.umask(before);
    }
  });

  it('ends a line that a kill has cut', async () => {
    await writeFile(path, '{"generation":1}\n{"genera');
    add(2);
    await audit.settle();
    assert.equal((await readFile(path, 'utf8')).split('\n')[1], '{"genera');
    assert.match(await readFile(path, 'utf8'), /^\{"genera\n\{"version":1,.*"generation":2/m);
  });

  it('waits while it cannot be written, and tells how much is missing', async () => {
    make({ limits: { events: 2, bytes: 1_000_000 } });
    await mkdir(path);
    add(1);
    await eventually(() => assert.match(troubles.list()[0]?.message ?? '', /EISDIR/));
    // One is being tried, two wait; the oldest of those go.
    for (const number of [2, 3, 4, 5]) add(number);
    await eventually(() =>
      assert.match(troubles.list()[0]?.message ?? '', /3 publications wait, 2 are lost$/),
    );
    await rm(path, { recursive: true });
    await audit.settle();
    await eventually(async () =>
      assert.deepEqual(await numbersIn(), [{ publications: 2 }, 1, 4, 5]),
    );
    await eventually(() => assert.deepEqual(audit.counts, { written: 3, lost: 2 }));
    assert.deepEqual(troubles.list(), []);
    assert.match(log.text(), /"msg":"the audit log is written again"/);
  });

  it('has no room for what waits and is too large, but for anything that need not wait', async () => {
    make({ limits: { events: 5, bytes: 1200 } });
    const rejected = [toRejected('a'), toRejected('b')];
    const addLarge = (number: number): void =>
      audit.add({ ...toPublication(number), difference: { ...NO_DIFFERENCE, rejected } }, {});
    addLarge(1);
    addLarge(2);
    add(3);
    await audit.settle();
    addLarge(4);
    await audit.settle();
    assert.deepEqual(await numbersIn(), [1, { publications: 1 }, 3, 4]);
  });

  it('keeps little in memory of what waits, however much was removed', async () => {
    await mkdir(path);
    add(1);
    const [removed] = await makeFiles(1);
    assert(removed);
    const difference = { ...NO_DIFFERENCE, removed: Array.from({ length: 60_000 }, () => removed) };
    for (const number of [2, 3, 4]) audit.add({ ...toPublication(number), difference }, {});
    assert.equal(audit.counts.lost, 1);
  });

  it('keeps no stop waiting that cannot be written, and tells what is lost', async () => {
    await mkdir(path);
    for (const number of [1, 2]) add(number);
    await audit.close();
    assert.deepEqual(audit.counts, { written: 0, lost: 2 });
    assert.match(log.text(), /"publications":2,.*publications are missing in the audit log/);
  });

  it('is no directory and no device', async () => {
    await assert.rejects(new AuditFile('/dev/null').open(), NoAuditFileError);
    await assert.rejects(new AuditFile(directory()).open(), { code: 'EISDIR' });
  });

  it('has all changes, in lines that container runtimes do not cut', async () => {
    const count = 1000;
    const files = await makeFiles(count);
    const added = files.map((one) => ({ file: one, directory: one.directory, number: 1 }));
    const rejected = Array.from({ length: 10 }, (_, number) => toRejected(`bad-${number}`));
    const difference = { ...NO_DIFFERENCE, added, removed: files.slice(0, 7), rejected };
    audit.add({ ...toPublication(1), difference }, { author: 'A <a>' });
    await audit.settle();
    const text = await readFile(path, 'utf8');
    for (const line of text.split('\n')) assert(Buffer.byteLength(line) < 16 * 1024);
    const lines = await read();
    assert(lines.length > 5);
    assert.deepEqual(
      lines.map(({ part, more }) => [part, more]),
      lines.map((_, at) => [at + 1, at < lines.length - 1]),
    );
    const all = (name: string): readonly unknown[] => lines.flatMap((line) => line[name] as Line[]);
    assert.deepEqual(
      all('added'),
      files.map((one) => ({
        path: one.path,
        signer: null,
        identity: 'registry.example.com/team/app:1',
        servedAs: `/${one.path}`,
      })),
    );
    assert.equal(all('removed').length, 7);
    assert.equal(all('rejected').length, 10);
    for (const line of lines) {
      assert.deepEqual(line['counts'], { added: count, removed: 7, rejected: 10 });
      assert.equal(line['author'], 'A <a>');
    }
  });

  it('has a path that is longer than a line, too', async () => {
    const rejected = [toRejected('é'.repeat(20_000)), toRejected('\u202e'.repeat(9000))];
    audit.add({ ...toPublication(1), difference: { ...NO_DIFFERENCE, rejected } }, {});
    await audit.settle();
    assert.doesNotMatch(await readFile(path, 'utf8'), /\u202e/);
    assert.deepEqual(
      (await read()).flatMap((line) => line['rejected']),
      rejected.map((one) => ({ path: one.path, code: one.code })),
    );
  });

  it('goes on behind a line of somebody else', async () => {
    add(1);
    await audit.settle();
    await appendFile(path, '{"generation":"mine"}\n');
    add(2);
    await audit.settle();
    assert.deepEqual(await numbersIn(), [1, 'mine', 2]);
  });
});

function toPublication(number: number): Publication {
  return {
    generation: { number, commit: 'c'.repeat(40), loadedAt: new Date(0).toISOString() },
    signatures: 1,
    before: null,
    isInitial: false,
    cause: 'source',
    difference: NO_DIFFERENCE,
  };
}

function toRejected(path: string) {
  const words = { message: 'expected binary, got text', hint: 'dearmor it' };
  return {
    path,
    status: 'rejected' as const,
    code: 'armored' as const,
    breaksPulls: true,
    ...words,
  };
}

async function makeFiles(count: number): Promise<readonly PublishableFile[]> {
  const store = new SignatureStore(false);
  const { judge } = createFakeJudge();
  for (let number = 0; number < count; number++) {
    const hex = number.toString(16).padStart(64, '0');
    const name = `team/app@sha256=${hex}`;
    const place = { directory: name, repository: 'team/app', digestHex: hex, number: 1 };
    const signature = await judge(place, Buffer.from(`${number}`), new Date(), 'any');
    assert('hash' in signature);
    store.add([
      { kind: 'publishable', path: `${name}/signature-1`, directory: name, number: 1, signature },
    ]);
  }
  return [...store.signedDirectories()].flatMap(({ directory }) => store.servedFilesIn(directory));
}
