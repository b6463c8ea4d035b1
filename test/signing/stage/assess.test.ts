// Which images a stage lets go, against a model: random stores of real signatures, good and bad ones.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import {
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  createServer,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { PlacingJudge } from '../../../generator/gate/placing-judge.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import {
  type Policy,
  type SignedBy,
  createPolicy,
  createScope,
  createSimplePolicy,
} from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY, formatReference } from '../../../generator/policy/signed-identity.ts';
import { loadStore } from '../../../generator/store/load-store.ts';
import type { DockerReference } from '../../../generator/terms/image-name.ts';
import { type SignerDemand, assess } from '../../../signing/stage/signer-demand.ts';
import { ServedStage, type Stage, StoredStage } from '../../../signing/stage/stage.ts';
import { atLength } from '../../kit/at-length.ts';
import { openMessage, snapshotOf } from '../../kit/samples/samples.ts';
import { formatLocation } from '../../kit/signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { describeWith } from '../../with-tools.ts';

const IMAGE: DockerReference = {
  host: 'dev.example',
  repository: 'team/app',
  tag: '1.0',
  digest: undefined,
};
const DIGESTS = ['a', 'b'].map((digit) => digit.repeat(64));
/** Whose signatures there are. `stranger` is not accepted, `gone` has a key that is revoked. */
const PEOPLE = ['one', 'two', 'gone', 'stranger'] as const;
type Person = (typeof PEOPLE)[number];
const NAMES = {
  own: 'dev.example/team/app:1.0',
  'another tag': 'dev.example/team/app:1.1',
  'another repository': 'dev.example/team/other:1.0',
  'another host': 'example.com/team/app:1.0',
};
type Name = keyof typeof NAMES;

/** A signature, and the digest of the directory in which it lies. */
interface Planted {
  readonly by: Person;
  readonly name: Name;
  readonly digest: string;
  readonly under: string;
}

const planted: fc.Arbitrary<Planted> = fc.record({
  by: fc.constantFrom(...PEOPLE),
  name: fc.constantFrom(
    ...(['own', 'own', 'own', 'another tag', 'another repository', 'another host'] as const),
  ),
  digest: fc.constantFrom(...DIGESTS),
  under: fc.constantFrom(...DIGESTS),
});
/** Of each list of people one has to have signed. */
const demanded = fc.array(
  fc.uniqueArray(fc.constantFrom<Person>('one', 'two', 'gone'), { minLength: 1 }),
  { minLength: 1, maxLength: 3 },
);

