import assert from 'node:assert/strict';
import type { CheckedFile } from '../../../generator/gate/checked-file.ts';
import { formatLocation } from '../../../generator/terms/location.ts';
import { type Rejection, reject } from '../../../generator/terms/rejection.ts';
import { reportDirectory, reportOther, sortByPath } from '../../../generator/store/report.ts';
import { type Scope, type SignedBy, createScope } from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { DIRECTORY, HEX, entryOf, keyringOf, publishable } from '../../kit/samples/samples.ts';

const at = (number: number) => formatLocation(DIRECTORY, number);

const refusedAt = (path: string, rejection: Rejection): CheckedFile => ({
  kind: 'rejected',
  path,
  directory: DIRECTORY,
  entry: entryOf(path),
  rejection,
});

function report(...files: readonly CheckedFile[]) {
  return sortByPath(reportDirectory(DIRECTORY, files));
}

const requirement = async (key: string): Promise<SignedBy> => ({
  type: 'signedBy',
  keyring: await keyringOf(`lab/keys/${key}.gpg`),
  signedIdentity: DEFAULT_IDENTITY,
});

const warningsOf = (...files: readonly CheckedFile[]) =>
  report(...files).map((file) => ('warnings' in file ? file.warnings : []));

describe('generator: report', () => {
  it('shows an accepted signature', () => {
    const signer = { fingerprint: 'AB', primaryFingerprint: 'CD' };
    const warnings = [{ code: 'signing-subkey', message: 'm' }] as const;
    const manifestDigest = `sha256:${HEX}`;
    const claims = {
      dockerReference: 'r/a:b',
      manifestDigest,
      creator: 'me',
      timestamp: 1_700_000_000,
    };
    assert.deepEqual(report(publishable(at(1), { claims, signer, warnings })), [
      {
        path: at(1),
        status: 'accepted',
        servedAs: `/${at(1)}`,
        claims: { ...claims, timestamp: '2023-11-14T22:13:20Z' },
        signer,
        warnings,
      },
    ]);
  });

  it('shows no signer where none was verified', () => {
    const [file] = report(publishable(at(1), { status: 'unverified' }));
    assert.equal(file?.status, 'unverified');
    assert.equal('signer' in file, false);
  });

  for (const [seconds, expected] of [
    [null, null],
    [0, '1970-01-01T00:00:00Z'],
    [-1, '1969-12-31T23:59:59Z'],
    [-0, '1970-01-01T00:00:00Z'],
    [8_640_000_000_000, '+275760-09-13T00:00:00Z'],
    [8_640_000_000_001, '8640000000001'],
    [-(2 ** 63), '-9223372036854776000'],
  ] as const) {
    it(`shows the time ${String(seconds)} as ${String(expected)}`, () => {
      const { claims } = publishable(at(1)).signature;
      const [file] = report(publishable(at(1), { claims: { ...claims, timestamp: seconds } }));
      assert(file && 'claims' in file);
      assert.equal(file.claims.timestamp, expected);
    });
  }

  it('warns of a signature that is served under another number', () => {
    const [first, second] = report(publishable(at(1)), publishable(at(3)));
    assert(first && 'servedAs' in first && second && 'servedAs' in second);
    assert.deepEqual(first.warnings, []);
    assert.equal(second.servedAs, `/${at(2)}`);
    const [warning] = second.warnings;
    assert.equal(warning?.code, 'renumbered');
    assert.match(warning?.message ?? '', /served as number 2/);
  });

  it('warns of a copy, and names the one that is served', () => {
    const [, copy] = report(publishable(at(1), { hash: 'a' }), publishable(at(2), { hash: 'a' }));
    assert(copy && 'servedAs' in copy);
    assert.equal(copy.servedAs, `/${at(1)}`);
    assert.deepEqual(copy.warnings, [
      { code: 'duplicate', message: 'has the same bytes as signature 1; served once' },
    ]);
  });

  it('warns from the tenth on of what the updater of OpenShift does not read', () => {
    const files = Array.from({ length: 12 }, (_, index) => publishable(at(index + 1)));
    const copy = publishable(at(13), { hash: files[10]?.signature.hash ?? '' });
    const warned = [...reportDirectory(DIRECTORY, [...files, copy])].flatMap((file) => {
      const codes = 'warnings' in file ? file.warnings.map(({ code }) => code) : [];
      return codes.includes('many-signatures') ? [`${file.path}: ${codes.join(' ')}`] : [];
    });
    assert.deepEqual(warned, [
      `${at(10)}: many-signatures`,
      `${at(11)}: many-signatures`,
      `${at(12)}: many-signatures`,
      `${at(13)}: duplicate many-signatures`,
    ]);
  });

  describe('of a scope that asks for two signatures', () => {
    let first: SignedBy;
    let second: SignedBy;
    let scope: Scope;
    before(async () => {
      [first, second] = [await requirement('lab'), await requirement('two')];
      scope = createScope('a.example', undefined, [first, second]);
    });

    it('warns while one is missing, and names who must sign', () => {
      const [warnings] = warningsOf(publishable(at(1), { scope, meets: [first] }));
      const wanted =
        'AA7310A21DC5FB540253DB5B619C720C44FB8658 or EF05B1F2EBF6910547A9B305927E3D9F72006A04';
      assert.deepEqual(warnings, [
        {
          code: 'co-signature-missing',
          message: `nodes refuse the image until it is signed by ${wanted} too`,
        },
      ]);
    });

    it('does not warn once both are there, or one that meets both', () => {
      const one = publishable(at(1), { scope, meets: [first] });
      const other = publishable(at(2), { scope, meets: [second] });
      assert.deepEqual(warningsOf(one, other), [[], []]);
      assert.deepEqual(warningsOf(publishable(at(1), { scope, meets: [first, second] })), [[]]);
    });

    it('warns where the other is for another scope, or not served', () => {
      const one = publishable(at(1), { scope, meets: [first] });
      const apart = createScope('b.example', undefined, [second]);
      const other = publishable(at(2), { scope: apart, meets: apart.signedBy.slice(1) });
      assert.deepEqual(
        warningsOf(one, other).map((warnings) => warnings.map(({ code }) => code)),
        [['co-signature-missing'], []],
      );
      const rejection = reject('unknown-signer', 'm');
      const refused = refusedAt(at(2), rejection);
      assert.equal(warningsOf(one, refused)[0]?.length, 1);
    });
  });

  it('rejects what nodes would not read, and says how much there is', () => {
    const files = Array.from({ length: 128 }, (_, index) => publishable(at(index + 1)));
    const last = [...reportDirectory(DIRECTORY, files)].find(({ status }) => status === 'rejected');
    assert(last?.status === 'rejected');
    assert.deepEqual([last.path, last.code], [at(128), 'too-many-signatures']);
    assert.match(last.message, /expected at most 127 signatures in the directory, got 128/);
    assert.match(last.hint, /Remove/);
    assert.equal(last.breaksPulls, true);
  });

  it('shows rejected files with code, message, hint and harm', () => {
    const rejection = reject('html', 'm', { breaksPulls: true });
    assert.deepEqual(report(refusedAt(at(1), rejection)), [
      { path: at(1), status: 'rejected', ...rejection },
    ]);
  });

  it('names the file in commands', () => {
    const rejection = reject('armored', 'm', { hint: '`x < FILE > FILE.new`' });
    const [shown] = report(refusedAt(`it's/${at(1)}`, rejection));
    const word = `'it'\\''s/${at(1)}'`;
    assert(shown?.status === 'rejected');
    assert.equal(shown.hint, `\`x < ${word} > ${word}.new\``);
  });

  it('shows ignored files, and nothing of removed ones', () => {
    const readme = { path: 'README.md', directory: undefined };
    assert.deepEqual(
      [...reportOther({ kind: 'ignored', ...readme, entry: entryOf(readme.path) })],
      [{ path: 'README.md', status: 'ignored' }],
    );
    assert.deepEqual([...reportOther({ kind: 'removed', ...readme })], []);
  });

  it('sorts by the bytes of the path', () => {
    const paths = ['b', 'a/c', 'a', '\u{1f419}', '\uff41', 'B', 'a-b'];
    const files = paths.map((path) => ({ path, status: 'ignored' as const }));
    const sorted = ['B', 'a', 'a-b', 'a/c', 'b', '\uff41', '\u{1f419}'];
    assert.deepEqual(
      sortByPath(files).map(({ path }) => path),
      sorted,
    );
  });
});
