import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { XmlDocument, XmlElement } from 'libxml2-wasm';
import { formatJunit } from '../../../cli/check/format-junit.ts';
import { reject } from '../../../generator/terms/rejection.ts';
import type { CheckReport, ReportedFile } from '../../../generator/store/report.ts';
import { toPrintable } from '../../../generator/terms/text.ts';

const OPTIONS = { strict: false, prefix: '' };
const KEY = { fingerprint: 'AB', userIds: ['me'], expires: null };
const IGNORED: ReportedFile = { path: 'README.md', status: 'ignored' };

function rejected(path: string, message = 'expected a signature, got 0 bytes'): ReportedFile {
  return { path, status: 'rejected', ...reject('empty', message, { breaksPulls: true }) };
}

function published(path: string, ...messages: readonly string[]): ReportedFile {
  const claims = { dockerReference: 'r/a:b', manifestDigest: 'd', creator: null, timestamp: null };
  const warnings = messages.map((message) => ({ code: 'duplicate', message }) as const);
  return { path, status: 'accepted', servedAs: `/${path}`, claims, warnings };
}

function reportOf(files: readonly ReportedFile[], keys = [KEY]): CheckReport {
  const summary = { accepted: 0, unverified: 0, rejected: 0, ignored: 0 };
  const unchecked = keys.length === 0 && ({ signersUnchecked: true } as const);
  return { source: { kind: 'directory', location: '.' }, keys, ...unchecked, summary, files };
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Undefined where there are elements inside. */
  readonly text: string | undefined;
  readonly children: readonly Element[];
}

/** What libxml2 reads; throws for what is not well-formed. */
function read(xml: string): Element {
  const document = XmlDocument.fromString(xml);
  try {
    return toElement(document.root);
  } finally {
    document.dispose();
  }
}

function toElement(element: XmlElement): Element {
  const inside = element.find('*').filter((node) => node instanceof XmlElement);
  return {
    name: element.name,
    attributes: Object.fromEntries(element.attrs.map(({ name, value }) => [name, value])),
    text: inside.length === 0 ? element.content : undefined,
    children: inside.map(toElement),
  };
}

function suiteOf(files: readonly ReportedFile[], options = {}, keys = [KEY]): Element {
  const root = read(formatJunit(reportOf(files, keys), { ...OPTIONS, ...options }));
  assert.equal(root.name, 'testsuites');
  const [suite, ...others] = root.children;
  assert.ok(suite?.name === 'testsuite' && others.length === 0);
  for (const count of ['tests', 'failures', 'errors']) {
    assert.equal(root.attributes[count], suite.attributes[count]);
  }
  return suite;
}

function countsOf({ attributes }: Element): readonly (string | undefined)[] {
  return ['tests', 'failures', 'errors', 'skipped'].map((name) => attributes[name]);
}

/** What a path looks like where neither XML nor a terminal may be hurt. */
function expected(path: string): string {
  return toPrintable(path)
    .replaceAll(/\p{Cs}/gu, (half) => `\\u{${half.charCodeAt(0).toString(16)}}`)
    .replaceAll('\ufffe', '\\u{fffe}')
    .replaceAll('\uffff', '\\u{ffff}');
}

function pathOf({ attributes: { classname, name } }: Element): string {
  return classname === '.' ? `${name}` : `${classname}/${name}`;
}

