import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { NodeFinding } from '../../../../generator/nodes/check/finding.ts';
import { inspectNode } from '../../../../generator/nodes/check/inspect-node.ts';
import { findKeyPaths, inspectPolicy } from '../../../../generator/nodes/check/inspect-policy.ts';
import type { FoundContent } from '../../../../generator/nodes/check/node-state.ts';
import {
  type WantedNode,
  createWantedNode,
} from '../../../../generator/nodes/check/wanted-node.ts';
import { parseStoreUrl } from '../../../../generator/nodes/store-url.ts';
import type { Keyring } from '../../../../generator/openpgp/keyring.ts';
import { createPolicy, createScope } from '../../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../../generator/policy/signed-identity.ts';
import { keyringOf, readVector } from '../../../kit/samples/samples.ts';

const SCOPE = 'quay.io/team';
const NAMES = ['lab', 'two', 'ecdsa-p256'];
const PATH = 'etc/containers/policy.json';

const toFound = (bytes: Uint8Array): FoundContent => ({ kind: 'file', bytes });
const toPolicy = (docker: unknown): { path: string; found: FoundContent } => ({
  path: PATH,
  found: toFound(
    Buffer.from(JSON.stringify({ default: [{ type: 'reject' }], transports: { docker } })),
  ),
});
const signedBy = (keys: object): object => ({ type: 'signedBy', keyType: 'GPGKeys', ...keys });

const OPTIONS = {
  url: parseStoreUrl('https://sig.example.com'),
  clients: 'any',
  staging: undefined,
  byDefault: 'reject',
  isRootless: false,
  now: new Date('2026-06-01'),
  expiryWarning: 0,
} as const;

async function want(keyring: Keyring): Promise<WantedNode> {
  const requirement = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const;
  const scope = createScope(SCOPE, undefined, [requirement]);
  return createWantedNode(await createPolicy([scope]), OPTIONS);
}

