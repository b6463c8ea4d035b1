// The report as JUnit XML, which most CI systems read: one suite, a test case for every file
// that is not ignored. It is well-formed XML 1.0 whatever the names of files are.
import Builder from 'fast-xml-builder';
import { type CheckReport, type RefusedState, isNoteworthy } from '../../generator/store/report.ts';
import { toPrintable } from '../../generator/terms/text.ts';
import {
  type Remark,
  type Finding,
  type FindingOptions,
  type KeyFinding,
  formatRefused,
  listAddedKeys,
  listAddedSignatures,
  listRemarks,
  listKeyFindings,
  toFindings,
  toLossFinding,
  toRepositoryPath,
} from './findings.ts';

/** A test case as the builder takes it: `@` before attributes. */
interface TestCase {
  readonly '@classname': string;
  readonly '@name': string;
  readonly failure?: {
    readonly '@type': string;
    readonly '@message': string;
    readonly '#text': string;
  };
  readonly 'system-out'?: string;
}

/** What is said of a finding. */
type Told = Pick<Finding, 'code' | 'level' | 'message' | 'hint'>;

/** What makes a strict check fail must make its suite fail. */
function toRemarkCase({ code, message }: Remark): TestCase {
  return {
    '@classname': '.',
    '@name': code === 'no-keys' ? 'keys' : 'signatures',
    failure: { '@type': code, '@message': message, '#text': message },
  };
}

/** One suite; a file with several errors has one failure that tells them all. */
export function formatJunit(report: CheckReport, options: FindingOptions): string {
  const files = report.files.filter((file) => file.status !== 'ignored' || isNoteworthy(file));
  const added = new Map(listAddedSignatures(report).map((one) => [one.path, [one.message]]));
  const testcase = files.map((file) =>
    toTestCase(
      toRepositoryPath(file.path, options.prefix),
      toFindings(file, options),
      added.get(file.path),
    ),
  );
  for (const loss of report.losses ?? []) {
    testcase.push(toTestCase(loss.path, [toLossFinding(loss)]));
  }
  testcase.push(...toKeysCases(listKeyFindings(report, options.strict), listAddedKeys(report)));
  const remarks = listRemarks(report);
  if (options.strict) testcase.push(...remarks.map(toRemarkCase));
  if (report.refused) testcase.push(toRefusedCase(report.refused));
  const failures = testcase.filter(({ failure }) => failure !== undefined).length;
  const counts = { '@tests': testcase.length, '@failures': failures, '@errors': 0 };
  const builder = new Builder({
    attributeNamePrefix: '@',
    ignoreAttributes: false,
    format: true,
    // Otherwise an attribute whose value is `true` loses the value, which is not XML.
    suppressBooleanAttributes: false,
  });
  return builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    testsuites: {
      '@name': 'lookaside check',
      ...counts,
      testsuite: {
        '@name': 'lookaside check',
        ...counts,
        '@skipped': 0,
        testcase,
        ...(remarks.length > 0 && {
          'system-out': remarks.map(({ message }) => `warning: ${message}`).join('\n'),
        }),
      },
    },
  });
}

function toTestCase(
  path: string,
  findings: readonly Told[],
  notes: readonly string[] = [],
): TestCase {
  const slash = path.lastIndexOf('/');
  const errors = findings.filter(({ level }) => level === 'error');
  const warnings = findings.filter(({ level }) => level === 'warning');
  const [first] = errors;
  return {
    // Some readers drop a case without a class.
    '@classname': slash < 0 ? '.' : toXmlText(path.slice(0, slash)),
    '@name': toXmlText(path.slice(slash + 1)),
    ...(first && {
      failure: {
        '@type': first.code,
        '@message': toXmlText(errors.map(({ message }) => message).join('; ')),
        '#text': toLines(errors),
      },
    }),
    ...(warnings.length + notes.length > 0 && {
      'system-out': [
        ...notes.map(toXmlText),
        ...(warnings.length > 0 ? [toLines(warnings)] : []),
      ].join('\n'),
    }),
  };
}

function toRefusedCase(refused: RefusedState): TestCase {
  const message = toXmlText(formatRefused(refused));
  const text = `${message}\nhint: ${toXmlText(refused.hint)}`;
  return {
    '@classname': '.',
    '@name': 'state',
    failure: { '@type': refused.code, '@message': message, '#text': text },
  };
}

/** One case for all keys, where there is something to say of them. */
function toKeysCases(
  findings: readonly KeyFinding[],
  added: readonly string[],
): readonly TestCase[] {
  if (findings.length + added.length === 0) return [];
  return [{ ...toTestCase('keys', findings, added), '@classname': '.' }];
}

function toLines(findings: readonly Told[]): string {
  return findings
    .flatMap(({ code, message, hint }) => [
      `${code}: ${message}`,
      ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ])
    .map(toXmlText)
    .join('\n');
}

/** Printable, and without what XML 1.0 forbids (2.2, Char): surrogates, U+FFFE, U+FFFF. */
function toXmlText(text: string): string {
  return toPrintable(text).replaceAll(
    /[\p{Cs}\uFFFE\uFFFF]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
