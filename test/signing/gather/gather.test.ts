import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { gatherFiles } from '../../../signing/gather/gather.ts';
import type { SigningError } from '../../../signing/signing-error.ts';
import { useTemporary } from '../../kit/temporary.ts';

const HEX = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

/** What lies on the disk, what is named, and what is found there; all of it below one directory. */
const LAYOUTS: readonly {
  readonly title: string;
  readonly files: readonly string[];
  readonly operands: readonly string[];
  readonly found: readonly string[];
}[] = [
  {
    title: 'a staging directory, in the order of numbers',
    files: [
      `s/team/app@sha256=${HEX}/signature-10`,
      `s/team/app@sha256=${HEX}/signature-2`,
      `s/app@sha256=${OTHER}/signature-1`,
      's/README.md',
    ],
    operands: ['s'],
    found: [
      `s/app@sha256=${OTHER}/signature-1 in s`,
      `s/team/app@sha256=${HEX}/signature-2 in s`,
      `s/team/app@sha256=${HEX}/signature-10 in s`,
    ],
  },
  {
    title: 'a staging directory with a prefix, and a checkout',
    files: [`s/signatures/prod/app@sha256=${HEX}/signature-1`, 's/.git/signature-1'],
    operands: ['s'],
    found: [`s/signatures/prod/app@sha256=${HEX}/signature-1 in s`],
  },
  {
    title: 'one directory of a staging directory',
    files: [`s/app@sha256=${HEX}/signature-1`],
    operands: [`s/app@sha256=${HEX}`],
    found: [`s/app@sha256=${HEX}/signature-1 in s/app@sha256=${HEX}`],
  },
  {
    title: 'a copy of an image',
    files: ['c/manifest.json', 'c/version', 'c/signature-1', 'c/signature-2', `c/${HEX}`],
    operands: ['dir:c'],
    found: ['c/signature-1', 'c/signature-2'],
  },
  {
    title: 'a copy of a list, with its images',
    files: [
      'c/manifest.json',
      'c/signature-1',
      `c/${HEX}.manifest.json`,
      `c/${HEX}.signature-1`,
      `c/sha512-${HEX}${OTHER}.signature-1`,
    ],
    operands: ['dir:c'],
    found: [`c/${HEX}.signature-1`, `c/sha512-${HEX}${OTHER}.signature-1`, 'c/signature-1'],
  },
  {
    title: 'copies that skopeo sync made, wherever they lie',
    files: [
      't/host:5000/team/app:v1/manifest.json',
      't/host:5000/team/app:v1/signature-1',
      't/app:v2/manifest.json',
      't/app:v2/signature-1',
    ],
    operands: ['t'],
    found: ['t/app:v2/signature-1', 't/host:5000/team/app:v1/signature-1'],
  },
  {
    title: 'files of any name, once each',
    files: ['a.sig', 'b/signature-1'],
    operands: ['b/signature-1', 'a.sig', 'a.sig'],
    found: ['b/signature-1 in b', 'a.sig in '],
  },
];

const FAULTS: readonly (readonly [title: string, operand: string, message: RegExp])[] = [
  ['what is not there', 'none', /none: no such file or directory/],
  ['a directory of other files', '.', /: expected signatures, found none/],
  [
    'a copy without a manifest',
    'dir:empty',
    /dir:\S*empty: expected an image, got no manifest\.json/,
  ],
  ['a copy that is a file', 'dir:file', /expected a directory/],
];

