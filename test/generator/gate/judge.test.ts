import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type Judge, PolicyJudge } from '../../../generator/gate/judge.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import {
  type Requirement,
  createPolicy,
  createScope,
  createSimplePolicy,
} from '../../../generator/policy/policy.ts';
import { signedIdentitySchema } from '../../../generator/policy/signed-identity.ts';
import { loadStore } from '../../../generator/store/load-store.ts';
import { type ReportedFile, sortByPath } from '../../../generator/store/report.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { type Claims, formatClaims } from '../../kit/signer/claims.ts';
import { describeWith } from '../../with-tools.ts';
import { forgeMessage, forgeSigner } from '../../kit/samples/forged.ts';
import {
  DIRECTORY,
  HEX,
  judgeOf,
  keyringOf,
  locationOf,
  openInProcess,
  readVector,
  rejectionOf,
  snapshotOf,
} from '../../kit/samples/samples.ts';
import { measureProcessor } from '../../kit/process/processor-time.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const LOCATION = locationOf(`${DIRECTORY}/signature-1`);

async function accept({ judge }: Judge, bytes: Uint8Array, now = NOW) {
  const signature = await judge(LOCATION, bytes, now);
  assert(!isRejection(signature), isRejection(signature) ? signature.message : '');
  return signature;
}

const codesOf = (file: ReportedFile | undefined) =>
  file && 'warnings' in file ? file.warnings.map(({ code }) => code) : file?.status;

const keyOfDay = (day: number) => forgeSigner({ created: Date.UTC(2023, 0, day) / 1000 });

describe('generator: judge', () => {
  let judge: Judge;
  let good: Buffer;
  before(async () => {
    judge = await judgeOf(await keyringOf('lab/keys/lab.gpg'));
    good = await readVector('lab/openpgp/good-uncompressed.sig');
  });

  it('accepts a signature, with all that reports and nodes need', async () => {
    const signature = await accept(judge, good);
    assert.equal(signature.status, 'accepted');
    assert.equal(signature.bytes, good);
    assert.equal(signature.hash, createHash('sha256').update(good).digest('base64url'));
    assert.equal(signature.claims.manifestDigest, `sha256:${HEX}`);
    assert.match(signature.claims.dockerReference, /\/ns\/repo:/);
    assert.match(signature.signer?.fingerprint ?? '', /^[0-9A-F]{40}$/);
    assert.equal(signature.signer?.primaryFingerprint, signature.signer?.fingerprint);
    assert(signature.signedAt > Date.parse('2020-01-01') && signature.signedAt < NOW.getTime());
    assert.equal(signature.validUntil, Infinity);
    assert.deepEqual(signature.warnings, []);
  });

  it('checks the form only where there are no keys', async () => {
    const formOnly = await judgeOf(undefined);
    const signature = await accept(formOnly, good);
    assert.equal(signature.status, 'unverified');
    assert.equal(signature.signer, undefined);
    assert.deepEqual(signature.meets, []);
    const wrongKey = await readVector('lab/openpgp/wrong-key.sig');
    assert.equal((await accept(formOnly, wrongKey)).status, 'unverified');
    const text = rejectionOf(await formOnly.judge(LOCATION, Buffer.from('text'), NOW));
    assert.equal(text.code, 'unknown-format');
  });

  it('trusts nobody with an empty keyring', async () => {
    const nobody = await judgeOf(await keyringOf());
    assert.equal(rejectionOf(await nobody.judge(LOCATION, good, NOW)).code, 'unknown-signer');
  });

  it('warns of a signing subkey, and names the primary key', async () => {
    const byName = await judgeOf(await keyringOf('lab/keys/with-subkey.gpg'));
    const { signer, warnings } = await accept(
      byName,
      await readVector('lab/openpgp/signing-subkey.sig'),
    );
    assert(signer && signer.fingerprint !== signer.primaryFingerprint);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['signing-subkey'],
    );
    assert.match(warnings[0]?.message ?? '', new RegExp(signer.fingerprint));
  });

  it('says when a signature must be judged again, and then refuses it', async () => {
    const limited = await readVector('lab/openpgp/unexpired-limited-signature.sig');
    const { validUntil } = await accept(judge, limited);
    assert(validUntil > NOW.getTime() && validUntil < Infinity);
    await accept(judge, limited, new Date(validUntil - 1));
    const { code } = rejectionOf(await judge.judge(LOCATION, limited, new Date(validUntil)));
    assert.equal(code, 'signature-expired');
  });

  for (const [title, path, code, message] of [
    [
      'digest',
      `ns/repo@sha256=${'0'.repeat(64)}`,
      'digest-mismatch',
      /expected the digest sha256:0{64}, got "sha256:0060/,
    ],
    [
      'repository',
      `ns/other@sha256=${HEX}`,
      'repository-mismatch',
      /expected a signature for "ns\/other", got one for/,
    ],
    ['host', `quay.io/ns/repo@sha256=${HEX}`, 'host-mismatch', /expected the host "quay.io", got/],
  ] as const) {
    it(`rejects a signature at another ${title}`, async () => {
      const rejection = rejectionOf(
        await judge.judge(locationOf(`${path}/signature-1`), good, NOW),
      );
      assert.equal(rejection.code, code);
      assert.match(rejection.message, message);
      assert.notEqual(rejection.hint, '');
      assert.equal(rejection.breaksPulls, false);
    });
  }

  it('says first who did not sign, whatever the payload holds', async () => {
    const strange = locationOf(`ns/other@sha256=${'0'.repeat(64)}/signature-1`);
    const wrongKey = await readVector('lab/openpgp/wrong-key.sig');
    assert.equal(rejectionOf(await judge.judge(strange, wrongKey, NOW)).code, 'unknown-signer');
  });

  it('warns of what expires soon, and of nothing else', async () => {
    const keyring = await keyringOf('lab/keys/lab.gpg');
    const day = 86_400_000;
    const limited = await readVector('lab/openpgp/unexpired-limited-signature.sig');
    const { validUntil } = await accept(judge, limited);
    for (const [before, codes] of [
      [31 * day, []],
      [30 * day, ['expires-soon']],
      [1, ['expires-soon']],
    ] as const) {
      const watchful = await judgeOf(keyring, 30 * day);
      const { warnings } = await accept(watchful, limited, new Date(validUntil - before));
      assert.deepEqual(
        warnings.map(({ code }) => code),
        codes,
      );
      assert.deepEqual((await accept(watchful, good)).warnings, []);
    }
  });

  it('cannot verify without gpgv what it alone can judge', async () => {
    const policy = await createSimplePolicy(await keyringOf('lab/keys/lab.gpg'));
    const alone = new PolicyJudge({ policy, openMessage: openInProcess, expiryWarning: 0 });
    const sha1 = await readVector('lab/openpgp/digest-sha1.sig');
    const rejection = rejectionOf(await alone.judge(LOCATION, sha1, NOW));
    assert.equal(rejection.code, 'cannot-verify');
    assert.match(rejection.hint, /gpgv/);
    await accept(alone, good);
  });
});

