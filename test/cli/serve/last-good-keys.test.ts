// Which keys are in force while key files break, come back and change places in the policy.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { readSettings } from '../../../cli/base/read-settings.ts';
import { readPolicy } from '../../../cli/inputs/read-policy.ts';
import { LastGoodKeys } from '../../../cli/serve/last-good-keys.ts';
import { isUnjudged, listKeyFaults } from '../../../generator/policy/key-faults.ts';
import type { Policy, SignedBy } from '../../../generator/policy/policy.ts';
import { atLength } from '../../kit/at-length.ts';
import { type Signer, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const FILES = ['one.gpg', 'two.gpg'] as const;
type File = (typeof FILES)[number];
const SCOPES = ['a.example', 'b.example'] as const;
type ScopeName = (typeof SCOPES)[number];
const STATES = [
  'good',
  'revoked',
  'renewed',
  'certificate',
  'empty',
  'missing',
  'private',
] as const;
type State = (typeof STATES)[number];
/** The files of each requirement of each scope. */
type Lists = Readonly<Partial<Record<ScopeName, readonly (readonly File[])[]>>>;

interface Step {
  readonly states: Readonly<Record<File, State>>;
  readonly lists: Lists;
  readonly isRestart: boolean;
}

interface Owner {
  readonly key: string;
  readonly successor: string;
}

/** The fingerprints of keys that are not revoked. */
function goodKeysOf({ keyring }: SignedBy): ReadonlySet<string> {
  const lives = [...keyring.lives].filter(([, { isRevoked }]) => !isRevoked);
  return new Set(lives.map(([fingerprint]) => fingerprint));
}

async function readWith(
  memory: LastGoodKeys,
  given: Parameters<typeof readSettings>[0],
): Promise<Policy> {
  const settings = await readSettings(given, {});
  memory.begin();
  const policy = await readPolicy(settings, { memory });
  await memory.keep();
  return policy;
}

describeWith(['gpg'], 'the keys that were good last', () => {
  const directory = useTemporary();
  const at = (...names: readonly string[]): string => join(directory(), ...names);
  let signer: Signer;
  let owners: Readonly<Record<File, Owner>>;

  before(async () => {
    signer = await makeSigner();
    owners = { 'one.gpg': await makeOwner('one.gpg'), 'two.gpg': await makeOwner('two.gpg') };
  });
  after(async () => signer.stop());

  const sampleOf = (file: File, state: State): string => join(signer.home, `${state}-${file}`);

  /** Makes a file as it may be one day: each has a key of its own, and a successor of that. */
  async function makeOwner(file: File): Promise<Owner> {
    const key = await signer.makeKey({ algorithm: 'ed25519' });
    const successor = await signer.makeKey({ algorithm: 'ed25519' });
    await signer.exportKeys(sampleOf(file, 'good'), key);
    await signer.exportSecret(sampleOf(file, 'private'), key);
    await signer.exportKeys(sampleOf(file, 'renewed'), successor);
    await writeFile(sampleOf(file, 'empty'), '');
    const certificate = join(signer.home, 'openpgp-revocs.d', `${key.fingerprint}.rev`);
    const text = (await readFile(certificate, 'utf8')).replace(/^:-----/m, '-----');
    await writeFile(sampleOf(file, 'certificate'), text);
    await signer.revoke(key);
    await signer.exportKeys(sampleOf(file, 'revoked'), key);
    return { key: key.fingerprint, successor: successor.fingerprint };
  }

  async function put(file: File, state: State, place: string = file): Promise<void> {
    if (state === 'missing') await rm(at(place), { force: true });
    else await copyFile(sampleOf(file, state), at(place));
  }

  const openMemory = async (): Promise<LastGoodKeys> => {
    const memory = new LastGoodKeys({
      path: at('state.keys'),
      source: '/srv/signatures.git',
      onUnreadable: assert.ifError,
      onUnwritable: assert.ifError,
      onWritten: () => undefined,
    });
    await memory.open();
    return memory;
  };

  const readLists = async (memory: LastGoodKeys, lists: Lists): Promise<Policy> => {
    const docker = Object.entries(lists).map(([scope, requirements]) => [
      scope,
      requirements.map((files) => ({
        type: 'signedBy',
        keyType: 'GPGKeys',
        keyPaths: files.map((file) => `/${file}`),
      })),
    ]);
    const policy = {
      default: [{ type: 'reject' }],
      transports: { docker: Object.fromEntries(docker) },
    };
    await writeFile(at('policy.json'), JSON.stringify(policy));
    return readWith(memory, { policy: at('policy.json'), 'policy-root': directory() });
  };

  /** As the server that has run, and as its next start. */
  async function readTwice(memory: LastGoodKeys, read: (one: LastGoodKeys) => Promise<Policy>) {
    const running = await read(memory);
    const started = await read(await openMemory());
    assert.equal(started.id, running.id);
    assert.deepEqual(listKeyFaults(started), listKeyFaults(running));
    return running;
  }

  it('lets a file that can be read win over its own copy, and lends it to nobody', async () => {
    for (const file of FILES) await put(file, 'good');
    const memory = await openMemory();
    await readLists(memory, { 'a.example': [['one.gpg', 'two.gpg']] });
    await put('one.gpg', 'revoked');
    await put('two.gpg', 'empty');
    const policy = await readTwice(memory, async (one) =>
      readLists(one, { 'a.example': [['two.gpg', 'one.gpg']], 'b.example': [['two.gpg']] }),
    );
    const [ours, theirs] = [policy.scopes.get('a.example'), policy.scopes.get('b.example')];
    assert.ok(ours?.signedBy[0] && theirs);
    assert.deepEqual([...goodKeysOf(ours.signedBy[0])], [owners['two.gpg'].key]);
    assert.ok(isUnjudged(theirs), 'the file was good in another scope only');
  });

  it('knows a directory by its files: one that is private refuses it, another stays revoked', async () => {
    await mkdir(at('keys'));
    await put('one.gpg', 'good', 'keys/one.gpg');
    const memory = await openMemory();
    const read = async (one: LastGoodKeys) => readWith(one, { keys: [at('keys')] });
    await read(memory);
    await put('one.gpg', 'revoked', 'keys/one.gpg');
    await put('two.gpg', 'private', 'keys/two.gpg');
    const refused = await readTwice(memory, read);
    assert.equal(refused.keyring?.keys.length, 0);
    assert.deepEqual(
      listKeyFaults(refused).map(({ code }) => code),
      ['scope-not-judged'],
    );
    await rm(at('keys'), { recursive: true });
    const kept = await readTwice(memory, read);
    assert.deepEqual(
      [...(kept.keyring?.lives.values() ?? [])].map(({ isRevoked }) => isRevoked),
      [true],
    );
  });

  it('applies what is revoked beside a key that is remembered, and does not forget it', async () => {
    for (const file of FILES) await put(file, 'good');
    const memory = await openMemory();
    const lists = { 'a.example': [['two.gpg', 'one.gpg']] } as const;
    await readLists(memory, lists);
    await put('one.gpg', 'certificate');
    const [withdrawn] = listKeyFaults(
      await readTwice(memory, async (one) => readLists(one, lists)),
    );
    assert.match(withdrawn?.message ?? '', /one\.gpg: .* as far as it does not revoke them$/);
    await put('one.gpg', 'empty');
    const policy = await readTwice(memory, async (one) => readLists(one, lists));
    const [requirement] = policy.scopes.get('a.example')?.signedBy ?? [];
    assert.ok(requirement);
    assert.deepEqual([...goodKeysOf(requirement)], [owners['two.gpg'].key]);
  });

  const readAll = async (one: LastGoodKeys, ...names: readonly File[]): Promise<Policy> => {
    const scopes = { 'a.example': { keys: names, require: 'all' } };
    await writeFile(at('lookaside.json'), JSON.stringify({ scopes }));
    return readWith(one, { config: at('lookaside.json') });
  };
  const readKeyFiles = async (one: LastGoodKeys): Promise<Policy> =>
    readWith(one, { keys: FILES.map((file) => at(file)) });

  describe('of scopes of which all must sign', () => {
    for (const broken of ['empty', 'missing', 'private'] as const) {
      it(`demand a file that is ${broken}: by its own copy, or by none`, async () => {
        await put('one.gpg', 'good');
        await put('two.gpg', broken);
        const memory = await openMemory();
        await readAll(memory, 'one.gpg');
        const never = await readTwice(memory, async (one) => readAll(one, ...FILES));
        const [scope] = never.scopes.values();
        assert.ok(scope && isUnjudged(scope));
        await put('two.gpg', 'good');
        await readAll(memory, ...FILES);
        await put('two.gpg', broken);
        const kept = await readTwice(memory, async (one) => readAll(one, 'two.gpg', 'one.gpg'));
        const signedBy = kept.scopes.get('a.example')?.signedBy ?? [];
        const demanded = signedBy.map((one) => [...goodKeysOf(one)].join(' '));
        assert.deepEqual(new Set(demanded), new Set(FILES.map((file) => owners[file].key)));
      });
    }
  });

  it('start with a file of --keys that is missing where they have been in force before', async () => {
    await put('one.gpg', 'good');
    await assert.rejects(openMemory().then(readKeyFiles), /--keys: cannot read keys: ENOENT.*two/);
    await put('two.gpg', 'empty');
    const memory = await openMemory();
    await readKeyFiles(memory);
    await put('one.gpg', 'revoked');
    await put('two.gpg', 'missing');
    const policy = await readTwice(memory, readKeyFiles);
    const [requirement] = policy.scopes.get('')?.signedBy ?? [];
    assert.ok(requirement);
    assert.equal(goodKeysOf(requirement).size, 0);
  });

  const files = fc.shuffledSubarray([...FILES], { minLength: 1 });
  const requirements = fc.array(files, { minLength: 1, maxLength: 2 });
  const state = fc.constantFrom(...STATES);
  const step: fc.Arbitrary<Step> = fc.record({
    states: fc.record({ 'one.gpg': state, 'two.gpg': state }),
    lists: fc.oneof(
      fc.record({ 'a.example': requirements, 'b.example': requirements }),
      fc.record({ 'a.example': requirements }),
    ),
    isRestart: fc.boolean(),
  });

  /** What was good last, retold: of each file that a scope names, the copy and whether it is revoked. */
  type Known = Map<string, { readonly key: string; readonly isRevoked: boolean }>;

  /** The key of a file in a scope, which is the only one by which its signatures may be good. */
  function tellKey(known: Known, scope: ScopeName, file: File, now: State): Known {
    const { key, successor } = owners[file];
    const place = `${scope} ${file}`;
    const last = known.get(place);
    if (now === 'good' || now === 'revoked') {
      return new Map([[place, { key, isRevoked: now === 'revoked' }]]);
    }
    if (now === 'renewed') return new Map([[place, { key: successor, isRevoked: false }]]);
    if (!last) return new Map();
    const isRevoked = last.isRevoked || (now === 'certificate' && last.key === key);
    return new Map([[place, { key: last.key, isRevoked }]]);
  }

  it('accept at no time what neither the files nor their own copies accept', async () => {
    const property = fc.asyncProperty(
      fc.array(step, { minLength: 2, maxLength: 6 }),
      async (steps) => {
        await rm(at('state.keys'), { force: true });
        let memory = await openMemory();
        for (const file of FILES) await put(file, 'good');
        let known: Known = new Map();
        const first: Step = {
          states: { 'one.gpg': 'good', 'two.gpg': 'good' },
          lists: { 'a.example': [[...FILES]] },
          isRestart: false,
        };
        for (const { states, lists, isRestart } of [first, ...steps]) {
          for (const file of FILES) await put(file, states[file]);
          if (isRestart) memory = await openMemory();
          const policy = await readLists(memory, lists);
          const next: Known = new Map();
          for (const scope of SCOPES) {
            const signedBy = policy.scopes.get(scope)?.signedBy ?? [];
            assert.equal(signedBy.length, lists[scope]?.length ?? 0, 'no requirement is dropped');
            for (const [index, requirement] of signedBy.entries()) {
              const named = lists[scope]?.[index] ?? [];
              const told = new Map(
                named.flatMap((file) => [...tellKey(known, scope, file, states[file])]),
              );
              for (const [place, key] of told) next.set(place, key);
              const isLost = named.some(
                (file) =>
                  !told.has(`${scope} ${file}`) &&
                  (states[file] === 'missing' || states[file] === 'private'),
              );
              const good = [...told.values()].filter(({ isRevoked }) => !isRevoked);
              const expected = isLost ? [] : good.map(({ key }) => key);
              assert.deepEqual([...goodKeysOf(requirement)].toSorted(), expected.toSorted());
            }
          }
          known = next;
        }
      },
    );
    await fc.assert(property, { numRuns: atLength(8, 25) });
  });
});
