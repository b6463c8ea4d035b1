import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { DEFAULT_BUDGETS } from '../../../generator/terms/budgets.ts';
import {
  classifyPath,
  formatDirectory,
  formatLocation,
  isIgnoredPath,
  parseDirectory,
  parseLocation,
  parseSignatureName,
  shortenPath,
} from '../../../generator/terms/location.ts';
import type { Rejection, RejectionCode } from '../../../generator/terms/rejection.ts';
import { DIRECTORY, HEX } from '../../kit/samples/samples.ts';

const LOCATION = `${DIRECTORY}/signature-1`;

function rejectionFor(path: string): Rejection {
  const place = classifyPath(path);
  assert.equal(place.kind, 'rejected', `${path} is ${place.kind}`);
  assert(place.kind === 'rejected');
  return place.rejection;
}

describe('generator: location', () => {
  it('reads a location', () => {
    const expected = { directory: DIRECTORY, repository: 'ns/repo', digestHex: HEX, number: 1 };
    assert.deepEqual(parseLocation(LOCATION), expected);
    assert.deepEqual(classifyPath(LOCATION), { kind: 'location', location: expected });
  });

  for (const [path, repository, number] of [
    [`app@sha256=${HEX}/signature-2`, 'app', 2],
    [`quay.io/a/b/c@sha256=${HEX}/signature-127`, 'quay.io/a/b/c', 127],
    [`host:5000/Prefix with space/repo@sha256=${HEX}/signature-128`, undefined, 128],
    [`ü/repo@sha256=${HEX}/signature-999999999`, 'ü/repo', 999_999_999],
    [`a@b/repo@sha256=${HEX}/signature-1`, 'a@b/repo', 1],
    [`${'r'.repeat(183)}@sha256=${HEX}/signature-1`, 'r'.repeat(183), 1],
    [`...@sha256=${HEX}/signature-1`, '...', 1],
  ] as const) {
    it(`reads ${path.slice(0, 60)}`, () => {
      const expected = repository ?? 'host:5000/Prefix with space/repo';
      assert.equal(parseLocation(path)?.repository, expected);
      assert.equal(parseLocation(path)?.number, number);
    });
  }

  for (const [what, path, code] of [
    ['components', `${'a/'.repeat(40)}${LOCATION}`, 'path-too-deep'],
    ['components', `${'a/'.repeat(40)}signature-1`, 'path-too-deep'],
    ['bytes', `${'ü'.repeat(500)}/${LOCATION}`, 'path-too-long'],
    ['bytes', `${'@'.repeat(1_000_000)}/x@sha256:1/signature-1`, 'path-too-long'],
  ] as const) {
    it(`rejects ${path.slice(0, 20)}… for its ${what}, and shows 200 characters at most`, () => {
      assert.equal(rejectionFor(path).code, code);
      const short = shortenPath(path, DEFAULT_BUDGETS);
      assert.ok(short.length < 300);
      assert.equal(short === path, path.length <= 200);
      assert.notEqual(short, shortenPath(`b${path.slice(1)}`, DEFAULT_BUDGETS));
      assert.equal(shortenPath(LOCATION, DEFAULT_BUDGETS), LOCATION);
      assert.equal(isIgnoredPath(path), false);
    });
  }

  it('ignores a path of any length that is meant for nothing', () => {
    for (const path of ['a/'.repeat(100_000), 'y'.repeat(100_000)]) {
      assert.deepEqual(classifyPath(path), { kind: 'ignored' });
      assert.equal(isIgnoredPath(path), true);
    }
  });

  it('takes other budgets', () => {
    assert.equal(classifyPath(LOCATION, { pathDepth: 3, pathLength: 200 }).kind, 'location');
    assert.equal(classifyPath(LOCATION, { pathDepth: 2, pathLength: 200 }).kind, 'rejected');
    assert.equal(classifyPath(LOCATION, { pathDepth: 3, pathLength: 20 }).kind, 'rejected');
  });

  for (const path of [
    'README.md',
    '.gitattributes',
    'team/app/notes.txt',
    `app@sha256=${HEX}`,
    'signature',
    'signature-1/README',
    'Signature-1',
    'keys/signature.asc',
    'a@b/c',
    'md5@x/file',
    '',
    '../x',
    '.git/config',
    `${DIRECTORY}/.gitkeep`,
    `${DIRECTORY}/.idea/signature-1`,
  ]) {
    it(`ignores ${JSON.stringify(path)}`, () => {
      assert.deepEqual(classifyPath(path), { kind: 'ignored' });
    });
  }

  const long = 'r'.repeat(184);
  const faults: readonly [RejectionCode, string, RegExp, RegExp][] = [
    ['misplaced', 'signature-1', /expected a `repo@sha256=HEX` directory/, /Move it to/],
    ['misplaced', 'team/app/signature-1', /expected a `repo@sha256=HEX`/, /Move it to/],
    ['misplaced', 'signature-', /repo@sha256=HEX/, /Move it to/],
    ['misplaced', '../signature-1', /repo@sha256=HEX/, /Move it to/],
    ['stray-file', `${DIRECTORY}/README`, /expected signature-N .*, got "README"/, /next free/],
    ['stray-file', `${DIRECTORY}/signature-1.sig`, /"signature-1.sig"/, /Rename .*signature-1"/],
    ['stray-file', `${DIRECTORY}/signature-2~`, /"signature-2~"/, /signature-2"/],
    ['stray-file', `${DIRECTORY}/signature-`, /"signature-"/, /Name it `signature-N`/],
    ['stray-file', `${DIRECTORY}/signature--1`, /"signature--1"/, /Name it `signature-N`/],
    ['stray-file', `${DIRECTORY}/Signature-1`, /"Signature-1"/, /Name it/],
    ['stray-file', `${DIRECTORY}/signature-1\n`, /"signature-1\\n"/, /signature-1"/],
    ['stray-file', `${DIRECTORY}/signature-１`, /"signature-１"/, /Name it/],
    ['stray-file', `${DIRECTORY}/`, /got ""/, /Name it/],
    ['stray-file', `${DIRECTORY}/old/signature-1`, /got a subdirectory/, /Move the file out/],
    ['stray-file', `a@sha256=${HEX}/b@sha256=${HEX}/signature-1`, /subdirectory/, /Move the file/],
    ['invalid-number', `${DIRECTORY}/signature-0`, /N = 1, 2, …, got "signature-0"/, /from 1/],
    ['invalid-number', `${DIRECTORY}/signature-01`, /"signature-01"/, /Rename .*signature-1"/],
    ['invalid-number', `${DIRECTORY}/signature-00`, /"signature-00"/, /from 1/],
    ['invalid-number', `${DIRECTORY}/signature-1234567890`, /"signature-1234567890"/, /from 1/],
    [
      'colon-directory',
      `ns/repo@sha256:${HEX}/signature-1`,
      /expected `@sha256=`/,
      /ns\/repo@sha256=0/,
    ],
    [
      'upper-case-digest',
      `a@sha256=${HEX.toUpperCase()}/signature-1`,
      /lower case/,
      /"a@sha256=0060a/,
    ],
    ['upper-case-digest', `a@SHA256=${HEX}/signature-1`, /lower case/, /Rename .*"a@sha256=0060a/],
    [
      'invalid-digest',
      `a@sha256=${HEX.slice(1)}/signature-1`,
      /expected 64 .*, got 63 c/,
      /full digest/,
    ],
    ['invalid-digest', `a@sha256=${HEX}0/signature-1`, /got 65 characters/, /full digest/],
    [
      'invalid-digest',
      `a@sha256=${HEX.replace('a', 'g')}/signature-1`,
      /hexadecimal/,
      /full digest/,
    ],
    ['invalid-digest', 'a@sha256=/signature-1', /got 0 characters: ""/, /full digest/],
    ['invalid-digest', `a@sha256=${HEX}.bak/signature-1`, /got 68 characters/, /full digest/],
    [
      'invalid-digest',
      `a@sha256=${HEX}\n/signature-1`,
      /got 65 characters: ".*\\n"/,
      /full digest/,
    ],
    [
      'unsupported-algorithm',
      `a@sha512=${HEX}${HEX}/signature-1`,
      /expected sha256, got "sha512"/,
      /sha256/,
    ],
    ['unsupported-algorithm', `a@sha1=${HEX}/README`, /got "sha1"/, /sha256/],
    ['invalid-directory', `@sha256=${HEX}/signature-1`, /got an empty name/, /Rename/],
    ['invalid-directory', `ns/@sha256=${HEX}/signature-1`, /got an empty name/, /Rename/],
    ['invalid-directory', `/${LOCATION}`, /got an empty name/, /Rename/],
    ['invalid-directory', `a//b@sha256=${HEX}/signature-1`, /got an empty name/, /Rename/],
    ['invalid-directory', `../${LOCATION}`, /expected a directory name, got ".."/, /Rename/],
    ['invalid-directory', `a/./b@sha256=${HEX}/signature-1`, /got "."/, /Rename/],
    ['invalid-directory', `a/..@sha256=${HEX}/signature-1`, /got ".."/, /Rename/],
    ['invalid-directory', `.git/${LOCATION}`, /got ".git"/, /Rename/],
    ['invalid-directory', `.GIT@sha256=${HEX}/signature-1`, /got ".GIT"/, /Rename/],
    ['invalid-directory', `a\u0000b/${LOCATION}`, /no control character .*"a\\u0000b"/, /Rename/],
    [
      'invalid-directory',
      `a\nb@sha256=${HEX}/signature-1`,
      /no control character .*"a\\nb"/,
      /Rename/,
    ],
    ['invalid-directory', `a\u007fb/${LOCATION}`, /no control character/, /Rename/],
    ['invalid-directory', `a\\b/${LOCATION}`, /backslash/, /Rename/],
    ['invalid-directory', `${'r'.repeat(256)}/${LOCATION}`, /at most 255 bytes, got 256/, /Rename/],
    ['invalid-directory', `${'ü'.repeat(128)}/${LOCATION}`, /at most 255 bytes, got 256/, /Rename/],
    ['invalid-directory', `${long}@sha256=${HEX}/signature-1`, /255 bytes, got 256/, /Rename/],
    [
      'invalid-directory',
      `a@sha256=${HEX}@sha256=${HEX}/signature-1`,
      /expected one digest/,
      /Rename/,
    ],
    [
      'invalid-directory',
      `a@sha1=b@sha256=${HEX}/signature-1`,
      /one digest, got another/,
      /Rename/,
    ],
  ];
  for (const [code, path, message, hint] of faults) {
    it(`rejects ${JSON.stringify(path).slice(0, 90)}: ${code}`, () => {
      const rejection = rejectionFor(path);
      assert.equal(rejection.code, code);
      assert.match(rejection.message, message);
      assert.match(rejection.hint, hint);
      assert.equal(rejection.breaksPulls, false);
      assert.equal(parseLocation(path), undefined);
    });
  }

  const upper = HEX.toUpperCase();
  for (const [path, parents, number] of [
    ['signature-1', '', 1],
    ['signature-', '', 1],
    ['team/app/signature-7', 'team/app', 7],
    ['team/app/signature-07', 'team/app', 7],
    [`${DIRECTORY}/README`, 'ns/repo', 1],
    [`${DIRECTORY}/signature-2.sig`, 'ns/repo', 2],
    [`${DIRECTORY}/signature-0`, 'ns/repo', 1],
    [`${DIRECTORY}/signature-010`, 'ns/repo', 10],
    [`${DIRECTORY}/signature-1234567890`, 'ns/repo', 1],
    [`${DIRECTORY}/signature-123456789`.replace('@', '@sha256=ab@'), 'ns/repo', 123_456_789],
    [`${DIRECTORY}/old/signature-3`, 'ns/repo', 3],
    [`a@sha256=${HEX}/b@sha256=${HEX}/signature-4`, 'a', 4],
    [`ns/repo@sha256:${HEX}/signature-5`, 'ns/repo', 5],
    [`quay.io/a@sha256=${upper}/signature-6`, 'quay.io/a', 6],
    [`a@sha512=${HEX}${HEX}/signature-1`, 'a', 1],
    ['a@sha256=ab/x', 'a', 1],
    [`@sha256=${HEX}/signature-1`, '', 1],
    [`ns/@sha256=${HEX}/signature-1`, 'ns/', 1],
    [`../${LOCATION}`, '../ns/repo', 1],
  ] as const) {
    it(`tells what ${path.replaceAll(HEX, 'HEX').replace(upper, 'HEX')} wanted to be`, () => {
      const place = classifyPath(path);
      assert(place.kind === 'rejected');
      assert.deepEqual([place.parents, place.number], [parents, number]);
    });
  }

  it('puts a directory together, and takes it apart', () => {
    assert.equal(formatDirectory('ns/repo', HEX), DIRECTORY);
    const parts = { directory: DIRECTORY, repository: 'ns/repo', digestHex: HEX };
    assert.deepEqual(parseDirectory(DIRECTORY), parts);
  });

  for (const text of [
    LOCATION,
    `/${DIRECTORY}`,
    `${DIRECTORY}/`,
    `../${DIRECTORY}`,
    'ns/repo',
    '',
  ]) {
    it(`takes ${JSON.stringify(text.replace(HEX, 'HEX'))} for no directory of an image`, () => {
      assert.equal(parseDirectory(text), undefined);
    });
  }

  it('reads the number of a signature by its name', () => {
    assert.equal(parseSignatureName('signature-12'), 12);
    for (const name of ['signature-0', 'signature-01', 'signature-', 'signature-1 ', 'x', '']) {
      assert.equal(parseSignatureName(name), undefined);
    }
  });

  describe('for any path', () => {
    const hex = fc.string({
      unit: fc.constantFrom(...'0123456789abcdef'.split('')),
      minLength: 64,
      maxLength: 64,
    });
    const component = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,8}){0,2}$/);
    const number = fc.integer({ min: 1, max: 999_999_999 });
    const digests = [
      `r@sha256=${HEX}`,
      `@sha256=${HEX}`,
      `r@sha256:${HEX}`,
      'r@sha256=ab',
      'r@sha1=a',
    ];
    const odd = fc.constantFrom(
      ...digests,
      `a@sha256=${HEX}@sha256=${HEX}`,
      ...'. .. .git .GIT a ns signature-1 signature-0 signature-01 README @ = ü a\\b'.split(' '),
      '',
      'a\u0000',
      'a\nb',
      '\ud800',
    );
    const path = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(odd, fc.string()), { maxLength: 5 }).map((parts) => parts.join('/')),
    );

    it('parse is the inverse of format', () => {
      const parts = fc.array(component, { minLength: 1, maxLength: 4 });
      fc.assert(
        fc.property(parts, hex, number, (components, digest, n) => {
          const repository = components.join('/');
          const directory = `${repository}@sha256=${digest}`;
          const location = { directory, repository, digestHex: digest, number: n };
          assert.deepEqual(parseLocation(formatLocation(directory, n)), location);
        }),
      );
    });

    it('is of one kind, and a location is written as it was read', () => {
      fc.assert(
        fc.property(path, (text) => {
          const place = classifyPath(text);
          const location = parseLocation(text);
          assert.equal(place.kind === 'location', location !== undefined);
          if (!location) return;
          assert.equal(formatLocation(location.directory, location.number), text);
          assert.equal(location.directory, `${location.repository}@sha256=${location.digestHex}`);
          // Nothing leaves the tree that is written from it.
          const parts = text.split('/');
          assert(parts.every((part) => !['', '.', '..', '.git'].includes(part)));
          assert(parts.every((part) => Buffer.byteLength(part) <= 255));
        }),
        { numRuns: 3000 },
      );
    });
  });
});
