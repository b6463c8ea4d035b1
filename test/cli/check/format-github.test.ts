import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatGithub } from '../../../cli/check/format-github.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import type { CheckReport, ReportedFile } from '../../../generator/store/report.ts';
import { toPrintable } from '../../../generator/terms/text.ts';

const OPTIONS = { strict: false, prefix: '' };
const KEY = { fingerprint: 'AB', userIds: ['me'], expires: null };
const IGNORED: ReportedFile = { path: 'README.md', status: 'ignored' };
/** Nothing that a log or a terminal takes as more than text, but for the end of a line. */
const CONTROL = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

function rejected(path: string): ReportedFile {
  const rejection = reject('empty', 'expected a signature, got 0 bytes', { breaksPulls: true });
  return { path, status: 'rejected', ...rejection };
}

function published(
  path: string,
  ...messages: readonly string[]
): Extract<ReportedFile, { readonly servedAs: string }> {
  const claims = { dockerReference: 'r/a:b', manifestDigest: 'd', creator: null, timestamp: null };
  const warnings = messages.map((message) => ({ code: 'duplicate', message }) as const);
  return { path, status: 'accepted', servedAs: `/${path}`, claims, warnings };
}

function reportOf(files: readonly ReportedFile[], keys = [KEY]): CheckReport {
  const count = (status: string): number => files.filter((file) => file.status === status).length;
  return {
    source: { kind: 'directory', location: '.' },
    keys,
    ...(keys.length === 0 && { signersUnchecked: true }),
    summary: {
      accepted: count('accepted'),
      unverified: count('unverified'),
      rejected: count('rejected'),
      ignored: count('ignored'),
    },
    files,
  };
}

interface Command {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly data: string;
}

/** Reads a log as the runner does: a line that starts with `::` is a command. */
function readLog(log: string): readonly Command[] {
  return log.split(/\r\n|\r|\n/).flatMap((line) => readCommand(line.trimStart()));
}

function readCommand(line: string): readonly Command[] {
  const end = line.indexOf('::', 2);
  if (!line.startsWith('::') || end < 0) return [];
  const [name = '', ...rest] = line.slice(2, end).split(' ');
  const pairs = rest.join(' ').split(',').filter(Boolean);
  const properties = pairs.map((pair) => {
    const [key = ''] = pair.split('=', 1);
    return [key, unescape(pair.slice(key.length + 1), { ':': '%3A', ',': '%2C' })];
  });
  return [
    { name, properties: Object.fromEntries(properties), data: unescape(line.slice(end + 2)) },
  ];
}

function unescape(text: string, more: Readonly<Record<string, string>> = {}): string {
  const mappings = { '\r': '%0D', '\n': '%0A', ...more, '%': '%25' };
  return Object.entries(mappings).reduce((left, [to, from]) => left.replaceAll(from, to), text);
}

/** Line breaks are kept, for the sake of the file's name; what else a log should not get is not. */
function expectedPath(path: string): string {
  return path
    .split(/([\r\n])/)
    .map((part) => (/^[\r\n]$/.test(part) ? part : toPrintable(part)))
    .join('');
}

