// What is foreseen where scopes, names and copies of keys differ. That it is what real clients do is for
// test/fuzz/keys/forecast.long.test.ts.
import assert from 'node:assert/strict';
import { type Forecast, forecastAtOnce } from '../../../generator/forecast/forecast.ts';
import { parseMoment, resolveMoment } from '../../../generator/forecast/moment.ts';
import { type Judge, PolicyJudge } from '../../../generator/gate/judge.ts';
import type { PublishableFile } from '../../../generator/gate/checked-file.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import {
  type Policy,
  type Requirement,
  createPolicy,
  createScope,
} from '../../../generator/policy/policy.ts';
import {
  DEFAULT_IDENTITY,
  type SignedIdentity,
} from '../../../generator/policy/signed-identity.ts';
import { formatLocation } from '../../../generator/terms/location.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import {
  type CraftedKey,
  craftKey,
  packetOf,
  signMessage,
  signUser,
} from '../../fuzz/keys/crafted-key.ts';
import { locationOf, openInProcess } from '../../kit/samples/samples.ts';
import { storeOf } from '../../kit/samples/store-of.ts';
import { formatClaims } from '../../kit/signer/claims.ts';

const DAY = 86_400;
const NOW = new Date();
const SECONDS = Math.floor(NOW.getTime() / 1000);
const HEX = 'ab'.repeat(32);
const NONE: ReadonlySet<string> = new Set();
const A = craftKey('ed25519', SECONDS - 100 * DAY);
const B = craftKey('ed25519', SECONDS - 99 * DAY);
const ANYTHING: Requirement = { type: 'insecureAcceptAnything' };

/** A key that ends so many days from now, if it does. */
function fileOf(key: CraftedKey, days?: number): Buffer {
  const lifetime = days === undefined ? {} : { keyLifetime: SECONDS + days * DAY - key.created };
  const user = 'U <u@example.test>';
  const certification = { type: 0x13, created: key.created, ...lifetime };
  return Buffer.concat([
    packetOf.primary(key),
    packetOf.user(user),
    signUser(key, user, certification),
  ]);
}

async function by(
  bytes: Buffer,
  signedIdentity: SignedIdentity = DEFAULT_IDENTITY,
): Promise<Requirement> {
  const keyring = await readKeyring([{ path: 'key.gpg', bytes }], NOW);
  return { type: 'signedBy', keyring, signedIdentity };
}

async function policyOf(scopes: Readonly<Record<string, readonly Requirement[]>>): Promise<Policy> {
  return createPolicy(
    Object.entries(scopes).map(([name, requirements]) =>
      createScope(name, undefined, requirements),
    ),
  );
}

/** Signatures in one directory after the other: repository, name and key of each. */
async function foresee(
  policy: Policy,
  signed: readonly (readonly [repository: string, name: string, key: CraftedKey])[],
  {
    days = 0,
    without = NONE,
    most,
  }: {
    readonly days?: number;
    readonly without?: ReadonlySet<string>;
    readonly most?: number;
  },
): Promise<Forecast> {
  const judge = new PolicyJudge({ policy, openMessage: openInProcess, expiryWarning: 0 });
  const files: PublishableFile[] = [];
  for (const [repository, name, key] of signed) {
    files.push(await judgeOne(judge, repository, name, key, files.length + 1));
  }
  const at = new Date(NOW.getTime() + days * DAY * 1000);
  return forecastAtOnce(storeOf(...files), {
    policy,
    now: NOW,
    supposition: { at, without },
    ...(most !== undefined && { most }),
  });
}

async function judgeOne(
  judge: Judge,
  repository: string,
  dockerReference: string,
  key: CraftedKey,
  number: number,
): Promise<PublishableFile> {
  const claims = formatClaims({ dockerReference, manifestDigest: `sha256:${HEX}` });
  const bytes = signMessage(key, claims, SECONDS - DAY, { isUsual: true });
  const path = formatLocation(`${repository}@sha256=${HEX}`, number);
  const location = locationOf(path);
  const signature = await judge.judge(location, bytes, NOW);
  assert.ok(!isRejection(signature), JSON.stringify(signature));
  return { kind: 'publishable', path, directory: location.directory, number, signature };
}

function lostOf({ lost }: Forecast): readonly string[] {
  return lost.map(({ name, tag }) => `${name}:${tag}`).toSorted();
}