describeWith(['gpgv'], 'generator: judge, with gpgv', () => {
  it('checks the form of what GnuPG would read, without keys', async () => {
    const formOnly = await judgeOf(undefined);
    const version3 = await readVector('redhat/rhel7-7.6.signature');
    const redHat = `rhel7@sha256=e3f12513a4b22a2d7c0e7c9207f52128113758d9d68c7d06b11a0ac7672966f7`;
    const verdict = await formOnly.judge(locationOf(`${redHat}/signature-1`), version3, NOW);
    assert(!isRejection(verdict), isRejection(verdict) ? verdict.message : '');
    assert.equal(verdict.status, 'unverified');
  });

  for (const [name, key, word] of [
    ['digest-sha1', 'lab', 'SHA-1'],
    ['digest-ripemd160', 'lab', 'RIPEMD-160'],
    ['key-dsa2048', 'dsa2048', 'DSA'],
    ['key-rsa1024', 'rsa1024', 'RSA-1024'],
  ] as const) {
    it(`warns of a weak algorithm: ${word}`, async () => {
      const judge = await judgeOf(await keyringOf(`lab/keys/${key}.gpg`));
      const { warnings } = await accept(judge, await readVector(`lab/openpgp/${name}.sig`));
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['weak-algorithm'],
      );
      assert.match(warnings[0]?.message ?? '', new RegExp(`^signed with ${word}, .*RHEL 9`));
    });
  }
});