describe('generator: policy.json of a node', () => {
  let wanted: WantedNode;
  const blocks = new Map<string, Buffer>();
  const expired = new Map<string, FoundContent>();
  before(async () => {
    for (const name of NAMES) blocks.set(name, await readVector(`lab/keys/${name}.gpg`));
    expired.set('/old.gpg', toFound(await readVector('lab/keys/expired-key.gpg')));
    const keyring = await keyringOf(...NAMES.map((name) => `lab/keys/${name}.gpg`));
    wanted = await want(keyring);
  });
  const inspect = async (
    docker: unknown,
    keyFiles: ReadonlyMap<string, FoundContent> = new Map(),
  ): Promise<readonly NodeFinding[]> => inspectPolicy(toPolicy(docker), keyFiles, wanted);
  const join = (names: readonly string[]): Buffer =>
    Buffer.concat(names.map((name) => blocks.get(name) ?? Buffer.alloc(0)));

  /** Keys dealt out to files, each to one at least. */
  const deals = fc
    .array(fc.subarray(NAMES, { minLength: 1 }), { minLength: 1, maxLength: 4 })
    .map((files) => files.concat([NAMES.filter((name) => !files.flat().includes(name))]))
    .map((files) => files.filter(({ length }) => length > 0));

  it('is the same however its keys are dealt out to files', async () => {
    await fc.assert(
      fc.asyncProperty(deals, fc.boolean(), async (files, isData) => {
        const keyFiles = new Map(
          files.map((names, index) => [`/${index}.gpg`, toFound(join(names))]),
        );
        const keys = isData
          ? { keyData: join(files.flat()).toString('base64') }
          : { keyPaths: [...keyFiles.keys()] };
        assert.deepEqual(await inspect({ [SCOPE]: [signedBy(keys)] }, keyFiles), []);
      }),
      { numRuns: 30 },
    );
  });

  it('names the keys that are missing, and no others', async () => {
    const some = fc.subarray(NAMES, { minLength: 1, maxLength: NAMES.length - 1 });
    await fc.assert(
      fc.asyncProperty(some, async (names) => {
        const keyData = join(names).toString('base64');
        const [finding, ...more] = await inspect({ [SCOPE]: [signedBy({ keyData })] });
        assert.deepEqual([finding?.code, finding?.path, more], ['wrong-keys', PATH, []]);
        for (const name of NAMES) {
          const { keys } = await keyringOf(`lab/keys/${name}.gpg`);
          const isNamed = keys.some(({ fingerprint }) => finding?.message.includes(fingerprint));
          assert.equal(isNamed, !names.includes(name));
        }
      }),
      { numRuns: 10 },
    );
  });

  it('takes one key file that is missing for all', async () => {
    const keyFiles = new Map([['/a.gpg', toFound(join(NAMES))]]);
    const keys = signedBy({ keyPaths: ['/a.gpg', '/b.gpg'] });
    const findings = await inspect({ [SCOPE]: [keys] }, keyFiles);
    assert.deepEqual(
      findings.map(({ code, path }) => [code, path]),
      [['key-file-missing', 'b.gpg']],
    );
  });

  it('passes over a key file without keys beside others, with a warning', async () => {
    const keyFiles = new Map([
      ['/a.gpg', toFound(join(NAMES))],
      ['/page.asc', toFound(Buffer.from('<html>'))],
    ]);
    const inFiles = async (...keyPaths: readonly string[]) => {
      const findings = await inspect({ [SCOPE]: [signedBy({ keyPaths })] }, keyFiles);
      return findings.map(({ code, severity, path }) => [code, severity, path]);
    };
    assert.deepEqual(await inFiles('/page.asc', '/a.gpg'), [
      ['key-file-unreadable', 'warning', 'page.asc'],
    ]);
    const [[, alone] = []] = await inFiles('/page.asc');
    assert.equal(alone, 'fault');
    // Such a scope within ours lets in what the other files of the list are for.
    const narrower = {
      [SCOPE]: [signedBy({ keyPath: '/a.gpg' })],
      [`${SCOPE}/app`]: [signedBy({ keyPaths: ['/page.asc', '/old.gpg'] })],
    };
    const found = await inspect(narrower, new Map([...keyFiles, ...expired]));
    assert.deepEqual(
      found.map(({ code, severity }) => `${severity} ${code}`),
      ['warning key-file-unreadable', 'fault weaker-subscope'],
    );
  });

  it('takes a scope whose keys cannot be read for one that nothing meets', async () => {
    const keyData = join(NAMES).toString('base64');
    const docker = {
      [SCOPE]: [signedBy({ keyData })],
      [`${SCOPE}/app`]: [signedBy({ keyPath: '/gone.gpg' })],
      'other.example': [signedBy({ keyPath: '/gone.gpg' })],
    };
    // No way in, but no image of them can be pulled.
    assert.deepEqual(
      (await inspect(docker)).map(({ code, severity, path, scope }) => [
        code,
        severity,
        path,
        scope,
      ]),
      [`${SCOPE}/app`, 'other.example'].map((scope) => [
        'key-file-missing',
        'warning',
        'gone.gpg',
        scope,
      ]),
    );
    const [finding] = await inspect({ [SCOPE]: [signedBy({ keyData: 'AAAA' })] });
    assert.deepEqual([finding?.code, finding?.path], ['key-file-unreadable', PATH]);
  });

  it('is judged by the default where no scope has what is asked for', async () => {
    assert.equal((await inspect({}))[0]?.code, 'policy-scope-missing');
    const keyData = join(NAMES).toString('base64');
    assert.deepEqual(await inspect({ 'quay.io': [signedBy({ keyData })] }), []);
  });

  it('names each key file once, and none of what nodes refuse', () => {
    const docker = { a: [signedBy({ keyPath: '/a' })], b: [signedBy({ keyPaths: ['/a', '/b'] })] };
    assert.deepEqual(findKeyPaths(toPolicy(docker)), ['/a', '/b']);
    assert.deepEqual(findKeyPaths({ path: PATH, found: toFound(Buffer.from('{}')) }), []);
    assert.deepEqual(findKeyPaths({ path: PATH, found: { kind: 'missing' } }), []);
  });

  it('tells of faults of keys that the system and its users share once', async () => {
    const old = await want(await keyringOf('lab/keys/expired-key.gpg'));
    const registries = { kind: 'missing' } as const;
    const policy = toPolicy({ [SCOPE]: [signedBy({ keyPath: '/old.gpg' })] });
    const own = { policy, registries, registriesPath: 'd' };
    const users = [{ ...own, policy: { ...policy, path: 'root/policy.json' } }];
    const state = { own, users, keyFiles: expired, newer: { system: [own], users }, closed: [] };
    const findings = await inspectNode(state, old);
    assert.deepEqual(
      findings.map(({ code, path }) => [code, path]),
      [
        ['missing-file', 'd'],
        ['key-expired', 'old.gpg'],
      ],
    );
  });
});
