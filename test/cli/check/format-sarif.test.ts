import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv-draft-04';
import formats from 'ajv-formats';
import * as fc from 'fast-check';
import type { Log, Result, Run } from 'sarif';
import { formatSarif } from '../../../cli/check/format-sarif.ts';
import type { CheckReport, ReportedFile } from '../../../generator/store/report.ts';
import { REJECTIONS, type RejectionCode, reject } from '../../../generator/terms/rejection.ts';
import { toPrintable } from '../../../generator/terms/text.ts';

const OPTIONS = { strict: false, prefix: '', version: '1.2.3' };
const KEY = { fingerprint: 'AB', userIds: ['me'], expires: null };
const IGNORED: ReportedFile = { path: 'README.md', status: 'ignored' };
const COMMIT = 'c0ffee'.repeat(6);
const SUMMARY = { accepted: 0, unverified: 0, rejected: 0, ignored: 0 };

// The schema says things twice, and has a pattern that JavaScript takes without the flag `u` only.
const ajv = new Ajv.default({ allErrors: true, strict: false, unicodeRegExp: false });
formats.default(ajv);
const isSarif = ajv.compile<Log>(
  JSON.parse(
    readFileSync(new URL('../../fixtures/sarif/sarif-2.1.0-rtm.5.json', import.meta.url), 'utf8'),
  ),
);

function rejected(path: string, code: RejectionCode = 'empty', message = 'm'): ReportedFile {
  return { path, status: 'rejected', ...reject(code, message, { breaksPulls: code === 'empty' }) };
}

function published(path: string, ...messages: readonly string[]): ReportedFile {
  const claims = { dockerReference: 'r/a:b', manifestDigest: 'd', creator: null, timestamp: null };
  const warnings = messages.map((message) => ({ code: 'duplicate', message }) as const);
  return { path, status: 'accepted', servedAs: `/${path}`, claims, warnings };
}

function reportOf(files: readonly ReportedFile[], more: Partial<CheckReport> = {}): CheckReport {
  const source = { kind: 'directory', location: '.' } as const;
  return { source, keys: [KEY], summary: SUMMARY, files, ...more };
}

/** The one run of a log that is valid by the schema. */
function runOf(report: CheckReport, options: Partial<typeof OPTIONS> = {}): Run {
  const log: unknown = JSON.parse(formatSarif(report, { ...OPTIONS, ...options }));
  assert.ok(isSarif(log), JSON.stringify(isSarif.errors, null, 2));
  const [run, ...others] = log.runs;
  assert.ok(run && others.length === 0);
  return run;
}

function resultsOf(files: readonly ReportedFile[], options = {}): readonly Result[] {
  return runOf(reportOf(files), options).results ?? [];
}

/** Where a viewer that knows URLs looks for the file, below the root of the repository. */
function pathOf(result: Result | undefined): string {
  const uri = result?.locations?.[0]?.physicalLocation?.artifactLocation?.uri ?? '';
  return fileURLToPath(new URL(uri, 'file:///checkout/')).slice('/checkout/'.length);
}

function runAt(location: string): Run {
  return runOf(reportOf([], { source: { kind: 'git', location, commit: COMMIT } }));
}

function noticesOf(report: CheckReport) {
  return runOf(report).invocations?.[0]?.toolConfigurationNotifications;
}

function fingerprintsOf(...files: readonly ReportedFile[]) {
  return resultsOf(files).map(({ partialFingerprints }) =>
    Object.values(partialFingerprints ?? {}).join(' '),
  );
}

