import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Signature } from '../../../../generator/gate/judge.ts';
import type { Signer } from '../../../../generator/openpgp/open-message.ts';
import { readKeyring } from '../../../../generator/openpgp/openpgp-js.ts';
import {
  type Policy,
  type SignedBy,
  createPolicy,
  createScope,
  createSimplePolicy,
} from '../../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../../generator/policy/signed-identity.ts';
import { createVerdictTerms } from '../../../../generator/store/checkpoint/shared-verdict.ts';
import { createVerdictIds } from '../../../../generator/store/checkpoint/verdict-ids.ts';
import {
  formatVerdictLine,
  indexVerdicts,
} from '../../../../generator/store/checkpoint/verdict-index.ts';
import {
  type VerdictLines,
  createVerdictLines,
} from '../../../../generator/store/checkpoint/verdict-line.ts';
import { forgeSigner } from '../../openpgp/forged.ts';
import { DIRECTORY, HEX, keyringOf, locationOf, publishable } from '../../samples.ts';

const LOCATION = locationOf(`${DIRECTORY}/signature-1`);
const MIRROR = locationOf(`mirror/${DIRECTORY}/signature-1`);
const ENGINES = 'engines 1';
const CLAIMS = {
  dockerReference: 'reg.example/ns/repo:v1',
  manifestDigest: `sha256:${HEX}`,
  creator: 'atomic 5.23.1',
  timestamp: 1_700_000_000,
} as const;
const SIGNER: Signer = { fingerprint: 'A'.repeat(40), primaryFingerprint: 'A'.repeat(40) };

const linesOf = (policy: Policy, engines = ENGINES) =>
  createVerdictLines(
    createVerdictTerms(policy, createVerdictIds(policy, engines), () => undefined),
  );

const by = async (...names: readonly string[]): Promise<SignedBy> => ({
  type: 'signedBy',
  keyring: await keyringOf(...names.map((name) => `lab/keys/${name}.gpg`)),
  signedIdentity: DEFAULT_IDENTITY,
});

const byForged = async (options = {}): Promise<Policy> => {
  const { publicKey } = forgeSigner(options);
  return createSimplePolicy(await readKeyring([{ path: 'key', bytes: publicKey }]));
};

/** A policy whose first scope has two requirements, and one more. */
async function twoScopes(): Promise<Policy> {
  return createPolicy([
    createScope('reg.example', undefined, [await by('lab'), await by('two')]),
    createScope('', undefined, [await by('lab')]),
  ]);
}