describeWith(['gpg', 'gpgv'], 'a stage', () => {
  let signer: Signer;
  let policy: Policy;
  const keys = new Map<Person, SigningKey>();
  const signatures = new Map<string, Buffer>();
  before(async () => {
    signer = await makeSigner();
    for (const person of PEOPLE) keys.set(person, await signer.makeKey({ algorithm: 'ed25519' }));
    for (const by of PEOPLE) {
      for (const name of Object.keys(NAMES) as Name[]) {
        for (const digest of DIGESTS) {
          const claims = { dockerReference: NAMES[name], manifestDigest: `sha256:${digest}` };
          const key = keys.get(by);
          assert.ok(key);
          signatures.set(`${by} ${name} ${digest}`, await signer.sign(key, claims));
        }
      }
    }
    const gone = keys.get('gone');
    assert.ok(gone);
    await signer.revoke(gone);
    const accepted = (['one', 'two', 'gone'] as const).flatMap((person) => keys.get(person) ?? []);
    const path = await signer.exportKeys(join(signer.home, 'all.gpg'), ...accepted);
    policy = await createSimplePolicy(await readKeyring([{ path, bytes: await readFile(path) }]));
  });
  after(() => signer.stop());

  const judge = (): PlacingJudge => new PlacingJudge({ policy, openMessage, expiryWarning: 0 });
  const bytesOf = ({ by, name, digest }: Planted): Buffer =>
    signatures.get(`${by} ${name} ${digest}`) ?? assert.fail('there is no such signature');

  /** In the directories of the image, whatever is signed. */
  function place(all: readonly Planted[]): Readonly<Record<string, Buffer>> {
    const files = all.map((one, at) => [
      formatLocation('team/app', `sha256:${one.under}`, at + 1),
      bytesOf(one),
    ]);
    return Object.fromEntries(files) as Record<string, Buffer>;
  }

  function toDemands(wanted: readonly (readonly Person[])[]): readonly SignerDemand[] {
    return wanted.map((people) => {
      const prints = new Set(people.map((person) => keys.get(person)?.fingerprint));
      const [first, ...others] =
        policy.keyring?.keys.filter(({ fingerprint }) => prints.has(fingerprint)) ?? [];
      assert.ok(first);
      return { keys: [first, ...others] };
    });
  }

  /** Whether each demand is met by a good signature of this very image, in a place where nodes look. */
  function isPromotable(
    all: readonly Planted[],
    wanted: readonly (readonly Person[])[],
    digest: string,
  ): boolean {
    const own = all.filter(
      (one) => one.name === 'own' && one.digest === digest && one.under === digest,
    );
    const counting = new Set(own.map(({ by }) => by));
    counting.delete('gone');
    counting.delete('stranger');
    return wanted.every((people) => people.some((person) => counting.has(person)));
  }

  async function assertModel(
    stage: Stage,
    all: readonly Planted[],
    wanted: readonly (readonly Person[])[],
  ): Promise<void> {
    for (const digest of DIGESTS) {
      const { missing, proof } = await assess(stage, IMAGE, digest, toDemands(wanted));
      assert.equal(missing.length === 0, isPromotable(all, wanted, digest));
      for (const { claims } of proof) {
        assert.equal(claims.dockerReference, formatReference(IMAGE));
        assert.equal(claims.manifestDigest, `sha256:${digest}`);
      }
    }
  }

  it('lets go what all have signed who are demanded, as the model has it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(planted, { maxLength: 8 }), demanded, async (all, wanted) => {
        const store = await loadStore(snapshotOf(place(all)), judge(), new Date());
        await assertModel(new StoredStage(policy, store), all, wanted);
      }),
      { numRuns: atLength(40, 400) },
    );
  });

  it('counts for a scope only what its rule for names takes', async () => {
    const [digest = ''] = DIGESTS;
    const path = join(signer.home, 'all.gpg');
    const keyring = await readKeyring([{ path, bytes: await readFile(path) }]);
    // The scope of the image takes any tag.
    const rule: SignedBy = {
      type: 'signedBy',
      keyring,
      signedIdentity: { type: 'matchRepository' },
    };
    const loose = await createPolicy([createScope('dev.example/team', undefined, [rule])]);
    const files = place([{ by: 'one', name: 'another tag', digest, under: digest }]);
    const judgeLoosely = new PlacingJudge({ policy: loose, openMessage, expiryWarning: 0 });
    const store = await loadStore(snapshotOf(files), judgeLoosely, new Date());
    const [byOne] = toDemands([['one']]);
    assert.ok(byOne);
    const strict: SignerDemand = { ...byOne, signedIdentity: DEFAULT_IDENTITY };
    const { missing, proof } = await assess(new StoredStage(loose, store), IMAGE, digest, [
      byOne,
      strict,
    ]);
    assert.deepEqual(missing, [strict]);
    assert.equal(proof.length, 1);
  });

  it('says which images it has, by the names that are signed with keys that count', async () => {
    const all: readonly Planted[] = PEOPLE.flatMap((by) =>
      DIGESTS.map((digest) => ({ by, name: 'own' as const, digest, under: digest })),
    );
    const strange = all.filter(({ by }) => by === 'stranger' || by === 'gone');
    const listed = async (files: readonly Planted[]) => {
      const store = await loadStore(snapshotOf(place(files)), judge(), new Date());
      return new StoredStage(policy, store).listImages().map(formatReference);
    };
    assert.deepEqual(await listed(all), [NAMES.own]);
    assert.deepEqual(await listed(strange), []);
  });

  it('says of bad files why they do not count', async () => {
    const [digest = ''] = DIGESTS;
    const all = [{ by: 'gone', name: 'own', digest, under: digest }] as const;
    const store = await loadStore(snapshotOf(place(all)), judge(), new Date());
    const { bad, signers } = await assess(
      new StoredStage(policy, store),
      IMAGE,
      digest,
      toDemands([['one']]),
    );
    assert.deepEqual(signers, []);
    assert.deepEqual(
      bad.map(({ code }) => code),
      ['key-revoked'],
    );
  });

  describe('whose store is asked', () => {
    let files: Readonly<Record<string, Buffer>> = {};
    let answer: RequestListener | undefined;
    let server: Server;
    let store: string;
    before(async () => {
      server = createServer((request, response) => {
        const path = (request.url ?? '').slice(1);
        const bytes = files[path];
        if (answer && path.endsWith('-1')) answer(request, response);
        else response.writeHead(bytes ? 200 : 404).end(bytes);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      store = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterEach(() => {
      answer = undefined;
    });
    after(async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    });

    const open = (address = store): Stage =>
      new ServedStage({
        policy,
        judge: judge(),
        store: address,
        ending: new AbortController().signal,
        now: () => new Date(),
      });

    it('lets go the same, whatever lies there', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(planted, { maxLength: 6 }), demanded, async (all, wanted) => {
          // As stores have it, without holes.
          const byPlace = DIGESTS.map((under) => all.filter((one) => one.under === under));
          files = Object.assign({}, ...byPlace.map(place)) as Record<string, Buffer>;
          await assertModel(open(), all, wanted);
        }),
        { numRuns: atLength(20, 200) },
      );
    });

    const [digest = ''] = DIGESTS;
    const good = { by: 'one', name: 'own', digest, under: digest } as const;
    const behind = (): void => {
      files = place([good, good]);
    };

    it('is given the name and the password of the address, as nodes give them, and nobody else is', async () => {
      behind();
      const given: (string | undefined)[] = [];
      answer = ({ headers: { authorization } }, response) => {
        given.push(authorization);
        response.writeHead(given.length === 1 ? 404 : 500).end();
      };
      const address = store.replace('//', '//me:s%40cret@');
      const { missing } = await assess(open(address), IMAGE, digest, toDemands([['one']]));
      assert.equal(missing.length, 1);
      const login = Buffer.from('me:s@cret').toString('base64');
      assert.deepEqual(given, [`Basic ${login}`]);
      await assert.rejects(assess(open(address), IMAGE, digest, []), {
        message: new RegExp(`^${store}: expected a signature or 404`),
      });
    });

    const BAD: readonly (readonly [string, Buffer])[] = [
      ['a page of the web', Buffer.from('<html></html>')],
      ['nothing', Buffer.alloc(0)],
    ];
    for (const [what, bytes] of BAD) {
      it(`passes over ${what} that comes with 200, and looks on`, async () => {
        behind();
        answer = (_request, response) => void response.writeHead(200).end(bytes);
        const found = await assess(open(), IMAGE, digest, toDemands([['one']]));
        assert.deepEqual(found.missing, []);
        assert.equal(found.bad.length, 1);
      });
    }

    const FAILURES: readonly (readonly [string, RequestListener, RegExp])[] = [
      ...[204, 401, 403, 410, 429, 500, 503].map(
        (status) =>
          [
            String(status),
            (_request: IncomingMessage, response: ServerResponse) =>
              void response.writeHead(status).end(),
            new RegExp(`expected a signature or 404 for team/app@.*/signature-1, got ${status}$`),
          ] as const,
      ),
      [
        'a cut connection',
        (_request, response) => void response.writeHead(200, { 'content-length': 9 }).destroy(),
        /^cannot ask http:/,
      ],
      [
        'more than a signature has',
        (_request, response) => void response.end(Buffer.alloc(5 * 1024 * 1024)),
        /is larger than a signature$/,
      ],
    ];
    for (const [what, listener, message] of FAILURES) {
      it(`fails for ${what}, as nodes do, and lets nothing go`, async () => {
        behind();
        answer = listener;
        await assert.rejects(assess(open(), IMAGE, digest, toDemands([['one']])), {
          name: 'SigningError',
          message,
        });
      });
    }

    it('looks no further than the first 404', async () => {
      const [, second] = Object.entries(place([good, good]));
      assert.ok(second);
      files = Object.fromEntries([second]);
      const { missing } = await assess(open(), IMAGE, digest, toDemands([['one']]));
      assert.equal(missing.length, 1);
    });
  });
});