describe('what skopeo and podman leave behind', () => {
  const directory = useTemporary();
  const inside = (operand: string): string =>
    operand.startsWith('dir:')
      ? `dir:${join(directory(), operand.slice('dir:'.length))}`
      : join(directory(), operand);
  const name = (path: string): string => relative(directory(), path);
  const write = async (path: string): Promise<void> => {
    await mkdir(dirname(join(directory(), path)), { recursive: true });
    await writeFile(join(directory(), path), path);
  };

  for (const { title, files, operands, found } of LAYOUTS) {
    it(`is found: ${title}`, async () => {
      for (const file of files) await write(file);
      const gathered = await gatherFiles(operands.map(inside));
      assert.deepEqual(
        gathered.map(({ file, staging }) =>
          staging === undefined ? name(file) : `${name(file)} in ${name(staging)}`,
        ),
        found,
      );
      for (const { file, bytes } of gathered)
        assert.equal(Buffer.from(bytes).toString(), name(file));
    });
  }

  it('is never found through a link', async () => {
    await write('outside/signature-1');
    await write(`s/app@sha256=${HEX}/signature-1`);
    await symlink(join(directory(), 'outside'), join(directory(), 's', 'signatures'));
    assert.equal((await gatherFiles([join(directory(), 's')])).length, 1);
  });

  const odd: readonly (readonly [title: string, path: string, operand: string, got: string])[] = [
    ['a link to a file', `s/app@sha256=${HEX}/signature-2`, 's', 'a symbolic link'],
    ['a link beside', 's/signature-2', 's', 'a symbolic link'],
    ['a link to a directory', `s/x@sha256=${HEX}`, 's', 'a symbolic link'],
    ['a link in a copy', 'c/signature-2', 'dir:c', 'a symbolic link'],
    ['a link in a tree of copies', `c/${HEX}.signature-2`, 'c', 'a symbolic link'],
    ['a directory', `s/app@sha256=${HEX}/signature-2/`, 's', 'a directory'],
    ['a directory in a copy', 'c/signature-2/', 'dir:c', 'a directory'],
  ];
  for (const [title, path, operand, got] of odd) {
    it(`is not passed over silently: ${title}`, async () => {
      for (const file of [`s/app@sha256=${HEX}/signature-1`, 'c/manifest.json', 'c/signature-1'])
        await write(file);
      const at = join(directory(), path);
      await (path.endsWith('/') ? mkdir(at) : symlink(join(directory(), 'outside'), at));
      const place = at.replace(/\/$/, '');
      await assert.rejects(gatherFiles([inside(operand)]), ({ message, hint }: SigningError) => {
        assert.ok(message.startsWith(`${place}: expected a `), message);
        assert.ok(message.endsWith(`, got ${got}`), message);
        assert.match(hint ?? '', /itself there, or remove/);
        return true;
      });
    });
  }

  it('may lie in a namespace that is named like one', async () => {
    await write(`s/signature-2/app@sha256=${HEX}/signature-1`);
    assert.equal((await gatherFiles([join(directory(), 's')])).length, 1);
  });

  for (const [title, operand, message] of FAULTS) {
    it(`is not: ${title}`, async () => {
      await mkdir(join(directory(), 'empty'));
      await write('file');
      await assert.rejects(gatherFiles([inside(operand)]), { name: 'SigningError', message });
    });
  }

  it('is nothing in a directory without files', async () => {
    await mkdir(join(directory(), 'staging/team/app'), { recursive: true });
    await write('staging/.gitkeep');
    assert.deepEqual(await gatherFiles([join(directory(), 'staging')]), []);
  });

  it('is read no further than nodes read it', async () => {
    await writeFile(join(directory(), 'large'), Buffer.alloc(5 * 1024 * 1024));
    const [file] = await gatherFiles([join(directory(), 'large')]);
    assert.equal(file?.bytes.length, 4 * 1024 * 1024 + 1);
  });

  it('says of a name that is not UTF-8 what is wrong with it', async () => {
    await mkdir(Buffer.concat([Buffer.from(`${directory()}/n`), Buffer.from([0xff])]));
    const message = /n\uFFFD: expected a name in UTF-8$/;
    const hint = 'rename it: nodes look for no such name';
    await assert.rejects(gatherFiles([directory()]), { message, hint });
  });
});
