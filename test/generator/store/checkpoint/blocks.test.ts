import assert from 'node:assert/strict';
import { mkdir, open, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import {
  DamagedFileError,
  readBlocks,
  writeBlocks,
} from '../../../../generator/store/checkpoint/blocks.ts';
import { useTemporary } from '../../../kit/temporary.ts';

const NEVER = new AbortController().signal;
const HEADING_BYTES = 8;
const MANY = 300_000;

const someBlock = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const someBlocks = fc.array(someBlock, { maxLength: 6 });

describe('generator: a file of checked blocks', () => {
  const directory = useTemporary();
  const path = () => join(directory(), 'x.image');
  const write = async (blocks: Iterable<Buffer>) => writeBlocks(path(), blocks, NEVER);

  async function read(): Promise<readonly Buffer[]> {
    const file = await open(path());
    try {
      const blocks: Buffer[] = [];
      for await (const block of readBlocks(file)) blocks.push(Buffer.from(block));
      return blocks;
    } finally {
      await file.close();
    }
  }

  const assertDamaged = async (bytes: Uint8Array): Promise<void> => {
    await writeFile(path(), bytes);
    await assert.rejects(read(), DamagedFileError);
  };

  it('gives back what was written', async () => {
    const property = fc.asyncProperty(someBlocks, async (blocks) => {
      await write(blocks);
      assert.deepEqual(await read(), blocks);
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it('gives back blocks of any size, and takes one that is good until the next is asked for', async () => {
    const sizes = [1, MANY, 2, 2 * MANY, MANY];
    const buffer = Buffer.alloc(2 * MANY);
    await write(
      (function* () {
        for (const [at, size] of sizes.entries()) yield buffer.subarray(0, size).fill(at + 1);
      })(),
    );
    const blocks = await read();
    assert.deepEqual(
      blocks,
      sizes.map((size, at) => Buffer.alloc(size, at + 1)),
    );
  });

  it('is only for its owner, and leaves nothing beside it', async () => {
    await write([Buffer.from('x')]);
    assert.equal((await stat(path())).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(directory()), ['x.image']);
  });

  it('tells every byte that is not as it was', async () => {
    await write([Buffer.from('first'), Buffer.from('second')]);
    const whole = await readFile(path());
    for (const at of whole.keys()) {
      for (const bit of [0x01, 0x80, 0xff]) {
        await assertDamaged(whole.map((byte, index) => (index === at ? byte ^ bit : byte)));
      }
    }
  });

  it('tells where it is cut short, or goes on', async () => {
    await write([Buffer.from('first'), Buffer.from('second')]);
    const whole = await readFile(path());
    for (const length of whole.keys()) await assertDamaged(whole.subarray(0, length));
    for (const more of [Buffer.of(0), Buffer.alloc(HEADING_BYTES), whole]) {
      await assertDamaged(Buffer.concat([whole, more]));
    }
  });

  it('tells blocks that are left out, put elsewhere, twice there or of another file', async () => {
    const property = fc.asyncProperty(
      fc.array(someBlock, { minLength: 2, maxLength: 5 }),
      fc.func(fc.nat()),
      async (blocks, choose) => {
        await write(blocks);
        const framed = await readFramed();
        await write([Buffer.from('another'), ...blocks]);
        const pool = [...framed.slice(0, -1), ...(await readFramed())];
        const mixed = framed.map((_, at) => pool[choose(at) % pool.length] ?? Buffer.alloc(0));
        const bytes = Buffer.concat(mixed);
        // Any mix that is one of the two files is as good as it was.
        if (bytes.equals(Buffer.concat(framed))) return;
        await assertDamaged(bytes);
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  /** Blocks as they lie in the file, the empty last one too. */
  async function readFramed(): Promise<readonly Buffer[]> {
    const whole = await readFile(path());
    const framed: Buffer[] = [];
    for (let at = 0; at < whole.length;) {
      const end = at + HEADING_BYTES + whole.readUInt32LE(at);
      framed.push(whole.subarray(at, end));
      at = end;
    }
    return framed;
  }

  for (const [what, bytes] of Object.entries({
    'nothing at all': Buffer.alloc(0),
    'all zeros': Buffer.alloc(5000),
    'all ones': Buffer.alloc(5000, 0xff),
    text: Buffer.from('a'.repeat(5000)),
  })) {
    it(`is not taken for ${what}`, () => assertDamaged(bytes));
  }

  describe('that cannot be written', () => {
    const old = [Buffer.from('old')];
    beforeEach(() => write(old));
    const assertOld = async (): Promise<void> => {
      assert.deepEqual(await read(), old);
      assert.deepEqual(await readdir(directory()), ['x.image']);
    };

    it('leaves what was there when a block fails', async () => {
      const failing = (function* () {
        yield Buffer.from('new');
        throw new Error('no more');
      })();
      await assert.rejects(write(failing), /no more/);
      await assertOld();
    });

    it('leaves what was there when it is broken off', async () => {
      const ending = new AbortController();
      const breaking = (function* () {
        yield Buffer.from('new');
        ending.abort(new Error('enough'));
        yield Buffer.from('more');
      })();
      await assert.rejects(writeBlocks(path(), breaking, ending.signal), /enough/);
      await assertOld();
    });

    it('says so when there is no room for the name', async () => {
      await mkdir(join(directory(), 'taken.image', 'x'), { recursive: true });
      const taken = join(directory(), 'taken.image');
      await assert.rejects(writeBlocks(taken, old, NEVER), { code: 'EISDIR' });
      assert.deepEqual((await readdir(directory())).toSorted(), ['taken.image', 'x.image']);
    });

    it('refuses a block that nobody would read', async () => {
      await assert.rejects(write([Buffer.alloc(65 * 1024 * 1024)]), RangeError);
      await assertOld();
    });
  });
});
