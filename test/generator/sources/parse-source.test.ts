import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseSource } from '../../../generator/sources/parse-source.ts';
import { runOrThrow } from '../../kit/process/run.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const DIRECTORIES = [
  '.',
  'signatures',
  './a:b',
  '/srv/signatures',
  './-dashed',
  'git',
  'signatures.git/',
  '/srv/with space/x',
  'caffè',
  '~',
];

const URLS = [
  'https://git.example/team/signatures',
  'http://127.0.0.1:8080/x',
  'HTTPS://git.example/x',
  'ssh://git@git.example:2222/team/signatures.git',
  'git://git.example/x',
  'file:///srv/signatures',
  'git@git.example:team/signatures.git',
  'git@git.example:/srv/signatures',
  'host:team/signatures',
  'host:/srv/signatures',
  'git@[::1]:signatures',
  'host:signatures.git',
];

const PATHS_OF_REPOSITORIES = ['signatures.git', './x.git', '/srv/signatures.git', '../a/b.git'];

const REFUSED: Readonly<Record<string, RegExp>> = {
  '': /^expected a directory or git URL, got ""$/,
  '-x': /^expected a directory or git URL, got "-x"$/,
  '--upload-pack=touch /tmp/x': /^expected a directory or git URL/,
  'ext::sh -c id': /^cannot fetch from ext::$/,
  'EXT::sh -c id': /^cannot fetch from EXT::$/,
  'fd::17': /^cannot fetch from fd::$/,
  'ext::sh -c id.git': /^cannot fetch from ext::$/,
  'ftp://git.example/x': /^cannot fetch from ftp:\/\/$/,
  'rsync://git.example/x.git': /^cannot fetch from rsync:\/\/$/,
  'javascript://x': /^cannot fetch from javascript:\/\/$/,
  'file:srv/signatures': /^expected file:\/\/ and an absolute path, got "file:srv\/signatures"$/,
  'file:/srv/signatures.git': /^expected file:\/\/ and an absolute path/,
  'file://srv/signatures': /^expected file:\/\/ and an absolute path/,
  '~/signatures.git': /^there is no directory "~\/signatures\.git"$/,
  '~git/signatures': /^there is no directory "~git\/signatures"$/,
  'https://user:s3cret@git.example/x': /^the URL contains a user name or password/,
  'https://:s3cret@git.example/x': /^the URL contains a user name or password/,
  'https://a@b:s3cret@git.example/x': /^the URL contains a user name or password/,
  'https://s3cret@git.example/x': /^the URL contains a user name or password/,
  'http://s3cret@git.example/x': /^the URL contains a user name or password/,
  'ssh://git:s3cret@git.example/x': /^the URL contains a user name or password/,
};

describe('what SOURCE names', () => {
  for (const path of DIRECTORIES) {
    it(`${path} is a directory`, () => {
      assert.deepEqual(parseSource(path), { kind: 'directory', path });
    });
  }

  for (const url of URLS) {
    it(`${url} is a git URL`, () => {
      assert.deepEqual(parseSource(url), { kind: 'git', url });
    });
  }

  for (const path of PATHS_OF_REPOSITORIES) {
    it(`${path} is a git repository on this machine, wherever git is run`, () => {
      assert.deepEqual(parseSource(path), { kind: 'git', url: resolve(path) });
    });
  }

  for (const [source, message] of Object.entries(REFUSED)) {
    it(`${JSON.stringify(source)} is refused`, () => {
      assert.throws(
        () => parseSource(source),
        (error: Error & { hint?: string }) => {
          assert.equal(error.name, 'SourceAddressError');
          assert.match(error.message, message);
          assert.ok(error.hint);
          assert.doesNotMatch(`${error.message} ${error.hint}`, /s3cret/);
          return true;
        },
      );
    });
  }

  const BUNDLES: readonly (readonly [source: string, path: string])[] = [
    ['signatures.bundle', resolve('signatures.bundle')],
    ['../x.bundle', resolve('../x.bundle')],
    ['file:///srv/a%20b.bundle', '/srv/a b.bundle'],
  ];
  for (const [source, url] of BUNDLES) {
    it(`${source} is a bundle`, () => {
      assert.deepEqual(parseSource(source), { kind: 'git', url, isBundle: true });
    });
  }
});

describeWith(['git'], 'what SOURCE names, where something has that name', () => {
  const directory = useTemporary('suite');
  let home: string;
  before(async () => {
    home = process.cwd();
    process.chdir(directory());
    for (const name of ['host:team', 'file:x', '~/x', 'a.bundle', 'up/down']) {
      await mkdir(name, { recursive: true });
    }
    await runOrThrow('git', ['init', '--quiet', '--bare', 'host:bare']);
    await runOrThrow('git', ['init', '--quiet', '--bare', 'host:store.bundle']);
    await writeFile('host:x.bundle', '');
  });
  after(() => process.chdir(home));

  // As `git clone` takes them.
  for (const path of ['host:team', 'file:x', '~/x', 'a.bundle', 'up/../up/down']) {
    it(`${path} is the directory`, () => {
      assert.deepEqual(parseSource(path), { kind: 'directory', path });
    });
  }

  for (const path of ['host:bare', './host:bare', 'up/../host:bare', 'host:store.bundle']) {
    it(`${path} is the repository`, () => {
      const url = join(process.cwd(), path);
      assert.deepEqual(parseSource(path), { kind: 'git', url });
    });
  }

  it('host:x.bundle is the bundle', () => {
    const url = join(process.cwd(), 'host:x.bundle');
    assert.deepEqual(parseSource('host:x.bundle'), { kind: 'git', url, isBundle: true });
  });

  it('host:y.bundle is that of the host', () => {
    assert.deepEqual(parseSource('host:y.bundle'), { kind: 'git', url: 'host:y.bundle' });
  });
});
