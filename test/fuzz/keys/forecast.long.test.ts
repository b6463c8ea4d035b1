// What is foreseen of keys is what real clients do once their clock is there: random sets of keys that
// end in all ways, of one or several a scope, and scopes that want one signature or several. skopeo is
// the judge of images; as it takes no signature by a subkey before containers/image 5.37, gpg is that of those.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import pMap from 'p-map';
import { AcceptedSigners } from '../../../generator/forecast/accepted-signers.ts';
import { type Forecast, forecastAtOnce } from '../../../generator/forecast/forecast.ts';
import type { PublishableFile } from '../../../generator/gate/checked-file.ts';
import { type Signature, PolicyJudge } from '../../../generator/gate/judge.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { type Policy, createPolicy, createScope } from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { createClients } from '../../kit/node/clients.ts';
import { MovedClock, removeClockLeftovers } from '../../kit/process/moved-clock.ts';
import { run } from '../../kit/process/run.ts';
import { type Registry, startRegistry } from '../../kit/registry/registry.ts';
import { locationOf, openMessage } from '../../kit/samples/samples.ts';
import { storeOf } from '../../kit/samples/store-of.ts';
import { formatClaims } from '../../kit/signer/claims.ts';
import { formatLocation, writeSignature } from '../../kit/signer/signature-tree.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';
import { type Random, makeRandom } from '../random.ts';
import { type AgingKey, DAY, HORIZON, makeAgingKey } from './aging-key.ts';
import { type CraftedKey, signMessage } from './crafted-key.ts';

const SETS = 50;
/** Times at which each set is asked about, beside now. */
const TIMES = 2;
const SUBKEY_TIMES = 4;
const REPOSITORIES = ['ns/one', 'ns/all'];

/** An image of a set, as a node finds it. */
interface SetImage {
  readonly repository: string;
  /** The keys of each `signedBy`. */
  readonly requirements: readonly (readonly AgingKey[])[];
  readonly files: readonly PublishableFile[];
}

interface KeySet {
  readonly directory: string;
  readonly keys: readonly AgingKey[];
  readonly images: readonly SetImage[];
  readonly policy: Policy;
}

