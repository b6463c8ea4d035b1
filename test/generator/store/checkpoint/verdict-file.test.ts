import assert from 'node:assert/strict';
import {
  appendFile,
  mkdir,
  open,
  readFile,
  readdir,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type VerdictFile,
  openVerdictFile,
} from '../../../../generator/store/checkpoint/verdict-file.ts';
import {
  type VerdictIndex,
  formatVerdictLine,
} from '../../../../generator/store/checkpoint/verdict-index.ts';
import { startBackground } from '../../../e2e/background.ts';
import { eventually } from '../../../e2e/eventually.ts';
import { run } from '../../../e2e/run.ts';
import { useTemporary } from '../../../e2e/temporary.ts';

const ADD_VERDICTS = fileURLToPath(new URL('add-verdicts.ts', import.meta.url));
const ROOM_OF_ONE_BLOCK = 'trap "" XFSZ; ulimit -f 1; exec "$0" "$@"';

const unexpected = (error: unknown): void => assert.fail(String(error));
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `key-${from + index}\ttext`);
const textsOf = (index: VerdictIndex) =>
  Array.from({ length: index.size }, (_, line) => index.text(line));
const numbersOf = (index: VerdictIndex, ...texts: readonly string[]) =>
  texts.flatMap((text) => Array.from(index.find(text.split('\t', 1)[0] ?? '')));