describe('what is foreseen of keys', () => {
  it('is for each scope what its own copy of a key says', async () => {
    const policy = await policyOf({
      'r.example/new': [await by(fileOf(A, 90))],
      'r.example/old': [await by(fileOf(A, 30))],
    });
    const signed = [
      ['new/app', 'r.example/new/app:1', A],
      ['old/app', 'r.example/old/app:1', A],
    ] as const;
    assert.deepEqual(lostOf(await foresee(policy, signed, { days: 29 })), []);
    assert.deepEqual(lostOf(await foresee(policy, signed, { days: 60 })), ['r.example/old/app:1']);
    assert.equal((await foresee(policy, signed, { days: 91 })).lostImages, 2);
  });

  it('is that of a tag where it has a scope of its own', async () => {
    const policy = await policyOf({
      'r.example/app': [await by(Buffer.concat([fileOf(A), fileOf(B)]))],
      'r.example/app:prod': [await by(fileOf(B))],
    });
    const signed = [
      ['app', 'r.example/app:1', A],
      ['app', 'r.example/app:prod', B],
    ] as const;
    const without = new Set([B.fingerprint]);
    const foreseen = await foresee(policy, signed, { without });
    assert.deepEqual(lostOf(foreseen), ['r.example/app:prod']);
    assert.deepEqual(foreseen.lost[0]?.signers, [B.fingerprint]);
  });

  it('is by the name that was signed where nodes pull by another one', async () => {
    const remap = {
      type: 'remapIdentity',
      prefix: 'm.example/up',
      signedPrefix: 'u.example',
    } as const;
    const policy = await policyOf({
      'm.example/up': [await by(fileOf(A), remap)],
      'm.example/one': [
        await by(fileOf(A), {
          type: 'exactRepository',
          repository: { host: 'u.example', repository: 'app', tag: undefined, digest: undefined },
        }),
      ],
    });
    const signed = [
      ['up/team/app', 'u.example/team/app:1', A],
      ['one/any', 'u.example/app:2', A],
    ] as const;
    const foreseen = await foresee(policy, signed, { without: new Set([A.fingerprint]) });
    assert.equal(foreseen.images, 2);
    assert.deepEqual(lostOf(foreseen), ['u.example/app:2', 'u.example/team/app:1']);
  });

  it('leaves out images that nodes take unsigned, and those that no key is enough for', async () => {
    const policy = await policyOf({
      'r.example/any': [ANYTHING],
      'r.example/two': [await by(fileOf(A)), await by(fileOf(B))],
      'r.example/more': [await by(fileOf(A)), { type: 'elsewhere', what: 'asks for sigstore' }],
    });
    const signed = [
      ['any/app', 'r.example/any/app:1', A],
      ['two/app', 'r.example/two/app:1', A],
      ['more/app', 'r.example/more/app:1', A],
    ] as const;
    const foreseen = await foresee(policy, signed, { without: new Set([A.fingerprint]) });
    assert.equal(foreseen.images, 1);
    assert.deepEqual(lostOf(foreseen), ['r.example/more/app:1']);
    // That of any/app is served, and nothing depends on it.
    assert.equal(foreseen.signatures, 2);
    assert.equal(foreseen.lostSignatures, 2);
    assert.equal((await foresee(policy, signed, { days: 1 })).lostSignatures, 0);
  });

  it('names keys that become good again, and does not count on them', async () => {
    const user = 'U <u@example.test>';
    const [born, days] = [B.created, (number: number) => number * DAY];
    // Expired; the certification that says so ends in ten days.
    const terms = { keyLifetime: days(50), lifetime: SECONDS + days(10) - born };
    const limited = Buffer.concat([
      packetOf.primary(B),
      packetOf.user(user),
      signUser(B, user, { type: 0x13, created: born, ...terms }),
    ]);
    const policy = await policyOf({
      'r.example': [await by(Buffer.concat([fileOf(A, 50), limited]))],
    });
    const signed = [['app', 'r.example/app:1', A]] as const;
    assert.deepEqual((await foresee(policy, signed, { days: 9 })).revived, []);
    const { revived, lostImages } = await foresee(policy, signed, { days: 60 });
    assert.deepEqual([revived, lostImages], [[B.fingerprint], 1]);
    const without = new Set([B.fingerprint]);
    assert.deepEqual((await foresee(policy, signed, { days: 60, without })).revived, []);
  });

  it('keeps as many lost images as were asked for, and counts all', async () => {
    const policy = await policyOf({ 'r.example': [await by(fileOf(A, 5))] });
    const signed = ['1', '2', '3'].map((tag) => ['app', `r.example/app:${tag}`, A] as const);
    const { lostImages, lost } = await foresee(policy, signed, { days: 6, most: 2 });
    assert.deepEqual([lostImages, lost.length], [3, 2]);
  });
});

describe('a time to come', () => {
  it('is a date, a time, or days from now to the minute', () => {
    const now = new Date('2026-11-30T12:34:56.789Z');
    const times: Readonly<Record<string, string | undefined>> = {
      '2026-12-01': '2026-12-01T00:00:00.000Z',
      '2026-11-30T12:34:57Z': '2026-11-30T12:34:57.000Z',
      '2026-11-30T12:34:56Z': undefined,
      '2026-11-30': undefined,
      '0d': '2026-11-30T12:34:56.789Z',
      '90d': '2027-02-28T12:34:00.000Z',
    };
    for (const [text, wanted] of Object.entries(times)) {
      const moment = parseMoment(text);
      assert.ok(moment, text);
      assert.equal(resolveMoment(moment, now)?.toISOString(), wanted, text);
    }
    for (const text of ['2026-02-31', 'tomorrow', '1.5d', '']) {
      assert.equal(parseMoment(text), undefined);
    }
  });
});