describeWith(
  ['skopeo', 'docker-registry', 'gpg', 'gpgv', 'faketime'],
  'fuzz: what is foreseen of keys, and what happens under a moved clock',
  () => {
    const seed = randomInt(2 ** 32);
    const directory = useTemporary('suite');
    const now = new Date();
    const seconds = Math.floor(now.getTime() / 1000);
    let registry: Registry;
    let digest: string;
    before('push the images', async () => {
      registry = await startRegistry();
      const [first = '', ...others] = REPOSITORIES;
      const image = await registry.pushImage({ repository: first, tag: 'v1' });
      ({ digest } = image);
      for (const repository of others) {
        await registry.copy(image.reference, `${registry.host}/${repository}:v1`);
      }
    });
    after(async () => Promise.all([registry.stop(), removeClockLeftovers()]));

    /** Files as the store publishes them now: what is bad now is not there. */
    const judgeFiles = async (
      policy: Policy,
      repository: string,
      messages: readonly Buffer[],
    ): Promise<readonly PublishableFile[]> => {
      const judge = new PolicyJudge({ policy, openMessage, expiryWarning: 0 });
      const good: PublishableFile[] = [];
      for (const bytes of messages) {
        const number = good.length + 1;
        const path = formatLocation(repository, digest, number);
        const location = locationOf(path);
        const signature = await judge.judge(location, bytes, now);
        if (isRejection(signature)) continue;
        good.push({ kind: 'publishable', path, directory: location.directory, number, signature });
      }
      return good;
    };

    const makeSet = async (random: Random, index: number): Promise<KeySet> => {
      const keys = Array.from({ length: 2 + random.below(3) }, () =>
        makeAgingKey(random, seconds, false),
      );
      const wanted = [
        [keys.slice(0, 1 + random.below(keys.length))],
        random.chance(0.7) ? [[keys[0]], [keys[1]]] : [[keys[0], keys[1]], [keys[1]]],
      ].map((one) => one.map((some) => some.filter((key) => key !== undefined)));
      const scopes = await Promise.all(
        wanted.map(async (requirements, at) => {
          const signedBy = requirements.map(async (some, which) => ({
            type: 'signedBy' as const,
            signedIdentity: DEFAULT_IDENTITY,
            keyring: await readKeyring(
              [{ path: `${which}`, bytes: Buffer.concat(some.map(({ file }) => file)) }],
              now,
            ),
          }));
          const name = `${registry.host}/${REPOSITORIES[at]}`;
          return createScope(name, undefined, await Promise.all(signedBy));
        }),
      );
      const policy = await createPolicy(scopes);
      const images: SetImage[] = [];
      for (const [at, requirements] of wanted.entries()) {
        const repository = REPOSITORIES[at] ?? '';
        const messages = signSome(random, keys, `${registry.host}/${repository}:v1`);
        const files = await judgeFiles(policy, repository, messages);
        images.push({ repository, requirements, files });
      }
      const set = { directory: join(directory(), `set-${index}`), keys, images, policy };
      await writeSet(set);
      return set;
    };

    const signSome = (random: Random, keys: readonly AgingKey[], name: string) =>
      keys
        .filter(() => random.chance(0.8))
        .map(({ primary }) =>
          signMessage(
            primary,
            formatClaims({ dockerReference: name, manifestDigest: digest }),
            seconds - 60,
            {
              isUsual: random.chance(0.5),
              ...(random.chance(0.2) && { lifetime: (10 + random.below(HORIZON)) * DAY }),
            },
          ),
        );

    const writeSet = async (set: KeySet): Promise<void> => {
      await mkdir(join(set.directory, 'registries.d'), { recursive: true });
      const section = {
        docker: { [registry.host]: { lookaside: `file://${set.directory}/store` } },
      };
      await writeFile(join(set.directory, 'registries.d', 'a.yaml'), JSON.stringify(section));
      for (const { repository, files } of set.images) {
        for (const { number, signature } of files) {
          const place = { repository, digest, number };
          await writeSignature(join(set.directory, 'store'), place, signature.bytes);
        }
      }
      await writePolicy(set, 'policy', undefined);
    };

    /** The policy of a node, which does not have one of the keys. */
    const writePolicy = async (
      { directory: place, images }: KeySet,
      name: string,
      without: AgingKey | undefined,
    ): Promise<void> => {
      const docker: Record<string, object[]> = {};
      for (const { repository, requirements } of images) {
        docker[`${registry.host}/${repository}`] = await Promise.all(
          requirements.map(async (keys, at) => {
            const keyPath = join(place, `${name}-${repository.replace('/', '-')}-${at}.gpg`);
            const left = keys.filter((key) => key !== without);
            await writeFile(keyPath, Buffer.concat(left.map(({ file }) => file)));
            return { type: 'signedBy', keyType: 'GPGKeys', keyPath };
          }),
        );
      }
      const policy = { default: [{ type: 'reject' }], transports: { docker } };
      await writeFile(join(place, `${name}.json`), JSON.stringify(policy));
    };

    /** Which repositories real skopeo takes the image of, so many seconds from now. */
    const pull = async (
      { directory: place, images }: KeySet,
      offset: number,
      policy = 'policy',
    ): Promise<readonly string[]> => {
      const home = join(place, `clock-${policy}-${offset}`);
      await mkdir(home);
      const clock = await MovedClock.make(home);
      await clock.move(offset);
      const variables = Object.entries(clock.environment).map(
        ([name, value]) => `${name}=${value}`,
      );
      const { copyWithSkopeo } = createClients({
        home,
        wrapper: ['env', ...variables],
        skopeoFlags: [
          `--policy=${join(place, `${policy}.json`)}`,
          `--registries.d=${join(place, 'registries.d')}`,
        ],
      });
      const taken: string[] = [];
      for (const { repository } of images) {
        const { outcome } = await copyWithSkopeo(`${registry.host}/${repository}:v1`);
        if (outcome === 'accepted') taken.push(repository);
      }
      return taken;
    };

    const foresee = (
      { policy, images }: KeySet,
      at: Date,
      without: readonly string[],
    ): Forecast => {
      const store = storeOf(...images.flatMap(({ files }) => files));
      const supposition = { at, without: new Set(without) };
      return forecastAtOnce(store, { policy, now, supposition });
    };

    it(`agree about ${SETS} sets (seed ${seed})`, async () => {
      const random = makeRandom(seed);
      const sets: KeySet[] = [];
      for (let index = 0; index < SETS; index++) sets.push(await makeSet(random, index));
      const days = sets.map(() =>
        Array.from({ length: TIMES }, () => 1 + random.below(HORIZON + 20)),
      );
      let lost = 0;
      await pMap(
        [...sets.entries()],
        async ([index, set]) => {
          const before = await pull(set, 0);
          const { images } = foresee(set, now, []);
          assert.equal(images, before.length, `set ${index} now`);
          const questions = (days[index] ?? []).map((day, at) => ({
            // Half a day from every end.
            offset: day * DAY + DAY / 2,
            without: at === 0 ? undefined : set.keys[index % set.keys.length],
          }));
          for (const { offset, without } of questions) {
            const policy = without ? 'less' : 'policy';
            if (without) await writePolicy(set, policy, without);
            const then = await pull(set, offset, policy);
            const at = new Date(now.getTime() + offset * 1000);
            const foreseen = foresee(set, at, without ? [without.primary.fingerprint] : []);
            assert.deepEqual(
              foreseen.lost.map(({ name }) => name).toSorted(),
              before
                .filter((one) => !then.includes(one))
                .map((one) => `${registry.host}/${one}`)
                .toSorted(),
              `set ${index}, ${offset / DAY} days on, ${policy}`,
            );
            lost += foreseen.lostImages;
          }
        },
        { concurrency: availableParallelism() },
      );
      assert.ok(lost > SETS / 5, `only ${lost} images were lost in all`);
    });

    it(`agree about signatures by subkeys (seed ${seed})`, async () => {
      const random = makeRandom(seed);
      const keys = Array.from({ length: SETS }, () => makeAgingKey(random, seconds, true));
      const bytes = Buffer.concat(keys.map(({ file }) => file));
      const keyring = await readKeyring([{ path: 'all.gpg', bytes }], now);
      const signers = keys.flatMap(({ primary, subkey }) =>
        [primary, subkey].flatMap((signer) => (signer ? { primary, signer } : [])),
      );
      const messages = signers.map(({ signer }) => signMessage(signer, 'payload', seconds - 60));
      const home = join(directory(), 'gnupg');
      await mkdir(home, { mode: 0o700 });
      const gpg = await prepareGpg(home, bytes, messages);
      for (let time = 0; time < SUBKEY_TIMES; time++) {
        const offset = (1 + random.below(HORIZON + 20)) * DAY + DAY / 2;
        const good = await gpg(offset);
        const at = new Date(now.getTime() + offset * 1000);
        const accepted = new AcceptedSigners({ at, without: new Set() });
        assert.deepEqual(
          signers.map((one, index) =>
            accepted.counts({ keyring }, toSignature(one, messages[index])),
          ),
          good,
          `${offset / DAY} days on`,
        );
      }
    });
  },
);