describe('generator: lines of remembered verdicts', () => {
  let policy: Policy;
  let lines: VerdictLines;
  beforeEach(async () => {
    policy = await twoScopes();
    lines = linesOf(policy);
  });

  const scopeOf = (name: string) => policy.scopes.get(name) ?? assert.fail();
  const signatureWith = (parts: Partial<Signature> = {}): Signature => {
    const scope = scopeOf('reg.example');
    const judged = { signer: SIGNER, scope, meets: scope.signedBy, claims: CLAIMS };
    const times = { signedAt: 1_700_000_000_000, validUntil: Infinity };
    return publishable(`${DIRECTORY}/signature-1`, { ...judged, ...times, ...parts }).signature;
  };
  const lineOf = (signature: Signature) => lines.format(DIRECTORY, signature);
  const fields = () => lineOf(signatureWith()).split('\t');

  const withTerms = (change: (terms: unknown[]) => unknown) => {
    const terms: unknown = JSON.parse(fields().at(-1) ?? '');
    assert(Array.isArray(terms));
    return [...fields().slice(0, -1), JSON.stringify(change(terms))].join('\t');
  };

  /** Through the bytes of a file, as they are read. */
  function assertComesBack(signature: Signature, read: VerdictLines = lines): void {
    const index = indexVerdicts(Buffer.from(formatVerdictLine(lineOf(signature))));
    const [line = -1, ...more] = index.find(signature.hash);
    assert.deepEqual(more, []);
    const remembered = read.parse(index.text(line) ?? '', LOCATION);
    const { bytes: _bytes, ...expected } = signature;
    assert.deepEqual(remembered, expected);
    assert.equal(remembered?.scope, policy.scopes.get(signature.scope.name));
  }

  const odd = ['', '\t', '\n', '\r\n\t\0', '"', '\\', '’—ü', '🔏', '\ud800', '-', 'null', '\u2028'];
  const rows: Readonly<Record<string, () => Partial<Signature>>> = {
    'an accepted signature': () => ({}),
    'one of another scope': () => ({ scope: scopeOf(''), meets: scopeOf('').signedBy }),
    'one that meets the first requirement': () => ({
      meets: scopeOf('reg.example').signedBy.slice(0, 1),
    }),
    'one that meets the second requirement': () => ({
      meets: scopeOf('reg.example').signedBy.slice(1),
    }),
    'one that meets none': () => ({ meets: [] }),
    'one that is unverified': () => ({ status: 'unverified', signer: undefined, meets: [] }),
    'one by a subkey, with warnings': () => ({
      signer: { ...SIGNER, fingerprint: 'B'.repeat(40) },
      warnings: [
        { code: 'signing-subkey', message: 'signed by\ta "subkey"' },
        { code: 'weak-algorithm', message: 'signed with SHA-1' },
        { code: 'expires-soon', message: '' },
      ],
    }),
    'one without a creator': () => ({ claims: { ...CLAIMS, creator: null } }),
    'one without a timestamp': () => ({ claims: { ...CLAIMS, timestamp: null } }),
    'one that expires': () => ({ validUntil: 1_800_000_000_123 }),
    'one of 1970': () => ({ signedAt: 0, validUntil: 1 }),
  };
  for (const [what, parts] of Object.entries(rows)) {
    it(`come back as they were: ${what}`, () => assertComesBack(signatureWith(parts())));
  }
  for (const creator of odd) {
    it(`come back as they were: the creator ${JSON.stringify(creator)}`, () => {
      assertComesBack(signatureWith({ claims: { ...CLAIMS, creator } }));
    });
  }
  for (const timestamp of [0, 1, -1, 2 ** 53 + 2, -(2 ** 63), 2 ** 63 - 1024]) {
    it(`come back as they were: the timestamp ${timestamp}`, () => {
      assertComesBack(signatureWith({ claims: { ...CLAIMS, timestamp } }));
    });
  }

  it('come back as they were, whatever is in them', () => {
    const text = fc.string({ unit: 'binary' });
    const parts = fc.record({
      creator: fc.option(text),
      timestamp: fc.option(fc.maxSafeInteger()),
      dockerReference: fc.constantFrom('r/a:b', `r/a@sha256:${HEX}`, 'docker.io/library/busybox'),
      message: text,
      signedAt: fc.nat().map((seconds) => seconds * 1000),
      validUntil: fc.oneof(fc.maxSafeInteger(), fc.constant(Infinity)),
      status: fc.constantFrom('accepted' as const, 'unverified' as const),
    });
    const property = fc.property(parts, ({ status, signedAt, validUntil, message, ...claims }) => {
      const signer = status === 'accepted' ? SIGNER : undefined;
      const warnings = [{ code: 'expires-soon', message } as const];
      const judged = { status, signer, signedAt, validUntil, warnings };
      assertComesBack(signatureWith({ ...judged, claims: { ...CLAIMS, ...claims } }));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('come back in another process with the same policy', async () => {
    const signature = signatureWith();
    const line = lineOf(signature);
    const again = await twoScopes();
    const remembered = linesOf(again).parse(line, LOCATION);
    const scope = again.scopes.get('reg.example');
    const { bytes: _bytes, ...expected } = signature;
    assert.deepEqual(remembered, { ...expected, scope, meets: scope?.signedBy });
    assert.equal(remembered?.scope, scope);
    for (const [at, requirement] of remembered?.meets.entries() ?? []) {
      assert.equal(requirement, scope?.signedBy[at]);
    }
  });

  it('are one line each, whose first field is the hash', () => {
    for (const creator of odd) {
      const signature = signatureWith({ claims: { ...CLAIMS, creator } });
      const line = lineOf(signature);
      assert.doesNotMatch(line, /\n/);
      assert.equal(line.split('\t', 1)[0], signature.hash);
    }
  });

  it('say nothing of another directory', () => {
    const line = lineOf(signatureWith());
    assert.equal(lines.parse(line, MIRROR), undefined);
    assert.notEqual(
      lines.parse(lines.format(MIRROR.directory, signatureWith()), MIRROR),
      undefined,
    );
    const other = locationOf(`ns/repo@sha256=${HEX.replace('0', '1')}/signature-1`);
    assert.equal(lines.parse(line, other), undefined);
    const number = locationOf(`${DIRECTORY}/signature-2`);
    assert.notEqual(lines.parse(line, number), undefined);
  });

  describe('of another judge say nothing', () => {
    const name = forgeSigner().fingerprint.toString('hex').toUpperCase();
    const signer = { fingerprint: name, primaryFingerprint: name };
    let line: string;
    before(async () => {
      const forged = await byForged();
      const scope = forged.scopes.get('') ?? assert.fail();
      const parts = { signer, scope, meets: scope.signedBy, claims: CLAIMS };
      const { signature } = publishable(`${DIRECTORY}/signature-1`, parts);
      line = linesOf(forged).format(DIRECTORY, signature);
    });
    const parse = (other: Policy, engines?: string) =>
      linesOf(other, engines).parse(line, LOCATION);

    it('with an equal one for comparison', async () => {
      assert.notEqual(parse(await byForged()), undefined);
    });
    it('with another state of the key', async () => {
      assert.equal(parse(await byForged({ expires: 3000 * 86_400 })), undefined);
    });
    it('with another key', async () => {
      assert.equal(parse(await byForged({ created: Date.UTC(2023, 1) / 1000 })), undefined);
    });
    it('with other engines', async () => {
      assert.equal(parse(await byForged(), 'engines 2'), undefined);
    });
    it('with another policy', async () => {
      assert.equal(parse(await createSimplePolicy(undefined)), undefined);
      assert.equal(parse(await twoScopes()), undefined);
    });
    it('with a scope that is no more', async () => {
      const [scope] = (await byForged()).scopes.values();
      const renamed = createScope('other.example', undefined, scope?.requirements ?? []);
      const other = await createPolicy([renamed]);
      assert.equal(parse(other), undefined);
      // Not even if the rest were the same.
      assert.equal(
        createVerdictLines(
          createVerdictTerms(
            other,
            () => 'same',
            () => undefined,
          ),
        ).parse(line, LOCATION),
        undefined,
      );
    });
  });

  describe('that are garbage say nothing', () => {
    const table: Readonly<Record<string, () => string>> = {
      nothing: () => '',
      tabs: () => '\t'.repeat(20),
      'fewer fields': () => fields().slice(0, -1).join('\t'),
      'the terms cut short': () => lineOf(signatureWith()).slice(0, -1),
      'terms that are no list': () => withTerms(() => ({})),
      'no terms': () => withTerms(() => []),
      'more terms': () => withTerms((terms) => [...terms, 1]),
      'another id': () => withTerms((terms) => terms.with(0, 'other')),
      'a signer that is a text': () => withTerms((terms) => terms.with(1, 'A')),
      'half a signer': () => withTerms((terms) => terms.with(1, ['A'])),
      'no signer': () => withTerms((terms) => terms.with(1, null)),
      'another scope': () => withTerms((terms) => terms.with(2, 'nowhere.example')),
      'the prototype as scope': () => withTerms((terms) => terms.with(2, '__proto__')),
      'places that are texts': () => withTerms((terms) => terms.with(3, ['0'])),
      'a creator that is a number': () => withTerms((terms) => terms.with(4, 1)),
      'a warning with another code': () =>
        withTerms((terms) => terms.with(5, [{ code: 'x', message: '' }])),
    };
    for (const [what, make] of Object.entries(table)) {
      it(`with ${what}`, () => assert.equal(lines.parse(make(), LOCATION), undefined));
    }

    it('with anything at all', () => {
      const property = fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(lines.parse(text, LOCATION), undefined);
        const own = [...fields().slice(0, -1), text].join('\t');
        assert.equal(lines.parse(own, LOCATION), undefined);
      });
      fc.assert(property);
    });
  });
});
