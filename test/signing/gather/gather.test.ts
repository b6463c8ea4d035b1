import assert from 'node:assert/strict';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { gatherFiles } from '../../../signing/gather/gather.ts';
import { asNobody } from '../../kit/process/as-nobody.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';

const HEX = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

const SPECIAL = 'a pipe, a socket or a device';

/** What should stand there instead. */
function wanted(title: string): string {
  return /to a directory|of a directory/.test(title) ? 'directory of signatures' : 'signature file';
}

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
  ['a copy that is a file', 'dir:file', /expected a directory with an image/],
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

  const unusable: readonly (readonly [
    title: string,
    path: string,
    operand: string,
    said: string,
  ])[] = [
    ['a link to a file', `s/app@sha256=${HEX}/signature-2`, 's', 'symlink: a symbolic link'],
    ['a link beside', 's/signature-2', 's', 'symlink: a symbolic link'],
    ['a link to a directory', `s/x@sha256=${HEX}`, 's', 'symlink: a symbolic link'],
    ['a link in a copy', 'c/signature-2', 'dir:c', 'symlink: a symbolic link'],
    ['a link in a tree of copies', `c/${HEX}.signature-2`, 'c', 'symlink: a symbolic link'],
    ['a directory', `s/app@sha256=${HEX}/signature-2/`, 's', 'stray-file: a directory'],
    ['a directory in a copy', 'c/signature-2/', 'dir:c', 'stray-file: a directory'],
    ['a pipe', `s/app@sha256=${HEX}/signature-2|`, 's', `special-file: ${SPECIAL}`],
    ['a pipe in place of a directory', `s/x@sha256=${HEX}|`, 's', `special-file: ${SPECIAL}`],
    ['a pipe that is named', 'pipe|', 'pipe', `special-file: ${SPECIAL}`],
  ];
  for (const [title, path, operand, said] of unusable) {
    it(`is a bad file among the others, not passed over: ${title}`, async () => {
      const files = [`s/app@sha256=${HEX}/signature-1`, 'c/manifest.json', 'c/signature-1'];
      for (const file of files) await write(file);
      const at = join(directory(), path.replace(/[/|]$/, ''));
      if (path.endsWith('|')) await runOrThrow('mkfifo', [at]);
      else await (path.endsWith('/') ? mkdir(at) : symlink(join(directory(), 'outside'), at));
      const gathered = await gatherFiles([inside(operand)]);
      const bad = gathered.filter(({ rejection }) => rejection);
      assert.deepEqual(
        bad.map(({ file, rejection }) => `${file}: ${rejection?.code}: ${rejection?.message}`),
        [`${at}: ${said.replace(': ', `: expected a ${wanted(title)}, got `)}`],
      );
      assert.match(bad[0]?.rejection?.hint ?? '', /itself there, or remove it/);
      assert.equal(gathered.length - bad.length, operand === 'pipe' ? 0 : 1);
    });
  }

  it('is a bad file among the others where it cannot be read', async () => {
    const [file, closed] = [`s/a@sha256=${HEX}/signature-1`, `s/b@sha256=${HEX}/signature-1`];
    for (const path of [file, closed, `s/c@sha256=${HEX}/signature-1`]) await write(path);
    await chmod(directory(), 0o755);
    await chmod(join(directory(), file), 0);
    await chmod(dirname(join(directory(), closed)), 0);
    const gathered = await asNobody(async () => gatherFiles([inside('s')]));
    const said = gathered.map(
      ({ file: path, rejection }) => `${name(path)}: ${rejection?.code}: ${rejection?.message}`,
    );
    const denied =
      'unreadable: expected a file or directory that can be read, got EACCES: permission denied';
    assert.deepEqual(said.toSorted(), [
      `${file}: ${denied}`,
      `${dirname(closed)}: ${denied}`,
      `s/c@sha256=${HEX}/signature-1: undefined: undefined`,
    ]);
  });

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

  it('is a bad file where its name is not UTF-8, named so that bash finds it', async () => {
    const odd = Buffer.concat([Buffer.from(`${directory()}/it's n`), Buffer.from([0xff])]);
    await mkdir(Buffer.concat([odd, Buffer.from(`/app@sha256=${HEX}`)]), { recursive: true });
    await writeFile(Buffer.concat([odd, Buffer.from(`/app@sha256=${HEX}/signature-1`)]), 'bytes');
    await write(`app@sha256=${HEX}/signature-1`);
    const gathered = await gatherFiles([directory()]);
    assert.equal(gathered.length, 2);
    const bad = gathered.find(({ rejection }) => rejection);
    assert.equal(bad?.rejection?.code, 'name-not-utf8');
    assert.match(bad.origin, /^\$'\/.*\/it\\'s n\\xff\/app@sha256=ab.*\/signature-1'$/);
    const { stdout } = await runOrThrow('bash', ['-c', `cat ${bad.origin}`]);
    assert.equal(stdout, 'bytes');
  });
});
