// That a release is what its tag says, and what CHANGELOG.md says of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { listBullets, parseChangelog } from '../../scripts/release/changelog.ts';
import {
  type VersionFiles,
  findVersionFaults,
  notesOf,
  versionOf,
} from '../../scripts/release/version-faults.ts';
import { type RunResult, run } from '../kit/process/run.ts';

const NEWS = '- One thing.\n- Another one,\n  on two lines.\n';
const GOOD: VersionFiles = {
  'package.json': '{"version": "1.2.0"}',
  'package-lock.json': '{"version": "1.2.0", "packages": {"": {"version": "1.2.0"}}}',
  'CHANGELOG.md': `# Changelog\n\n## 1.2.0 (2026-12-31)\n\n${NEWS}\n## 1.1.0 (2026-11-30)\n\n- Old.\n`,
};
const CURE = 'run `npm version --no-git-tag-version 1.2.0`';

async function check(...words: readonly string[]): Promise<RunResult> {
  return run(process.execPath, ['--import=tsx', 'scripts/release/check-version.ts', ...words]);
}

describe('a release', () => {
  it('has the version that everything says, and the newest notes', () => {
    assert.deepEqual(findVersionFaults('1.2.0', GOOD), []);
    assert.equal(notesOf(GOOD), NEWS.trim());
  });

  const corruptions: readonly (readonly [keyof VersionFiles, string, string, readonly string[]])[] =
    [
      ['package.json', '1.2.0', '1.1.0', [`package.json: expected 1.2.0, got 1.1.0; ${CURE}`]],
      [
        'package-lock.json',
        '1.2.0',
        '1.1.0',
        [`package-lock.json: expected 1.2.0, got 1.1.0; ${CURE}`],
      ],
      [
        'package-lock.json',
        '{"": {"version": "1.2.0"}}',
        '{"": {"version": "1.1.0"}}',
        [`the package in package-lock.json: expected 1.2.0, got 1.1.0; ${CURE}`],
      ],
      [
        'CHANGELOG.md',
        '1.2.0 (2026-12-31)',
        'Unreleased',
        [
          'CHANGELOG.md: expected 1.2.0 first, got Unreleased; call what is new "## 1.2.0 (YYYY-MM-DD)", with the day of the release',
        ],
      ],
      [
        'CHANGELOG.md',
        NEWS,
        '',
        ['CHANGELOG.md: expected what is new in 1.2.0, got nothing; write it for its users'],
      ],
    ];
  for (const [file, good, bad, expected] of corruptions) {
    it(`is refused where ${file} says ${JSON.stringify(bad)}`, () => {
      const files = { ...GOOD, [file]: GOOD[file].replace(good, bad) };
      assert.deepEqual(findVersionFaults('1.2.0', files), expected);
    });
  }

  it('is refused where CHANGELOG.md has no version at all', () => {
    const [fault = ''] = findVersionFaults('1.2.0', { ...GOOD, 'CHANGELOG.md': '# Changelog\n' });
    assert.match(fault, /^CHANGELOG\.md: expected 1\.2\.0 first, got no version; /);
  });

  for (const heading of [
    '1.2.0',
    '1.2.0 (2026-02-30)',
    '1.2.0 (31.12.2026)',
    '1.2 (2026-12-31)',
    'Soon',
  ]) {
    it(`is refused where a heading is "${heading}"`, () => {
      assert.throws(() => parseChangelog(`# Changelog\n\n## ${heading}\n\n- New.\n`), {
        message: `CHANGELOG.md: expected "## Unreleased" or "## 1.2.0 (2026-12-31)", got "## ${heading}"`,
      });
    });
  }

  it('is made of tags of versions alone', () => {
    assert.equal(versionOf('v1.2.0'), '1.2.0');
    for (const tag of ['1.2.0', 'v1.2', 'v1.2.0-rc.1', 'v1.2.0\n', 'x']) {
      assert.equal(versionOf(tag), undefined, tag);
    }
  });

  it('tells what is wrong with a tag, and what to do', async () => {
    const wrong = await check('main');
    assert.equal(wrong.stderr, 'check-version: expected one tag such as v1.2.0, got main\n');
    assert.equal(wrong.code, 2);
    const other = await check('v999.0.0');
    assert.match(
      other.stderr,
      /^check-version: package\.json: expected 999\.0\.0, got .*; run `npm/m,
    );
    assert.equal(other.code, 1);
  });

  it('has a CHANGELOG.md of bullets, of which none is lost for packages', () => {
    const sections = parseChangelog(readFileSync('CHANGELOG.md', 'utf8'));
    assert.ok(sections.length > 0);
    const bullets = sections.flatMap(listBullets);
    const words = sections
      .flatMap(({ text }) => text.split('\n').filter((line) => /^ *- |^ {2,}/.test(line)))
      .flatMap((line) => line.split(/\s+/))
      .filter((word) => word !== '' && word !== '-');
    assert.equal(bullets.join(' '), words.join(' '));
  });

  it('may have headings between its bullets, which packages leave out', () => {
    const [section] = parseChangelog(
      '## Unreleased\n\n### Serve\n\n- One.\n\n### Sign\n\n- Two,\n  too.\n',
    );
    assert.ok(section);
    assert.deepEqual(listBullets(section), ['One.', 'Two, too.']);
  });
});
