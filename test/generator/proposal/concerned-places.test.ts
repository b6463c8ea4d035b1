import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { PolicyJudge } from '../../../generator/gate/judge.ts';
import { type Gpgv, openGpgv } from '../../../generator/openpgp/gpgv.ts';
import { type OpenMessage, createOpenMessage } from '../../../generator/openpgp/open-message.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { type Policy, createPolicy, createScope } from '../../../generator/policy/policy.ts';
import {
  type SignedIdentity,
  signedIdentitySchema,
} from '../../../generator/policy/signed-identity.ts';
import { ConcernedPlaces } from '../../../generator/proposal/concerned-places.ts';
import { ProposalReview } from '../../../generator/proposal/proposal-review.ts';
import { GitObjects } from '../../../generator/sources/git/objects/git-objects.ts';
import { gitEnvironment } from '../../../generator/sources/git/processes/git-environment.ts';
import { DEFAULT_BUDGETS } from '../../../generator/terms/budgets.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { atLength } from '../../kit/at-length.ts';
import { importStates } from '../../kit/remote/import-states.ts';
import { HEX, locationOf } from '../../kit/samples/samples.ts';
import { makeAdoptingKey } from '../../kit/signer/adopting-key.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { describeWith } from '../../with-tools.ts';

/** A scope by its name, keys, rule and prefix. */
interface Row {
  readonly name: string;
  readonly keys: string;
  readonly rule: unknown;
  readonly prefix: string | undefined;
}

/** Rules, and what lies where. */
interface ReviewedSide {
  readonly rows: readonly Row[];
  readonly tree: Readonly<Record<string, number>>;
}

const NAMES = ['', '*.example', 'a.example', 'a.example/team', 'a.example/team/app', 'b.test'];
const REFERENCES = ['a.example/team/app:v1', 'a.example/team/app', 'b.test/app:v1'];
const REPOSITORIES = ['team/app', 'app', 'moved/team/app', 'a.example/team/app', 'team/app/app'];
const EVERYWHERE = ['team/app', 'x/team/app', 'other/app'];
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
  keys: fc.constantFrom('one', 'two', 'both', 'extended', 'behind', 'hidden', 'adopter'),
  rule: fc.constantFrom(...RULES),
  prefix: fc.constantFrom(undefined, undefined, undefined, 'moved', ''),
});
const scopes = fc.uniqueArray(scope, { selector: ({ name }) => name, minLength: 1, maxLength: 4 });

/** Signatures by their place in the list of all, at a few paths of a tree. */
const trees = fc.dictionary(
  fc
    .tuple(fc.constantFrom('team/app', 'app', 'moved/team/app'), fc.integer({ min: 1, max: 2 }))
    .map(([repository, number]) => `${repository}@sha256=${HEX}/signature-${number}`),
  fc.nat({ max: 2 * REFERENCES.length - 1 }),
  { minKeys: 1, maxKeys: 4 },
);

