import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { PolicyJudge } from '../../../generator/gate/judge.ts';
import { type OpenMessage, createOpenMessage } from '../../../generator/openpgp/open-message.ts';
import { type Keyring, readKeyring } from '../../../generator/openpgp/openpgp-js.ts';
import { type Policy, createPolicy, createScope } from '../../../generator/policy/policy.ts';
import {
  type SignedIdentity,
  signedIdentitySchema,
} from '../../../generator/policy/signed-identity.ts';
import { ConcernedPlaces } from '../../../generator/proposal/concerned-places.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { HEX, locationOf } from '../../kit/samples/samples.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { describeWith } from '../../with-tools.ts';

/** A scope by its name, keys, rule and prefix. */
interface Row {
  readonly name: string;
  readonly keys: string;
  readonly rule: unknown;
  readonly prefix: string | undefined;
}

const NAMES = ['', '*.example', 'a.example', 'a.example/team', 'a.example/team/app', 'b.test'];
const REFERENCES = ['a.example/team/app:v1', 'a.example/team/app', 'b.test/app:v1'];
const REPOSITORIES = ['team/app', 'app', 'moved/team/app', 'a.example/team/app', 'team/app/app'];
const DEFAULT = { type: 'matchRepoDigestOrExact' };
const RULES: readonly unknown[] = [
  DEFAULT,
  { type: 'matchExact' },
  { type: 'matchRepository' },
  { type: 'exactRepository', dockerRepository: 'b.test/app' },
  { type: 'remapIdentity', prefix: 'a.example/team', signedPrefix: 'b.test' },
];
const scope = fc.record({
  name: fc.constantFrom(...NAMES),
  keys: fc.constantFrom('one', 'two', 'both', 'extended'),
  rule: fc.constantFrom(...RULES),
  prefix: fc.constantFrom(undefined, undefined, undefined, 'moved', ''),
});
const scopes = fc.uniqueArray(scope, { selector: ({ name }) => name, minLength: 1, maxLength: 4 });

describeWith(['gpg'], 'the places that a change of rules concerns', () => {
  // After all that is made.
  let now = new Date();
  const keyrings = new Map<string, Keyring>();
  const messages: Buffer[] = [];
  const answers = new Map<string, ReturnType<OpenMessage>>();
  let signer: Signer;
  let keys: readonly SigningKey[] = [];

  const exported = async (...chosen: readonly SigningKey[]): Promise<Keyring> => {
    const path = await signer.exportKeys(join(signer.home, 'keys.asc'), ...chosen);
    return readKeyring([{ path, bytes: await readFile(path) }]);
  };
  before('make two keys, one of them in three states', async () => {
    signer = await makeSigner();
    const one = await signer.makeKey({ algorithm: 'ed25519', expires: '1y' });
    const two = await signer.makeKey({ algorithm: 'ed25519' });
    keys = [one, two];
    keyrings.set('one', await exported(one)).set('two', await exported(two));
    keyrings.set('both', await exported(one, two));
    for (const key of keys) {
      for (const dockerReference of REFERENCES) {
        messages.push(await signer.sign(key, { dockerReference, manifestDigest: `sha256:${HEX}` }));
      }
    }
    await signer.extend(one, '3y');
    keyrings.set('extended', await exported(one));
    await signer.revoke(one);
    keyrings.set('revoked', await exported(one));
    now = new Date(Date.now() + 1000);
  });
  after(async () => signer.stop());

  const open = createOpenMessage(undefined);
  const openMessage: OpenMessage = async (message, keyring, at) => {
    const question = `${messages.findIndex((one) => one.equals(message))} ${keyring?.id}`;
    const answer = answers.get(question) ?? open(message, keyring, at);
    answers.set(question, answer);
    return answer;
  };
  const toPolicy = async (rows: readonly Partial<Row>[]): Promise<Policy> =>
    createPolicy(
      rows.map(({ name = '', keys: named = 'one', rule = DEFAULT, prefix }) => {
        const keyring = keyrings.get(named) ?? assert.fail(named);
        const signedIdentity: SignedIdentity = signedIdentitySchema.parse(rule);
        return createScope(name, prefix, [{ type: 'signedBy', keyring, signedIdentity }]);
      }),
    );
  const isGood = async (policy: Policy, repository: string, message: Buffer): Promise<boolean> => {
    const judge = new PolicyJudge({ policy, openMessage, expiryWarning: 0 });
    const location = locationOf(`${repository}@sha256=${HEX}/signature-1`);
    return !isRejection(await judge.judge(location, message, now));
  };

  it('are all at which a signature was good and no longer is, whatever the rules', async () => {
    await fc.assert(
      fc.asyncProperty(scopes, scopes, async (before, after) => {
        const [from, to] = [await toPolicy(before), await toPolicy(after)];
        const concerned = await ConcernedPlaces.between(from, to, now);
        for (const repository of REPOSITORIES.filter((one) => !concerned.has(one))) {
          for (const message of messages) {
            if (!(await isGood(from, repository, message))) continue;
            assert.ok(await isGood(to, repository, message), repository);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  const team = { name: 'a.example/team' };
  const host = { name: 'a.example' };
  const rows: readonly (readonly [
    title: string,
    from: readonly Partial<Row>[],
    to: readonly Partial<Row>[],
    concerned: readonly string[],
  ])[] = [
    ['nowhere: a key more', [host], [{ ...host, keys: 'both' }], []],
    ['nowhere: a key that expires later', [host], [{ ...host, keys: 'extended' }], []],
    ['nowhere: a scope where there was none', [host], [host, { name: 'b.test' }], []],
    ['nowhere: a scope with the keys of the one around it', [host], [host, team], []],
    ['nowhere: a rule that takes more', [host], [{ ...host, rule: RULES[2] }], []],
    [
      'a narrower scope with other keys',
      [host],
      [host, { ...team, keys: 'two' }],
      ['team/app', 'x/team/app'],
    ],
    ['a scope less', [host, { ...team, keys: 'both' }], [host], ['team/app', 'x/team/app']],
    ['a key less', [{ ...team, keys: 'both' }], [team], ['team/app', 'x/team/app']],
    ['a key that is revoked', [team], [{ ...team, keys: 'revoked' }], ['team/app', 'x/team/app']],
    ['another prefix', [{ ...team, prefix: 'x' }], [{ ...team, prefix: 'y' }], ['x/team/app']],
    [
      'a rule for all',
      [host],
      [{ ...host, rule: RULES[1] }],
      ['team/app', 'x/team/app', 'other/app'],
    ],
  ];
  for (const [title, from, to, expected] of rows) {
    it(`are known for ${title}`, async () => {
      const concerned = await ConcernedPlaces.between(
        await toPolicy(from),
        await toPolicy(to),
        now,
      );
      const places = ['team/app', 'x/team/app', 'other/app'];
      assert.deepEqual(
        places.filter((place) => concerned.has(place)),
        expected,
      );
      assert.equal(concerned.isEmpty, expected.length === 0);
    });
  }
});