describe('cli: format github', () => {
  it('gives an error for a rejected file: code, message and cure', () => {
    const [command] = readLog(formatGithub(reportOf([rejected('a/x')]), OPTIONS));
    assert.deepEqual(command, {
      name: 'error',
      properties: { file: 'a/x', title: 'empty' },
      data:
        'expected a signature, got 0 bytes (served, it would fail every pull of the image). ' +
        'Sign the image again, or remove the file.',
    });
  });

  it('gives a warning for each warning of a published file, an error if strict', () => {
    const report = reportOf([published('a', 'one', 'two'), published('b')]);
    for (const [strict, name] of [
      [false, 'warning'],
      [true, 'error'],
    ] as const) {
      const log = readLog(formatGithub(report, { ...OPTIONS, strict }));
      const properties = { file: 'a', title: 'duplicate' };
      assert.deepEqual(log.slice(0, -1), [
        { name, properties, data: 'one' },
        { name, properties, data: 'two' },
      ]);
      assert.match(log.at(-1)?.data ?? '', strict ? /^faults: 2 files/ : /^good: 2 files/);
    }
  });

  it('ends with the counts', () => {
    const files = [rejected('a'), published('b'), published('c'), IGNORED];
    assert.equal(
      formatGithub(reportOf(files), OPTIONS).split('\n').at(-2),
      '::notice title=lookaside::faults: 4 files: 2 accepted, 1 rejected, 1 ignored',
    );
  });

  it('counts unverified files and says that nobody was verified without keys: a fault if strict', () => {
    const file = { ...published('a'), status: 'unverified' } as const;
    for (const [strict, level] of [
      [false, 'warning'],
      [true, 'error'],
    ] as const) {
      const log = readLog(formatGithub(reportOf([file], []), { ...OPTIONS, strict }));
      assert.deepEqual(
        log.map(({ name }) => name),
        [level, 'notice'],
      );
      assert.match(log[0]?.data ?? '', /^no keys were given/);
      const verdict = strict ? 'faults' : 'good';
      assert.ok(log[1]?.data.startsWith(`${verdict}: 1 files: 0 accepted, 1 unverified, `));
    }
  });

  for (const [name, files] of [
    ['an empty report', []],
    ['ignored files only', [IGNORED]],
  ] as const) {
    it(`says of ${name} that there is no signature, and has the counts`, () => {
      const log = readLog(formatGithub(reportOf(files), { ...OPTIONS, strict: true }));
      assert.deepEqual(
        log.map((command) => command.name),
        ['error', 'notice'],
      );
      assert.match(log[0]?.data ?? '', /^nothing here could be a signature/);
    });
  }

  it('names files from the root of the repository', () => {
    const report = reportOf([rejected('x/y'), published('z', 'm')]);
    const log = readLog(formatGithub(report, { ...OPTIONS, prefix: 'a/b' }));
    assert.deepEqual(
      log.slice(0, 2).map(({ properties }) => properties['file']),
      ['a/b/x/y', 'a/b/z'],
    );
  });

  for (const path of [
    'x\n::error file=y::forged',
    'x::set-output name=a::b',
    '::stop-commands::x',
    '##[error]x',
    'x,title=forged,line=1',
    'a:b,c;d=e%2Cf%25%0A%3A',
    '\r\n',
    '"<>&\'`]]>',
  ]) {
    it(`lets no name forge a command: ${toPrintable(path)}`, () => {
      const log = formatGithub(reportOf([rejected(path), published(path, path)]), OPTIONS);
      const commands = readLog(log);
      assert.equal(log.trimEnd().split('\n').length, 3);
      assert.equal(commands.length, 3);
      assert.deepEqual(commands[0]?.properties, { file: path, title: 'empty' });
      assert.deepEqual(commands[1]?.properties, { file: path, title: 'duplicate' });
      assert.equal(commands[1]?.data, toPrintable(path));
    });
  }

  it('prints no control character', () => {
    const evil = '\u0000\u001b[2J\u0007\u009b31m\u202e\u2028\u2066';
    const log = formatGithub(reportOf([rejected(evil), published(evil, evil)]), OPTIONS);
    assert.doesNotMatch(log, CONTROL);
    assert.ok(log.startsWith('::error file=\\u{0}\\u{1b}[2J\\u{7}\\u{9b}31m\\u{202e}\\u{2028}'));
  });

  it('keeps any path', () => {
    const unit = fc.oneof(
      fc.constantFrom(
        ...'%:,;=\r\n "\'<>&]/\\'.split(''),
        '::',
        '%0A',
        '%25',
        '\u0000',
        '\ufffe',
        '\u202e',
      ),
      fc.integer({ min: 0, max: 0xff_ff }).map((code) => String.fromCharCode(code)),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1 }), fc.boolean(), (units, strict) => {
        const path = units.join('');
        const report = reportOf([rejected(path), published(path, path)]);
        const log = formatGithub(report, { prefix: 'p', strict });
        assert.doesNotMatch(log, CONTROL);
        const files = readLog(log).map(({ properties }) => properties['file']);
        const expected = expectedPath(`p/${path}`);
        assert.deepEqual(files, [expected, expected, undefined]);
      }),
    );
  });
});