/** A signature that was good; its own end is looked up in its bytes. */
function toSignature(
  { primary, signer }: { readonly primary: CraftedKey; readonly signer: CraftedKey },
  bytes: Uint8Array = new Uint8Array(),
): Signature {
  return {
    status: 'accepted',
    bytes,
    hash: '',
    claims: { dockerReference: '', manifestDigest: '', creator: null, timestamp: null },
    signer: { fingerprint: signer.fingerprint, primaryFingerprint: primary.fingerprint },
    scope: createScope('', undefined, []),
    meets: [],
    signedAt: 0,
    validFrom: -Infinity,
    validUntil: 0,
    gpgv: undefined,
    warnings: [],
  };
}

/** Which messages gpg calls good, so many seconds from now: those of an expired key are not. */
async function prepareGpg(
  home: string,
  keys: Buffer,
  messages: readonly Buffer[],
): Promise<(offset: number) => Promise<readonly boolean[]>> {
  const clock = await MovedClock.make(home);
  const args = ['--batch', '--no-auto-check-trustdb', '--quiet', '--homedir', home];
  await run('gpg', [...args, '--import'], { input: keys });
  const files = messages.map((_bytes, index) => join(home, `message-${index}`));
  await Promise.all(messages.map(async (bytes, index) => writeFile(files[index] ?? '', bytes)));
  return async (offset) => {
    await clock.move(offset);
    const verify = [...args, '--status-fd', '1', '--verify-files', ...files];
    const { stdout } = await run('gpg', verify, { env: clock.environment });
    const [, ...answers] = stdout.split('[GNUPG:] FILE_START 1 ');
    const good = new Map(
      answers.map((answer) => [answer.split('\n', 1)[0], answer.includes('\n[GNUPG:] GOODSIG ')]),
    );
    return files.map((file) => good.get(file) === true);
  };
}