describe('cli: format sarif', () => {
  it('names the program', () => {
    const { driver } = runOf(reportOf([])).tool;
    assert.equal(driver.name, 'Lookaside');
    assert.equal(driver.version, '1.2.3');
  });

  it('gives a result for each finding, at the first line of its file', () => {
    const [fault, warning, ...others] = resultsOf([
      rejected('a/x', 'empty', 'expected a signature, got 0 bytes'),
      published('a/y', 'has a twin'),
      published('a/z'),
      IGNORED,
    ]);
    assert.deepEqual(others, []);
    assert.equal(fault?.level, 'error');
    assert.equal(fault.ruleId, 'empty');
    assert.equal(
      fault.message.text,
      'expected a signature, got 0 bytes (served, it would fail every pull of the image). ' +
        'Sign the image again, or remove the file.',
    );
    assert.deepEqual(fault.properties, { breaksPulls: true });
    assert.deepEqual(fault.locations, [
      { physicalLocation: { artifactLocation: { uri: 'a/x' }, region: { startLine: 1 } } },
    ]);
    assert.equal(warning?.level, 'warning');
    assert.equal(warning.ruleId, 'duplicate');
    assert.equal(warning.message.text, 'has a twin');
    assert.deepEqual(warning.properties, { breaksPulls: false });
  });

  it('describes the rules that occur, once each', () => {
    const run = runOf(
      reportOf([
        published('a', 'first', 'second'),
        rejected('b', 'html'),
        rejected('c', 'empty'),
        rejected('d', 'html'),
      ]),
    );
    const rules = run.tool.driver.rules ?? [];
    assert.deepEqual(
      rules.map(({ id, shortDescription, help }) => [id, shortDescription?.text, help?.text]),
      [
        ['duplicate', 'first', 'first'],
        ['html', REJECTIONS.html.cause, REJECTIONS.html.cure],
        ['empty', REJECTIONS.empty.cause, REJECTIONS.empty.cure],
      ],
    );
    for (const { ruleIndex = -1, ruleId } of run.results ?? []) {
      assert.equal(rules[ruleIndex]?.id, ruleId);
    }
  });

  it('takes every rejection code', () => {
    const codes = Object.keys(REJECTIONS) as readonly RejectionCode[];
    const results = resultsOf(codes.map((code) => rejected(code, code)));
    assert.deepEqual(
      results.map(({ ruleId }) => ruleId),
      codes,
    );
  });

  it('makes warnings errors if strict', () => {
    const run = runOf(reportOf([published('a', 'm')]), { strict: true });
    assert.equal(run.results?.[0]?.level, 'error');
    assert.equal(run.tool.driver.rules?.[0]?.defaultConfiguration?.level, 'error');
  });

  for (const [name, files] of [
    ['an empty report', []],
    ['ignored files only', [IGNORED]],
  ] as const) {
    it(`has results, though none, for ${name}`, () => {
      const run = runOf(reportOf(files), { strict: true });
      assert.deepEqual(run.results, []);
      assert.deepEqual(run.tool.driver.rules, []);
    });
  }

  it('says that nobody was verified without keys', () => {
    const files = [published('a', 'm')];
    assert.equal(noticesOf(reportOf(files)), undefined);
    const [notice] = noticesOf(reportOf(files, { keys: [], signersUnchecked: true })) ?? [];
    assert.equal(notice?.level, 'warning');
    assert.match(notice.message.text ?? '', /^no keys were given/);
  });

  describe('of a commit', () => {
    it('names repository and commit', () => {
      const run = runAt('https://git.example.com/team/ä b.git');
      assert.deepEqual(run.versionControlProvenance, [
        { repositoryUri: 'https://git.example.com/team/%C3%A4%20b.git', revisionId: COMMIT },
      ]);
      assert.deepEqual(run.properties, { commit: COMMIT });
    });

    for (const location of ['git@git.example.com:team/a.git', 'signatures.git', 'host:a.git']) {
      it(`names the commit alone when the repository has no URI: ${location}`, () => {
        const run = runAt(location);
        assert.equal(run.versionControlProvenance, undefined);
        assert.deepEqual(run.properties, { commit: COMMIT });
      });
    }

    it('is left out for a directory', () => {
      const run = runOf(reportOf([]));
      assert.equal(run.versionControlProvenance, undefined);
      assert.equal(run.properties, undefined);
    });
  });

  it('keeps the location of a signature readable', () => {
    const path = `team/app@sha256=${'ab'.repeat(32)}/signature-1`;
    const [result] = resultsOf([rejected(path)], { prefix: 'published/store' });
    const uri = result?.locations?.[0]?.physicalLocation?.artifactLocation?.uri;
    assert.equal(uri, `published/store/${path}`);
  });

  it('has fingerprints that stay when other files, order and messages change', () => {
    const [first] = fingerprintsOf(rejected('a'));
    assert.ok(first);
    const later = fingerprintsOf(published('0', 'm'), rejected('b'), rejected('a', 'empty', 'new'));
    assert.equal(later[2], first);
    assert.equal(new Set(later).size, 3);
    assert.notEqual(fingerprintsOf(rejected('a', 'html'))[0], first);
  });

  it('leaves the fingerprint that GitHub computes to GitHub', () => {
    assert.doesNotMatch(formatSarif(reportOf([rejected('a')]), OPTIONS), /primaryLocationLineHash/);
  });

  it('lets no message be read as a placeholder or a link', () => {
    const [result] = resultsOf([published('a', 'got {0} \u001b [here](https://evil.example.com)')]);
    assert.equal(result?.message.text, 'got {{0}} \\u{{1b}} [here] (https://evil.example.com)');
  });

  for (const path of [
    'https://evil.example.com/x',
    'a:b/c',
    'c:\\windows',
    '?query#fragment',
    '100%/%41%2F',
    'ä/日本/💥',
    'x\n::error::y',
    '"<>&\'`]]>,;= ',
    '\u202ex\ufffe\u0000',
  ]) {
    it(`leads to the file: ${toPrintable(path)}`, () => {
      // A URL has no empty component that a file system could mean.
      const file = path.replace('//', '/');
      const [result] = resultsOf([rejected(file)]);
      assert.equal(pathOf(result), file);
    });
  }

  it('leads to any file', () => {
    const unit = fc.oneof(
      fc.constantFrom(
        ...'%:,;=@?#\r\n "\'<>&[]{}\\|^`~'.split(''),
        '%2F',
        '\u0000',
        '\ufffe',
        '\u202e',
      ),
      fc.integer({ min: 0, max: 0xff_ff }).map((code) => String.fromCharCode(code)),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
    );
    const component = fc
      .array(unit, { minLength: 1 })
      .map((units) => units.join('').replaceAll('/', '|'))
      .filter((text) => text !== '.' && text !== '..');
    const paths = fc.array(component, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(paths, fc.boolean(), (components, strict) => {
        const path = components.join('/');
        const files = [rejected(path, 'html', path), published(path, path)];
        const results = resultsOf(files, { prefix: 'p', strict });
        // No URI can hold a lone surrogate.
        const expected = Buffer.from(`p/${path}`).toString();
        assert.deepEqual(results.map(pathOf), [expected, expected]);
      }),
    );
  });
});