describe('cli: format junit', () => {
  it('has a failure for a rejected file: code, message and cure', () => {
    const suite = suiteOf([rejected('a/b/x')]);
    assert.deepEqual(countsOf(suite), ['1', '1', '0', '0']);
    const message =
      'expected a signature, got 0 bytes (served, it would fail every pull of the image)';
    const text = `empty: ${message}\nhint: Sign the image again, or remove the file.`;
    assert.deepEqual(suite.children, [
      {
        name: 'testcase',
        attributes: { classname: 'a/b', name: 'x' },
        text: undefined,
        children: [{ name: 'failure', attributes: { type: 'empty', message }, text, children: [] }],
      },
    ]);
  });

  it('has a case for every file that is not ignored, and right counts', () => {
    const files = [rejected('a'), IGNORED, published('b'), published('c', 'm'), rejected('d')];
    const suite = suiteOf(files);
    assert.deepEqual(countsOf(suite), ['4', '2', '0', '0']);
    assert.deepEqual(suite.children.map(pathOf), ['a', 'b', 'c', 'd']);
    assert.deepEqual(
      suite.children.map(({ children }) => children.map(({ name }) => name)),
      [['failure'], [], ['system-out'], ['failure']],
    );
  });

  it('prints the warnings of a file that passes', () => {
    const [testcase] = suiteOf([published('a', 'one', 'two')]).children;
    assert.equal(testcase?.children[0]?.text, 'duplicate: one\nduplicate: two');
  });

  it('fails a file once for all its warnings if strict', () => {
    const suite = suiteOf([published('a', 'one', 'two'), published('b')], { strict: true });
    assert.deepEqual(countsOf(suite), ['2', '1', '0', '0']);
    const attributes = { type: 'duplicate', message: 'one; two' };
    const text = 'duplicate: one\nduplicate: two';
    assert.deepEqual(suite.children[0]?.children, [
      { name: 'failure', attributes, text, children: [] },
    ]);
  });

  for (const [name, files] of [
    ['an empty report', []],
    ['ignored files only', [IGNORED]],
  ] as const) {
    it(`has a suite without cases for ${name}, and if strict a failure`, () => {
      const lax = suiteOf(files);
      assert.deepEqual(countsOf(lax), ['0', '0', '0', '0']);
      assert.match(lax.children[0]?.text ?? '', /^warning: nothing here could be a signature/);
      const strict = suiteOf(files, { strict: true });
      assert.deepEqual(countsOf(strict), ['1', '1', '0', '0']);
    });
  }

  it('says that nobody was verified without keys', () => {
    const suite = suiteOf([published('a')], {}, []);
    assert.deepEqual(countsOf(suite), ['1', '0', '0', '0']);
    assert.match(suite.children[1]?.text ?? '', /^warning: no keys were given/);
  });

  it('names files from the root of the repository', () => {
    const suite = suiteOf([rejected('x/y'), published('z')], { prefix: 'a/b' });
    assert.deepEqual(suite.children.map(pathOf), ['a/b/x/y', 'a/b/z']);
  });

  for (const path of [
    'true',
    'false',
    ' x ',
    '#text',
    '&amp;&#0;&lt;',
    '"/><testcase name="forged',
    "'--><!-- ]]><![CDATA[",
    'x\n::error file=y,line=1::%0A',
    '\u0000\u0008\u001b\u007f\u0085\ufffe\uffff',
    '\ud800/\udc00x',
    '\u202ex\u2028',
    '💥/ä',
  ]) {
    it(`is well-formed and keeps the name ${expected(path)}`, () => {
      const suite = suiteOf([rejected(path, path), published(path, path)]);
      assert.deepEqual(suite.children.map(pathOf), [expected(path), expected(path)]);
      const [failure] = suite.children[0]?.children ?? [];
      const got = failure?.attributes['message'] ?? '';
      // Rejections have their message without lone surrogates.
      assert.ok(got.startsWith(expected(Buffer.from(path).toString())), got);
      assert.equal(suite.children[1]?.children[0]?.text, `duplicate: ${expected(path)}`);
    });
  }

  it('is well-formed and keeps any path', () => {
    const unit = fc.oneof(
      fc.constantFrom(
        ...'<>&"\'\r\n\t %:,;=]/-#'.split(''),
        ']]>',
        '&#0;',
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
        const files = [rejected(path, path), published(path, path)];
        const suite = suiteOf(files, { prefix: 'p', strict });
        assert.deepEqual(countsOf(suite), ['2', strict ? '2' : '1', '0', '0']);
        assert.deepEqual(suite.children.map(pathOf), [
          expected(`p/${path}`),
          expected(`p/${path}`),
        ]);
      }),
    );
  });
});
