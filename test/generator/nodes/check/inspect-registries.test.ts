import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { stringify } from 'yaml';
import type { NodeFinding } from '../../../../generator/nodes/check/finding.ts';
import { inspectRegistries } from '../../../../generator/nodes/check/inspect-registries.ts';
import type { FoundDirectory } from '../../../../generator/nodes/check/node-state.ts';
import {
  type WantedNode,
  createWantedNode,
} from '../../../../generator/nodes/check/wanted-node.ts';
import { parseStoreUrl } from '../../../../generator/nodes/store-url.ts';
import { createPolicy, createScope } from '../../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../../generator/policy/signed-identity.ts';
import { keyringOf } from '../../../kit/samples/samples.ts';

const STORE = 'https://sig.example.com';
const SCOPES = ['quay.io', 'quay.io/team', 'registry.example:5000/a/b', '*.example.com', ''];

const OPTIONS = {
  url: parseStoreUrl(STORE),
  clients: 'any',
  staging: undefined,
  byDefault: undefined,
  isRootless: false,
  now: new Date(0),
  expiryWarning: 0,
} as const;

/** What a section of a scope has, for both kinds of clients. */
const sectionOf = (scope: string): Record<string, string> => ({
  lookaside: `${STORE}/${scope.length}`,
  sigstore: `${STORE}/${scope.length}`,
});

const toDirectory = (files: Readonly<Record<string, unknown>>): FoundDirectory => ({
  kind: 'directory',
  files: Object.entries(files).map(([path, content]) => ({
    path,
    found: { kind: 'file', bytes: Buffer.from(stringify(content)) },
  })),
});

/** Sections dealt out to files by number, in any order. */
const deal = (numbers: readonly number[], order: readonly string[]): FoundDirectory => {
  const files: Record<string, { docker: Record<string, unknown>; 'default-docker'?: unknown }> = {};
  for (const [index, scope] of order.entries()) {
    const file = (files[`${numbers[index]}.yaml`] ??= { docker: {} });
    if (scope === '') file['default-docker'] = sectionOf(scope);
    else file.docker[scope] = sectionOf(scope);
  }
  return toDirectory(files);
};

describe('generator: registries.d of a node', () => {
  let wanted: WantedNode;
  before(async () => {
    const keyring = await keyringOf('lab/keys/lab.gpg');
    const requirement = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const;
    const policy = await createPolicy(
      SCOPES.map((name) => createScope(name, String(name.length), [requirement])),
    );
    wanted = createWantedNode(policy, OPTIONS);
  });

  const inspect = (registries: FoundDirectory): readonly NodeFinding[] => {
    const path = 'policy.json';
    return inspectRegistries(
      { registries, registriesPath: 'd', policy: { path, found: { kind: 'missing' } } },
      wanted,
    );
  };

  const numbers = fc.array(fc.nat(3), { minLength: SCOPES.length, maxLength: SCOPES.length });
  const orders = fc.shuffledSubarray(SCOPES, { minLength: SCOPES.length });

  it('is the same however its sections are dealt out to files', () => {
    fc.assert(
      fc.property(numbers, orders, (files, order) => {
        assert.deepEqual(inspect(deal(files, order)), []);
      }),
    );
  });

  it('has one fault for each scope that is not in it', () => {
    const some = fc.shuffledSubarray(SCOPES, { minLength: 1, maxLength: SCOPES.length - 1 });
    fc.assert(
      fc.property(numbers, some, (files, order) => {
        const missing = SCOPES.filter((scope) => !order.includes(scope));
        const findings = inspect(deal(files, order));
        assert.deepEqual(new Set(findings.map(({ scope }) => scope)), new Set(missing));
        for (const { code, severity } of findings) {
          assert.match(code, /^(?:store-missing|default-replaced)$/);
          assert.equal(severity, 'fault');
        }
      }),
    );
  });

  it('names each scope that a second file has too, and nothing else', () => {
    fc.assert(
      fc.property(fc.subarray(SCOPES.filter(Boolean), { minLength: 1 }), (doubled) => {
        const all = Object.fromEntries(
          SCOPES.filter(Boolean).map((name) => [name, sectionOf(name)]),
        );
        const twice = Object.fromEntries(doubled.map((name) => [name, { lookaside: 'x' }]));
        const findings = inspect(
          toDirectory({
            'a.yaml': { docker: all, 'default-docker': sectionOf('') },
            'b.yaml': { docker: twice },
          }),
        );
        assert.deepEqual(
          findings.map(({ code, path, scope }) => ({ code, path, scope })),
          doubled.map((scope) => ({ code: 'duplicate-scope', path: 'b.yaml', scope })),
        );
      }),
    );
  });

  it('never throws, whatever its files hold', () => {
    const known = ['docker', 'default-docker', 'lookaside', 'sigstore', 'quay.io', '<<'];
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        fc.constantFrom(null, 5, true, STORE, '', 'x'),
        tie('mapping'),
        fc.array(tie('any'), { maxLength: 2 }),
      ),
      mapping: fc.dictionary(fc.constantFrom(...known), tie('any'), { maxKeys: 4 }),
    })).mapping;
    fc.assert(
      fc.property(value, fc.string(), (content, text) => {
        const files = [
          { path: 'a.yaml', found: { kind: 'file', bytes: Buffer.from(stringify(content)) } },
          { path: 'b.yaml', found: { kind: 'file', bytes: Buffer.from(text) } },
        ] as const;
        for (const finding of inspect({ kind: 'directory', files })) assert.ok(finding.hint);
      }),
    );
  });

  it('needs an entry that is a directory', () => {
    const [finding] = inspect({ kind: 'unreadable', reason: 'a file' });
    assert.equal(finding?.code, 'registries-unreadable');
    assert.equal(finding.message, 'expected a directory, got a file');
    assert.equal(inspect({ kind: 'missing' })[0]?.code, 'missing-file');
  });
});