describeWith(['git', 'gpg', 'gpgv'], 'the places that a change of rules concerns', () => {
  // After all that is made.
  let now = new Date();
  const keyrings = new Map<string, Keyring>();
  const messages: Buffer[] = [];
  const answers = new Map<string, ReturnType<OpenMessage>>();
  let signer: Signer;
  let gpgv: Gpgv | undefined;
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
    const [ownFile, adopter] = [join(signer.home, 'one.asc'), join(signer.home, 'adopter.asc')];
    await signer.exportKeys(ownFile, one);
    await writeFile(adopter, await makeAdoptingKey(await readFile(ownFile, 'utf8')));
    keyrings
      .set('behind', await readKeys(adopter, ownFile))
      .set('adopter', await readKeys(adopter));
    keyrings.set('hidden', await readKeys(ownFile, adopter));
    await signer.extend(one, '3y');
    keyrings.set('extended', await exported(one));
    await signer.revoke(one);
    keyrings.set('revoked', await exported(one));
    now = new Date(Date.now() + 1000);
  });
  after(async () => {
    await gpgv?.close();
    await signer.stop();
  });
  const open: OpenMessage = async (...question) => {
    gpgv ??= await openGpgv({ path: process.env['PATH'], directory: signer.home });
    return createOpenMessage(gpgv)(...question);
  };
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
      { numRuns: atLength(50, 150) },
    );
  });

  /** What nodes find: of each directory and of each image, which bytes. */
  const findServed = async (judge: PolicyJudge, tree: Readonly<Record<string, number>>) => {
    const served = new Map<string, { readonly here: string; readonly images: string[] }>();
    for (const [path, index] of Object.entries(tree)) {
      const location = locationOf(path);
      const signature = await judge.judge(location, messages[index] ?? assert.fail(), now);
      if (isRejection(signature)) continue;
      const images = judge.findImages(location, signature).map((name) => `${name} ${index}`);
      served.set(path, { here: `${location.directory} ${index}`, images });
    }
    return served;
  };
  it('miss nothing that vanishes, in the review of any rules, copies and moves', async () => {
    const repository = join(signer.home, 'repository.git');
    execFileSync('git', ['init', '--quiet', '--bare', repository]);
    const objects = new GitObjects(repository, gitEnvironment(process.env, undefined), undefined);
    const side = fc.record({ rows: scopes, tree: trees });
    const review = async (before: ReviewedSide, after: ReviewedSide) => {
      const states = [before, after].map(
        ({ tree }) =>
          new Map(
            Object.entries(tree).map(([path, index]) => {
              const content = messages[index]?.toString('latin1') ?? '';
              return [path, { mode: '100644', content }] as const;
            }),
          ),
      );
      await importStates(repository, states);
      const [from, to] = await Promise.all(
        [before, after].map(async ({ rows, tree }, index) => {
          const policy = await toPolicy(rows);
          const judge = new PolicyJudge({ policy, openMessage, expiryWarning: 0 });
          const commit = `main~${1 - index}^{tree}`;
          const args = ['--git-dir', repository, 'rev-parse', commit];
          const id = execFileSync('git', args).toString().trim();
          return { tree: id, judge, subtree: '', policy, served: await findServed(judge, tree) };
        }),
      );
      assert.ok(from && to);
      const { losses } = await new ProposalReview({
        objects,
        from,
        to,
        budgets: DEFAULT_BUDGETS,
        stateBudgets: DEFAULT_BUDGETS,
        concerned: await ConcernedPlaces.between(from.policy, to.policy, now),
        gaining: await ConcernedPlaces.between(to.policy, from.policy, now),
        now,
      }).review();
      return { from, to, lost: new Set(losses.map(({ path }) => path)) };
    };
    await fc.assert(
      fc.asyncProperty(side, side, async (before, after) => {
        const { from, to, lost } = await review(before, after);
        const remaining = [...to.served.values()];
        const places = new Set(remaining.map(({ here }) => here));
        const found = new Set(remaining.flatMap(({ images }) => images));
        for (const [path, { here, images }] of from.served) {
          const isFound = places.has(here) || images.every((image) => found.has(image));
          if (!isFound) assert.ok(lost.has(path), path);
        }
      }),
      { numRuns: atLength(15, 40) },
    );
    await objects.close();
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
    [
      'a key that another one before it has taken for its subkey',
      [team],
      [{ ...team, keys: 'behind' }],
      ['team/app', 'x/team/app'],
    ],
    ['a key of the same ID behind', [team], [{ ...team, keys: 'hidden' }], EVERYWHERE],
    [
      'a key of the same ID in another scope',
      [team],
      [{ name: 'b.test', keys: 'adopter' }, team],
      EVERYWHERE,
    ],
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

/** As one file: a file of its own would have to give a key. */
async function readKeys(...paths: readonly string[]): Promise<Keyring> {
  const contents = await Promise.all(paths.map(async (path) => readFile(path)));
  return readKeyring([{ path: paths.join(' '), bytes: Buffer.concat(contents) }]);
}