describe('generator: judge, by scopes', () => {
  const [ours, theirs, stranger] = [keyOfDay(1), keyOfDay(2), keyOfDay(3)] as const;
  const SOON = new Date('2024-02-01T00:00:00Z');
  const hex = 'cd'.repeat(32);
  const at = (repository: string, number = 1) => `${repository}@sha256=${hex}/signature-${number}`;
  type Key = ReturnType<typeof forgeSigner>;

  async function by(keys: readonly Key[], rule: object = {}): Promise<Requirement> {
    const files = keys.map(({ publicKey: bytes }) => ({ path: 'key', bytes }));
    const signedIdentity = signedIdentitySchema.parse({ type: 'matchRepoDigestOrExact', ...rule });
    return { type: 'signedBy', keyring: await readKeyring(files), signedIdentity };
  }
  function sign(key: Key, dockerReference: string, claims: Partial<Claims> = {}): Buffer {
    const manifestDigest = `sha256:${hex}`;
    const payload = formatClaims({ dockerReference, manifestDigest, timestamp: 1, ...claims });
    return forgeMessage(key, { payload: Buffer.from(payload) });
  }
  type Scopes = readonly (readonly [name: string, prefix: string | undefined, ...Requirement[]])[];
  async function judgeBy(scopes: Scopes): Promise<Judge> {
    const made = scopes.map(([name, prefix, ...requirements]) =>
      createScope(name, prefix, requirements),
    );
    const policy = await createPolicy(made);
    return new PolicyJudge({ policy, openMessage: openInProcess, expiryWarning: 0 });
  }
  async function verdict(judge: Judge, repository: string, bytes: Uint8Array): Promise<string> {
    const result = await judge.judge(locationOf(at(repository)), bytes, SOON);
    return isRejection(result) ? result.code : `${result.status} ${result.scope.name}`;
  }
  async function report(
    judge: Judge,
    files: Readonly<Record<string, Uint8Array>>,
  ): Promise<readonly ReportedFile[]> {
    return sortByPath((await loadStore(snapshotOf(files), judge, SOON)).files());
  }

  for (const name of ['', 'quay.io/Team/app:v1', 'https://quay.io/team/app:v1', hex, 'a b']) {
    it(`rejects the name ${JSON.stringify(name)}: invalid-identity`, async () => {
      const judge = await judgeBy([['', undefined, await by([ours])]]);
      const bytes = sign(ours, name);
      const rejection = rejectionOf(await judge.judge(locationOf(at('team/app')), bytes, SOON));
      assert.equal(rejection.code, 'invalid-identity');
      assert(rejection.message.startsWith(`expected an image name, got ${JSON.stringify(name)}`));
    });
  }

  it('stays one short line for a name of megabytes', async () => {
    const judge = await judgeBy([['', undefined, await by([ours])]]);
    const bytes = sign(ours, `quay.io/${'a/\u009b'.repeat(1_000_000)}`);
    const result = await judge.judge(locationOf(at('team/app')), bytes, SOON);
    const { message } = rejectionOf(result);
    assert(message.length < 10_000);
    assert.doesNotMatch(message, /\p{Cc}/u);
  });

  it('keeps two registries in one flat tree apart', async () => {
    const judge = await judgeBy([
      ['a.example', undefined, await by([ours])],
      ['b.example:5000', undefined, await by([theirs])],
    ]);
    const rows: readonly (readonly [Key, string, string, string])[] = [
      [ours, 'a.example/app:1', 'app', 'accepted a.example'],
      [theirs, 'b.example:5000/app:1', 'app', 'accepted b.example:5000'],
      [theirs, 'a.example/app:1', 'app', 'signer-not-accepted'],
      [ours, 'b.example:5000/app:1', 'app', 'signer-not-accepted'],
      [stranger, 'a.example/app:1', 'app', 'unknown-signer'],
      [ours, 'c.example/app:1', 'app', 'out-of-scope'],
      [ours, 'b.example/app:1', 'app', 'out-of-scope'],
      [ours, 'a.example/app:1', 'a.example/app', 'accepted a.example'],
      [theirs, 'b.example:5000/app:1', 'b.example:5000/app', 'accepted b.example:5000'],
      [theirs, 'b.example:5000/app:1', 'a.example/app', 'host-mismatch'],
      [ours, 'a.example/app:1', 'mirror/app', 'accepted a.example'],
      [ours, 'a.example/app:1', 'other', 'repository-mismatch'],
    ];
    for (const [key, name, place, expected] of rows) {
      assert.equal(await verdict(judge, place, sign(key, name)), expected, `${name} in ${place}`);
    }
  });

  it('keeps each scope below its prefix', async () => {
    const judge = await judgeBy([
      ['a.example', 'one', await by([ours])],
      ['a.example/deep', '', await by([ours])],
      ['docker.io', 'hub/docker.io', await by([ours])],
    ]);
    for (const [name, place, expected] of [
      ['a.example/x/app:1', 'one/x/app', 'accepted a.example'],
      ['a.example/x/app:1', 'x/app', 'repository-mismatch'],
      ['a.example/x/app:1', 'one/one/x/app', 'repository-mismatch'],
      ['a.example/deep/app:1', 'deep/app', 'accepted a.example/deep'],
      ['a.example/deep/app:1', 'one/deep/app', 'repository-mismatch'],
      ['busybox:1', 'hub/docker.io/library/busybox', 'accepted docker.io'],
      ['busybox:1', 'library/busybox', 'repository-mismatch'],
    ] as const) {
      assert.equal(await verdict(judge, place, sign(ours, name)), expected, `${name} in ${place}`);
    }
    const bytes = sign(ours, 'a.example/x/app:1');
    const result = await judge.judge(locationOf(at('x/app')), bytes, SOON);
    const { hint } = rejectionOf(result);
    assert(hint.includes(at('one/x/app')), hint);
  });

  it('takes a host in the tree at its word, but for the scope whose prefix it is', async () => {
    const judge = await judgeBy([
      ['quay.io', 'quay.io', await by([ours])],
      ['', undefined, await by([ours])],
    ]);
    for (const [name, place, expected] of [
      ['quay.io/team/app:1', 'quay.io/team/app', 'accepted quay.io'],
      ['a.example/team/app:1', 'quay.io/team/app', 'host-mismatch'],
      ['a.example/team/app:1', 'a.example/team/app', 'accepted '],
    ] as const) {
      assert.equal(await verdict(judge, place, sign(ours, name)), expected, `${name} in ${place}`);
    }
  });

  it('lets no scope of a host stand for its whole domain', async () => {
    const rule = { type: 'exactRepository', dockerRepository: 'up.example/base' };
    const judge = await judgeBy([
      ['*.a.example', undefined, await by([ours], rule)],
      ['any.a.example', undefined, await by([theirs])],
      ['host.a.example', undefined, await by([theirs])],
    ]);
    const bytes = sign(ours, 'up.example/base');
    assert.equal(await verdict(judge, 'app', bytes), 'accepted *.a.example');
  });

  it('is not held up by a path without end', async () => {
    const judge = await judgeBy([['', undefined, await by([ours])]]);
    const bytes = sign(ours, 'a.example/team/app:1');
    const [deep, long] = ['a/'.repeat(100_000), `${'a'.repeat(255)}/`.repeat(4000)];
    const took = await measureProcessor(async () => {
      assert.equal(await verdict(judge, `${deep}team/app`, bytes), 'accepted ');
      assert.equal(await verdict(judge, `${long}team/app`, bytes), 'accepted ');
      assert.equal(await verdict(judge, `${deep}team/other`, bytes), 'repository-mismatch');
    });
    assert(took < 10_000, `it took ${took} ms`);
  });

  it('takes names by the rule of the scope', async () => {
    const remap = { type: 'remapIdentity', prefix: 'm.example/c', signedPrefix: 'up.example' };
    const exact = { type: 'exactRepository', dockerRepository: 'up.example/base' };
    const judge = await judgeBy([
      ['m.example', undefined, await by([ours], remap)],
      ['e.example', undefined, await by([ours], exact)],
      ['r.example', undefined, await by([ours], { type: 'matchRepository' })],
    ]);
    for (const [name, place, expected] of [
      ['up.example/ns/app:1', 'c/ns/app', 'accepted m.example'],
      ['up.example/base', 'anything/at/all', 'accepted e.example'],
      ['r.example/ns/app', 'ns/app', 'accepted r.example'],
      ['r.example/ns/app', 'ns/other', 'identity-mismatch'],
    ] as const) {
      assert.equal(await verdict(judge, place, sign(ours, name)), expected, `${name} in ${place}`);
    }
  });

  describe('with two requirements', () => {
    let judge: Judge;
    before(async () => {
      judge = await judgeBy([['', undefined, await by([ours]), await by([theirs])]]);
    });

    it('warns until both are met', async () => {
      const name = 'a.example/app:1';
      const [first, second] = [sign(ours, name), sign(theirs, name)];
      const [alone] = await report(judge, { [at('app')]: first });
      assert(alone?.status === 'accepted');
      assert.deepEqual(codesOf(alone), ['co-signature-missing']);
      const missing = theirs.fingerprint.toString('hex').toUpperCase();
      assert(alone.warnings[0]?.message.includes(missing), alone.warnings[0]?.message);
      const both = await report(judge, { [at('app')]: first, [at('app', 2)]: second });
      assert.deepEqual(both.map(codesOf), [[], []]);
      const apart = await report(judge, { [at('app')]: first, [at('x/app')]: second });
      assert.deepEqual(apart.map(codesOf), [['co-signature-missing'], ['co-signature-missing']]);
    });

    it('warns until both are met for the same tag', async () => {
      const files = {
        [at('app')]: sign(ours, 'a.example/app:1'),
        [at('app', 2)]: sign(theirs, 'a.example/app:2'),
      };
      const missing = [['co-signature-missing'], ['co-signature-missing']];
      assert.deepEqual((await report(judge, files)).map(codesOf), missing);
      const rule = { type: 'matchRepository' };
      const anyTag = await judgeBy([
        ['', undefined, await by([ours], rule), await by([theirs], rule)],
      ]);
      assert.deepEqual((await report(anyTag, files)).map(codesOf), [[], []]);
    });

    it('refuses who meets neither', async () => {
      const bytes = sign(stranger, 'a.example/app:1');
      assert.equal(await verdict(judge, 'app', bytes), 'unknown-signer');
    });
  });

  it('publishes nothing for a scope that nothing meets', async () => {
    const reject = { type: 'unmeetable', what: 'rejects every image' } as const;
    const sigstore = { type: 'elsewhere', what: 'asks for a sigstore signature' } as const;
    const judge = await judgeBy([
      ['a.example', undefined, reject],
      ['b.example', undefined, await by([ours]), sigstore],
      ['c.example', undefined, await by([ours])],
      ['d.example', undefined, sigstore],
      ['e.example', undefined, await by([ours]), reject],
    ]);
    for (const host of ['a', 'd', 'e']) {
      const bytes = sign(ours, `${host}.example/app:1`);
      assert.equal(await verdict(judge, 'app', bytes), 'policy-rejects', host);
    }
    // Nodes look for the other signature elsewhere, and for this one here.
    assert.equal(await verdict(judge, 'app', sign(ours, 'b.example/app:1')), 'accepted b.example');
    assert.equal(await verdict(judge, 'app', sign(ours, 'c.example/app:1')), 'accepted c.example');
  });

  it('publishes strangers unverified only where nodes take anything', async () => {
    const judge = await judgeBy([
      ['a.example', undefined, await by([ours])],
      ['b.example', undefined, { type: 'insecureAcceptAnything' }],
      ['b.example/strict', undefined, { type: 'insecureAcceptAnything' }, await by([ours])],
    ]);
    for (const [key, name, place, expected] of [
      [stranger, 'b.example/app:1', 'app', 'unverified b.example'],
      [ours, 'b.example/app:1', 'app', 'accepted b.example'],
      [stranger, 'a.example/app:1', 'app', 'unknown-signer'],
      [stranger, 'b.example/strict/app:1', 'strict/app', 'unknown-signer'],
      [ours, 'b.example/strict/app:1', 'strict/app', 'accepted b.example/strict'],
      [stranger, 'b.example/app:1', 'other', 'unknown-signer'],
      [stranger, 'b.example/app', 'app', 'unknown-signer'],
    ] as const) {
      assert.equal(await verdict(judge, place, sign(key, name)), expected, `${name} in ${place}`);
    }
    const bytes = Buffer.from('no signature');
    assert.equal(await verdict(judge, 'app', bytes), 'unknown-format');
  });

  it('judges a key that is given in two states by that of the scope', async () => {
    const day = 86_400;
    const renewed = forgeSigner({ expires: 3000 * day });
    const expired = forgeSigner({ expires: 366 * day });
    assert.deepEqual(renewed.fingerprint, expired.fingerprint);
    for (const order of [false, true]) {
      const scopes: Scopes = [
        ['new.example', undefined, await by([renewed])],
        ['old.example', undefined, await by([expired])],
      ];
      const judge = await judgeBy(order ? scopes.toReversed() : scopes);
      const bytes = (name: string) => sign(renewed, name);
      const isNew = await verdict(judge, 'app', bytes('new.example/app:1'));
      assert.equal(isNew, 'accepted new.example');
      assert.equal(await verdict(judge, 'app', bytes('old.example/app:1')), 'key-expired');
    }
  });
});