describe('generator: file of remembered verdicts', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'x.verdicts');
  const openFile = async () => openVerdictFile(path(), unexpected);

  async function fileWith(...texts: readonly string[]): Promise<VerdictFile> {
    const file = await openFile();
    for (const text of texts) file.add(text);
    return file;
  }

  /** What another process would find. */
  async function readAgain(): Promise<readonly (string | undefined)[]> {
    const file = await openFile();
    const texts = textsOf(await file.read());
    await file.close();
    return texts;
  }

  it('is made where there is none, for its owner alone', async () => {
    const file = await openFile();
    assert.deepEqual(textsOf(await file.read()), []);
    await file.close();
    assert.equal((await stat(path())).mode & 0o777, 0o600);
  });

  it('cannot be opened where no file can be', async () => {
    await mkdir(path());
    await assert.rejects(openFile(), { code: 'EISDIR' });
    await assert.rejects(openVerdictFile(join(path(), 'no', 'x'), unexpected), { code: 'ENOENT' });
  });

  it('has all lines that were added at once, in order', async () => {
    const texts = numbered(0, 5000);
    const file = await fileWith(...texts);
    assert.deepEqual(textsOf(await file.read()), texts);
    await file.close();
    assert.deepEqual(await readAgain(), texts);
  });

  it('has all lines that were added little by little when it is closed', async () => {
    const file = await openFile();
    const texts = numbered(0, 300);
    for (const text of texts) {
      file.add(text);
      if (Math.random() < 0.3) await sleep(Math.random());
    }
    await file.close();
    assert.deepEqual(await readAgain(), texts);
  });

  it('takes nothing more once it is closed', async () => {
    const file = await fileWith('a\t1');
    await Promise.all([file.close(), file.close()]);
    file.add('b\t2');
    await file.keep(await file.read(), []);
    await file.close();
    assert.deepEqual(await readAgain(), ['a\t1']);
  });

  it('goes on behind a last line that was cut short, at any length', async () => {
    const whole = formatVerdictLine('torn\ttext');
    for (let length = 0; length <= whole.length; length++) {
      await writeFile(path(), formatVerdictLine('a\t1') + whole.slice(0, length));
      await (await fileWith('b\t2')).close();
      const found = (await readAgain()).filter((text) => text !== undefined);
      const isWhole = length >= whole.length - 1;
      assert.deepEqual(found, ['a\t1', ...(isWhole ? ['torn\ttext'] : []), 'b\t2'], `${length}`);
    }
  });

  it('goes on when its end is cut off while it is open', async () => {
    const file = await fileWith('a\t1', 'b\t2');
    const { bytes } = await file.read();
    await truncate(path(), bytes.length - 3);
    file.add('c\t3');
    file.add('d\t4');
    await file.close();
    assert.deepEqual(
      (await readAgain()).filter((text) => text !== undefined),
      ['a\t1', 'd\t4'],
    );
  });

  describe('when others are put in place of all lines', () => {
    it('leaves these, and what is added from then on', async () => {
      const file = await fileWith(...numbered(0, 2500));
      const replacing = file.replace(numbered(5000, 7100));
      file.add('after\ttext');
      await replacing;
      file.add('later\ttext');
      await file.close();
      assert.deepEqual(await readAgain(), [...numbered(5000, 7100), 'after\ttext', 'later\ttext']);
      assert.deepEqual(await readdir(directory()), ['x.verdicts']);
    });

    it('knows how long it is', async () => {
      const file = await fileWith(...numbered(0, 500), 'ü\ttext');
      const isAsLong = async () => {
        await file.read();
        assert.equal(file.size(), (await stat(path())).size);
      };
      await isAsLong();
      await file.replace(numbered(0, 3));
      await isAsLong();
      file.add('more\ttext');
      await isAsLong();
      await file.close();
    });

    it('leaves all as it was when it is closed meanwhile', async () => {
      const file = await fileWith(...numbered(0, 100));
      const replacing = file.replace(numbered(5000, 9000));
      await Promise.all([file.close(), replacing]);
      assert.deepEqual(await readAgain(), numbered(0, 100));
      assert.deepEqual(await readdir(directory()), ['x.verdicts']);
    });

    it('leaves all as it was, and says so, when it cannot be written', async () => {
      const errors: unknown[] = [];
      const file = await openVerdictFile(path(), (error) => errors.push(error));
      file.add('a\t1');
      await file.read();
      await mkdir(`${path()}.new`);
      await file.replace(['b\t2']);
      await file.close();
      assert.equal(errors.length, 1);
      assert.match(String(errors[0]), /EISDIR/);
      assert.deepEqual(await readAgain(), ['a\t1']);
    });
  });

  describe('when only some lines are kept', () => {
    it('leaves these', async () => {
      const file = await fileWith(...numbered(0, 2500));
      const index = await file.read();
      const kept = Array.from({ length: 1250 }, (_, line) => 2 * line);
      await file.keep(index, kept);
      const texts = kept.map((line) => index.text(line));
      assert.deepEqual(textsOf(await file.read()), texts);
      await file.close();
      assert.deepEqual(await readAgain(), texts);
    });

    it('leaves what was added since they were read, and while that goes on', async () => {
      const file = await fileWith(...numbered(0, 3000));
      const index = await file.read();
      file.add('since\tread');
      const keeping = file.keep(index, numbersOf(index, 'key-7', 'key-8'));
      const during: string[] = [];
      for (let done = false; !done;) {
        const text = `during-${during.length}\ttext`;
        during.push(text);
        file.add(text);
        done = await Promise.race([keeping.then(() => true), sleep(0, false)]);
      }
      file.add('after\tthat');
      await file.close();
      const expected = ['key-7\ttext', 'key-8\ttext', 'since\tread', ...during, 'after\tthat'];
      assert.deepEqual(await readAgain(), expected);
      assert.deepEqual(await readdir(directory()), ['x.verdicts']);
    });

    it('loses nothing that is added while they are read', async () => {
      for (let round = 0; round < 4; round++) {
        const file = await openFile();
        const texts: string[] = [];
        const addSome = () => {
          for (const text of numbered(texts.length, texts.length + 3000)) {
            texts.push(text + '.'.repeat(200));
            file.add(text + '.'.repeat(200));
          }
        };
        addSome();
        const reading = file.read();
        for (let part = 0; part < 5; part++) {
          await sleep(0);
          addSome();
        }
        const index = await reading;
        await file.keep(index, [...numbersOf(index, ...texts)]);
        await file.close();
        assert.deepEqual(await readAgain(), texts);
        await writeFile(path(), '');
      }
    });

    it('may leave none', async () => {
      const file = await fileWith('a\t1');
      await file.keep(await file.read(), []);
      file.add('b\t2');
      await file.close();
      assert.deepEqual(await readAgain(), ['b\t2']);
    });

    it('leaves out the rest of what a killed process left', async () => {
      await writeFile(`${path()}.new`, 'half of a li');
      const file = await fileWith('a\t1', 'b\t2');
      const index = await file.read();
      await file.keep(index, numbersOf(index, 'b'));
      await file.close();
      assert.deepEqual(await readAgain(), ['b\t2']);
      assert.deepEqual(await readdir(directory()), ['x.verdicts']);
    });

    it('keeps all where the shorter file cannot be written, and says so once', async () => {
      const errors: unknown[] = [];
      const file = await openVerdictFile(path(), (error) => errors.push(error));
      file.add('a\t1');
      const index = await file.read();
      await mkdir(`${path()}.new`);
      await file.keep(index, []);
      file.add('b\t2');
      await file.keep(index, []);
      await file.close();
      assert.equal(errors.length, 1);
      assert.deepEqual(await readAgain(), ['a\t1']);
    });
  });

  describe('on a full disk', () => {
    it('says so once, and goes on without', async () => {
      const errors: unknown[] = [];
      const file = await openVerdictFile('/dev/full', (error) => errors.push(error));
      for (const text of numbered(0, 100)) file.add(text);
      await eventually(() => assert.equal(errors.length, 1));
      for (const text of numbered(100, 200)) file.add(text);
      await file.close();
      assert.match(String(errors[0]), /ENOSPC/);
      assert.equal(errors.length, 1);
    });

    it('leaves whole lines and one that is torn, behind which the next process goes on', async () => {
      const node = [process.execPath, '--import', 'tsx', ADD_VERDICTS, path(), '200'];
      const { stdout, code } = await run('sh', ['-c', ROOM_OF_ONE_BLOCK, ...node]);
      assert.match(stdout, /^open\nerror: .*EFBIG.*\nclosed\n$/);
      assert.equal(code, 0);
      const written = await readFile(path(), 'latin1');
      assert.notEqual(written.at(-1), '\n', 'the last line is torn');
      await (await fileWith('new\ttext')).close();
      const texts = (await readAgain()).filter((text) => text !== undefined);
      const whole = written.split('\n').length - 1;
      assert(whole > 0);
      const expected = Array.from(
        { length: whole },
        (_, line) => `key-${line}\t${'x'.repeat(line)}`,
      );
      assert.deepEqual(texts, [...expected, 'new\ttext']);
    });

    it('cannot be opened where not even one byte can be added', async () => {
      const block = 512;
      const sizeLimit = (await run('sh', ['-c', 'ulimit -f 1; ulimit -f'])).stdout.trim();
      assert.equal(sizeLimit, '1');
      await writeFile(path(), Buffer.alloc(2 * block, 'x'));
      const node = [process.execPath, '--import', 'tsx', ADD_VERDICTS, path(), '1'];
      const { stdout, stderr, code } = await run('sh', ['-c', ROOM_OF_ONE_BLOCK, ...node]);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /EFBIG/);
      assert.doesNotMatch(stderr, /Closing file descriptor/);
    });
  });

  it('holds whole and good lines only, but for the last, after a process was killed', async () => {
    for (let kill = 0; kill < 2; kill++) {
      await appendFile(path(), '');
      const before = (await readAgain()).length;
      const { size } = await stat(path());
      const node = ['--import', 'tsx', ADD_VERDICTS, path()];
      const child = await startBackground(process.execPath, node);
      await child.waitForLine(/^open$/, 20_000);
      await eventually(async () => assert((await stat(path())).size > size + 100_000));
      assert.equal(await child.stop('SIGKILL'), null);

      const file = await openFile();
      const index = await file.read();
      const added = textsOf(index).slice(before);
      const whole = added.at(-1) === undefined ? added.slice(0, -1) : added;
      assert(whole.length > 100);
      for (const [line, text] of whole.entries()) {
        assert.equal(text, `key-${line}\t${'x'.repeat(line % 300)}`);
      }
      await file.close();
    }
  });

  it('is shared by two that add to it', async () => {
    const [one, other] = [await openFile(), await openFile()];
    for (let line = 0; line < 500; line++) {
      one.add(`one-${line}\ttext`);
      other.add(`other-${line}\ttext`);
      if (line % 50 === 0) await sleep(0);
    }
    await Promise.all([one.close(), other.close()]);
    const texts = await readAgain();
    assert.equal(new Set(texts).size, 1000);
    assert(!texts.includes(undefined));
  });

  it('reads on what another has made of it', async () => {
    const file = await fileWith('a\t1');
    await file.read();
    const handle = await open(path(), 'a');
    await handle.appendFile('garbage without an end');
    await handle.close();
    file.add('b\t2');
    file.add('c\t3');
    await file.read();
    file.add('d\t4');
    await file.close();
    assert.deepEqual(
      (await readAgain()).filter((text) => text !== undefined),
      ['a\t1', 'c\t3', 'd\t4'],
    );
  });
});
