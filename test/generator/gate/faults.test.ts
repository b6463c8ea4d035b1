import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_BLOB_BYTES } from '../../../generator/openpgp/signature-file.ts';
import { shortenPath } from '../../../generator/terms/location.ts';
import { DEFAULT_BUDGETS } from '../../../generator/terms/budgets.ts';
import { type Judge, PolicyJudge } from '../../../generator/gate/judge.ts';
import { parseDockerReference } from '../../../generator/terms/image-name.ts';
import { loadStore } from '../../../generator/store/load-store.ts';
import type { Keyring } from '../../../generator/openpgp/keyring.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import {
  createPolicy,
  createScope,
  keepIn,
  createSimplePolicy,
} from '../../../generator/policy/policy.ts';
import { DEFAULT_IDENTITY } from '../../../generator/policy/signed-identity.ts';
import { REJECTIONS } from '../../../generator/terms/rejection.ts';
import { type ReportedFile, sortByPath } from '../../../generator/store/report.ts';
import { formatClaims } from '../../kit/signer/claims.ts';
import {
  type SignOptions,
  type Signer,
  type SigningKey,
  makeSigner,
} from '../../kit/signer/signer.ts';
import { describeWith } from '../../with-tools.ts';
import { judgeOf, openInProcess, snapshotOf } from '../../kit/samples/samples.ts';

const HEX = 'ab'.repeat(32);
const REPOSITORY = 'team/app';
const DIRECTORY = `${REPOSITORY}@sha256=${HEX}`;
const LOCATION = `${DIRECTORY}/signature-1`;
const CLAIMS = { dockerReference: 'registry.example/team/app:v1', manifestDigest: `sha256:${HEX}` };
const PAYLOAD = formatClaims(CLAIMS);
const MADE = new Date('2020-01-01T00:00:00Z');
const LATER = new Date('2020-01-02T00:00:00Z');

/** A signature in a wrong place says itself where it belongs. */
const BELONGS = /belongs to "team\/app@sha256=(?:ab){32}\/signature-1", or to the next free number/;

/** Codes that come from what a source finds in place of a file: see check-entries. */
const FROM_SOURCES = ['symlink', 'submodule', 'special-file', 'name-not-utf8', 'unreadable'];

/** Of release areas alone: see judge-release. */
const FROM_RELEASES = ['framed'];

const frame = (format: string, data: Uint8Array) =>
  Buffer.concat([Buffer.from(`\0${format}\n`), data]);

const inDirectory = (directory: string) => `${directory}/signature-1`;

interface Keys {
  readonly good: SigningKey;
  readonly second: SigningKey;
  readonly stranger: SigningKey;
}

interface Fault {
  readonly title: string;
  readonly code: string;
  readonly message: RegExp;
  readonly hint: RegExp;
  /** Whether nodes would fail every pull; not so unless told. */
  readonly breaksPulls?: true;
  /** Where the file lies; at a right place unless told. */
  readonly path?: string;
  /** A good signature unless told. */
  readonly make?: () => Buffer | Promise<Buffer>;
  /** With another policy than that of all keys for all images, or without gpgv. */
  readonly judgedBy?: (keyring: Keyring) => Promise<Judge>;
}

/** For images of another registry, the same keys; for ours, what is told. */
async function judgeOfScopes(
  keyring: Keyring,
  ours: Parameters<typeof createScope>[2] | undefined,
): Promise<Judge> {
  const requirement = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const;
  const scopes = [createScope('other.example', undefined, [requirement])];
  if (ours) scopes.push(createScope('registry.example/team', undefined, ours));
  return judgeOf(await createPolicy(scopes));
}

/** For our images another store, in which the same keys sign them. */
async function judgeOfOtherStore(keyring: Keyring): Promise<Judge> {
  const requirement = { type: 'signedBy', keyring, signedIdentity: DEFAULT_IDENTITY } as const;
  const [other, ours] = ['other.example', 'registry.example/team'].map((name) =>
    createScope(name, undefined, [requirement]),
  );
  assert.ok(other && ours);
  return judgeOf(await createPolicy([other, keepIn('https://vendor.example/sigs', ours)]));
}

describeWith(['gpg', 'gpgv'], 'generator: every fault of a signature file', () => {
  let signer: Signer;
  let keys: Keys;
  let good: Buffer;
  let byExpired: Buffer;
  let byRevoked: Buffer;
  let byRevokedSubkey: Buffer;
  let keyring: Keyring;
  let onlySecond: Keyring;
  let byAll: Judge;
  const publish = async (
    files: Readonly<Record<string, Uint8Array>>,
    judge = byAll,
  ): Promise<readonly ReportedFile[]> => {
    const store = await loadStore(snapshotOf(files), judge, new Date());
    return sortByPath(store.files());
  };

  before(async () => {
    signer = await makeSigner();
    const make = (options = {}) => signer.makeKey({ algorithm: 'ed25519', at: MADE, ...options });
    keys = { good: await make(), second: await make(), stranger: await make() };
    good = await signer.sign(keys.good, CLAIMS);

    const expired = await make({ expires: 'seconds=864000' });
    const revoked = await make();
    const withSubkey = await make({ subkey: true });
    byExpired = await signer.sign(expired, CLAIMS, { at: LATER });
    byRevoked = await signer.sign(revoked, CLAIMS);
    byRevokedSubkey = await signer.sign(withSubkey, CLAIMS);
    await signer.revoke(revoked);
    await signer.revoke(withSubkey, 'subkey');

    const known = [keys.good, keys.second, expired, revoked, withSubkey];
    const path = await signer.exportKeys(join(signer.home, 'keys.asc'), ...known);
    keyring = await readKeyring([{ path, bytes: await readFile(path) }]);
    byAll = await judgeOf(keyring);
    const second = await signer.exportKeys(join(signer.home, 'second.gpg'), keys.second);
    onlySecond = await readKeyring([{ path: second, bytes: await readFile(second) }]);
  });
  after(() => signer.stop());

  const sign = (content: string, options?: SignOptions) =>
    signer.sign(keys.good, Buffer.from(content), options);
  const payload = (change: (text: string) => string) => () => sign(change(PAYLOAD));
  const signAs = (dockerReference: string) => () =>
    signer.sign(keys.good, { ...CLAIMS, dockerReference });

  const faults: readonly Fault[] = [
    // What nodes choke on.
    {
      title: 'empty',
      code: 'empty',
      message: /^expected an OpenPGP message, got 0 bytes$/,
      hint: /Sign the image again/,
      breaksPulls: true,
      make: () => Buffer.alloc(0),
    },
    {
      title: 'too large',
      code: 'too-large',
      message: /^expected at most 4194304 bytes, got 4194305$/,
      hint: /Remove the file/,
      breaksPulls: true,
      make: () => Buffer.alloc(MAX_BLOB_BYTES + 1, 0xa3),
    },
    {
      title: 'armored',
      code: 'armored',
      message: /^expected a binary OpenPGP message, got ASCII armor$/,
      hint: /gpg --dearmor/,
      breaksPulls: true,
      make: () => sign(PAYLOAD, { args: ['--armor'] }),
    },
    {
      title: 'cleartext',
      code: 'cleartext',
      message: /^expected a binary OpenPGP message, got a cleartext-signed one$/,
      hint: /skopeo copy --sign-by/,
      breaksPulls: true,
      make: () => sign(PAYLOAD, { command: '--clear-sign' }),
    },
    {
      title: 'HTML',
      code: 'html',
      message: /^expected an OpenPGP message, got a web page$/,
      hint: /Fetch the signature again/,
      breaksPulls: true,
      make: () => Buffer.from('<!DOCTYPE html><title>Sign in</title>'),
    },
    {
      title: 'bare JSON',
      code: 'bare-json',
      message: /^expected an OpenPGP message, got the payload of a signature, unsigned$/,
      hint: /Sign the payload/,
      breaksPulls: true,
      make: () => Buffer.from(PAYLOAD),
    },
    {
      title: 'encrypted',
      code: 'encrypted',
      message: /^expected a signed OpenPGP message, got an encrypted one$/,
      hint: /without encrypting/,
      breaksPulls: true,
      make: () =>
        sign(PAYLOAD, {
          args: ['--pinentry-mode', 'loopback', '--passphrase', 'p', '--symmetric'],
        }),
    },
    {
      title: 'unknown frame',
      code: 'unknown-format',
      message: /^expected simple-signing, got "other-format"$/,
      hint: /Check what wrote the file/,
      breaksPulls: true,
      make: () => frame('other-format', good),
    },
    {
      title: 'sigstore frame',
      code: 'sigstore',
      message: /^expected simple-signing, got sigstore-json$/,
      hint: /use-sigstore-attachments/,
      make: () => frame('sigstore-json', Buffer.from('{"mimeType":"a","payload":"e30="}')),
    },
    // What nodes skip, to look at the next signature.
    {
      title: 'truncated',
      code: 'malformed',
      message: /^expected whole OpenPGP packets, got one that is cut short or damaged$/,
      hint: /Copy the file again/,
      make: () => good.subarray(0, -20),
    },
    {
      title: 'not signed',
      code: 'not-signed',
      message: /^expected a signed message, got plain data$/,
      hint: /skopeo copy --sign-by/,
      make: () => sign(PAYLOAD, { command: '--store' }),
    },
    {
      title: 'detached',
      code: 'detached',
      message: /^expected a signed message, got a detached signature$/,
      hint: /not `gpg --detach-sign`/,
      make: () => sign(PAYLOAD, { command: '--detach-sign' }),
    },
    {
      title: 'two signatures',
      code: 'multiple-signatures',
      message: /^expected exactly one signature, got 2$/,
      hint: /one file for each signer/,
      make: () => sign(PAYLOAD, { args: ['--local-user', keys.second.fingerprint] }),
    },
    {
      title: 'for gpgv, which is not there',
      code: 'cannot-verify',
      message: /^the signature uses SHA-1$/,
      hint: /Install gpgv/,
      make: () => sign(PAYLOAD, { args: ['--digest-algo', 'SHA1', '--allow-weak-digest-algos'] }),
      judgedBy: async (all) => {
        const policy = await createSimplePolicy(all);
        return new PolicyJudge({ policy, openMessage: openInProcess, expiryWarning: 0 });
      },
    },
    {
      title: 'beyond GnuPG',
      code: 'unsupported-signature',
      message: /^GnuPG refuses the signature: error [0-9]+ at the signature by [0-9A-F]{16}$/,
      hint: /current GnuPG/,
      make: () => sign(PAYLOAD, { args: ['--digest-algo', 'MD5', '--allow-weak-digest-algos'] }),
    },
    {
      title: 'other key',
      code: 'unknown-signer',
      message: /^no key of the keyring has the ID [0-9A-F]{16}$/,
      hint: /--keys/,
      make: () => signer.sign(keys.stranger, CLAIMS),
    },
    {
      title: 'key of another scope',
      code: 'signer-not-accepted',
      message: /^expected a signature by [0-9A-F]{40}, got one by [0-9A-F]{40}$/,
      hint: /key of the scope/,
      judgedBy: async (all) =>
        judgeOfScopes(all, [
          { type: 'signedBy', keyring: onlySecond, signedIdentity: DEFAULT_IDENTITY },
        ]),
    },
    {
      title: 'bad signature',
      code: 'bad-signature',
      message: /^the signature does not match the payload/,
      hint: /Sign the image again/,
      make: async () => {
        const plain = await sign(PAYLOAD, { args: ['--compress-algo', 'none'] });
        return Buffer.from(plain.toString('latin1').replace('app:v1', 'app:v2'), 'latin1');
      },
    },
    {
      title: 'expired signature',
      code: 'signature-expired',
      message: /^the signature expired on 2020-01-03$/,
      hint: /Sign the image again/,
      make: () => sign(PAYLOAD, { at: LATER, args: ['--default-sig-expire', '1d'] }),
    },
    {
      title: 'expired key',
      code: 'key-expired',
      message: /^the key [0-9A-F]{40} expired on 2020-01-11$/,
      hint: /Extend the key/,
      make: () => byExpired,
    },
    {
      title: 'revoked key',
      code: 'key-revoked',
      message: /^the key [0-9A-F]{16} is revoked$/,
      hint: /another key/,
      make: () => byRevoked,
    },
    {
      title: 'revoked subkey',
      code: 'key-revoked',
      message: /^the key [0-9A-F]{16} is revoked$/,
      hint: /another key/,
      make: () => byRevokedSubkey,
    },
    // What the payload says.
    {
      title: 'not JSON',
      code: 'payload-not-json',
      message: /^expected one JSON object as the payload$/,
      hint: /skopeo or podman/,
      make: payload((text) => `${text},`),
    },
    {
      title: 'duplicate JSON keys',
      code: 'payload-duplicate-key',
      message: /^critical has the member "type" twice$/,
      hint: /skopeo or podman/,
      make: payload((text) => text.replace('"type"', '"type":"x","type"')),
    },
    {
      title: 'missing member',
      code: 'payload-missing-member',
      message: /^the payload lacks the member "optional"$/,
      hint: /skopeo or podman/,
      make: payload((text) => text.replace(/,"optional":.*/, '}')),
    },
    {
      title: 'unknown member',
      code: 'payload-unknown-member',
      message: /^the payload has the unknown member "extra"$/,
      hint: /under `optional`/,
      make: payload((text) => text.replace('{', '{"extra":1,')),
    },
    {
      title: 'wrong JSON type',
      code: 'payload-wrong-type',
      message: /^expected a string in optional.creator, got 5$/,
      hint: /skopeo or podman/,
      make: payload((text) => text.replace(/"creator":"[^"]*"/, '"creator":5')),
    },
    {
      title: 'wrong critical.type',
      code: 'not-a-container-signature',
      message: /^expected type "atomic container signature", got "cosign"$/,
      hint: /critical\.type/,
      make: payload((text) => text.replace('atomic container signature', 'cosign')),
    },
    {
      title: 'other digest',
      code: 'digest-mismatch',
      message: /^expected the digest sha256:(?:cd){32}, got "sha256:(?:ab){32}"$/,
      hint: BELONGS,
      path: inDirectory(`${REPOSITORY}@sha256=${'cd'.repeat(32)}`),
    },
    {
      title: 'other repository',
      code: 'repository-mismatch',
      message:
        /^expected a signature for "team\/other", got one for "registry\.example\/team\/app:v1"$/,
      hint: BELONGS,
      path: inDirectory(`team/other@sha256=${HEX}`),
    },
    {
      title: 'other host',
      code: 'host-mismatch',
      message: /^expected the host "quay\.io", got "registry\.example\/team\/app:v1"$/,
      hint: /belongs to "registry\.example\/team\/app@/,
      path: inDirectory(`quay.io/${DIRECTORY}`),
    },
    {
      title: 'no tag',
      code: 'identity-without-tag',
      message: /^expected a tag or digest in "registry\.example\/team\/app"$/,
      hint: /host\/repository:tag/,
      make: signAs('registry.example/team/app'),
    },
    {
      title: 'bad reference',
      code: 'invalid-identity',
      message: /^expected an image name, got "registry\.example\/Team\/app:v1"$/,
      hint: /full name/,
      make: signAs('registry.example/Team/app:v1'),
    },
    // What the policy asks.
    {
      title: 'other name than the rule of the scope takes',
      code: 'identity-mismatch',
      message:
        /^expected an identity by exactRepository .*, got "registry\.example\/team\/app:v1"$/,
      hint: /the scope asks for/,
      judgedBy: async (all) => {
        const repository = parseDockerReference('registry.example/team/original');
        assert(repository);
        const signedIdentity = { type: 'exactRepository', repository } as const;
        return judgeOfScopes(all, [{ type: 'signedBy', keyring: all, signedIdentity }]);
      },
    },
    {
      title: 'image of no scope',
      code: 'out-of-scope',
      message: /^no scope covers "registry\.example\/team\/app:v1"$/,
      hint: /Add a scope/,
      judgedBy: async (all) => judgeOfScopes(all, undefined),
    },
    {
      title: 'scope that rejects everything',
      code: 'policy-rejects',
      message: /^the scope "registry\.example\/team" rejects every image$/,
      hint: /Change the policy/,
      judgedBy: async (all) =>
        judgeOfScopes(all, [{ type: 'unmeetable', what: 'rejects every image' }]),
    },
    {
      title: 'image whose signatures are in another store',
      code: 'other-store',
      message:
        /^the scope "registry\.example\/team" has its signatures in the store at https:\/\/vendor\.example\/sigs$/,
      hint: /take `store` or `vendor` out of the scope/,
      judgedBy: judgeOfOtherStore,
    },
    // Where it lies.
    {
      title: 'misplaced',
      code: 'misplaced',
      message: /^expected a `repo@sha256=HEX` directory around it$/,
      hint: BELONGS,
      path: inDirectory(REPOSITORY),
    },
    {
      title: 'stray file',
      code: 'stray-file',
      message: /^expected signature-N with N = 1, 2, …, got "app\.sig"$/,
      hint: BELONGS,
      path: `${DIRECTORY}/app.sig`,
    },
    {
      title: 'signature-0',
      code: 'invalid-number',
      message: /^expected signature-N with N = 1, 2, …, got "signature-0"$/,
      hint: BELONGS,
      path: `${DIRECTORY}/signature-0`,
    },
    {
      title: 'signature-01',
      code: 'invalid-number',
      message: /^expected signature-N with N = 1, 2, …, got "signature-01"$/,
      hint: BELONGS,
      path: `${DIRECTORY}/signature-01`,
    },
    {
      title: '@sha256: directory',
      code: 'colon-directory',
      message: /^expected `@sha256=`, got `@sha256:`$/,
      hint: BELONGS,
      path: inDirectory(`${REPOSITORY}@sha256:${HEX}`),
    },
    {
      title: 'upper-case hex',
      code: 'upper-case-digest',
      message: /^expected the digest in lower case$/,
      hint: BELONGS,
      path: inDirectory(`${REPOSITORY}@sha256=${HEX.toUpperCase()}`),
    },
    {
      title: 'short digest',
      code: 'invalid-digest',
      message: /^expected 64 hexadecimal digits, got 12 characters: "abababababab"$/,
      hint: BELONGS,
      path: inDirectory(`${REPOSITORY}@sha256=${HEX.slice(0, 12)}`),
    },
    {
      title: 'sha512=',
      code: 'unsupported-algorithm',
      message: /^expected sha256, got "sha512"$/,
      hint: BELONGS,
      path: inDirectory(`${REPOSITORY}@sha512=${HEX}${HEX}`),
    },
    {
      title: '.. in the path',
      code: 'invalid-directory',
      message: /^expected a directory name, got "\.\."$/,
      hint: /belongs to "registry\.example\/team\/app@/,
      path: `../${LOCATION}`,
    },
    {
      title: 'more components than a path may have',
      code: 'path-too-deep',
      message: /^expected at most 32 components, got \d+$/,
      hint: /belongs to "team\/app@/,
      path: `${'d/'.repeat(40)}${LOCATION}`,
    },
    {
      title: 'more bytes than a path may have',
      code: 'path-too-long',
      message: /^expected at most 1024 bytes, got \d+$/,
      hint: /belongs to "team\/app@/,
      path: `${'x'.repeat(1000)}/${LOCATION}`,
    },
    {
      title: '.git in the path',
      code: 'invalid-directory',
      message: /^expected a directory name, got "\.git"$/,
      hint: /belongs to "registry\.example\/team\/app@/,
      path: `.git/${LOCATION}`,
    },
    {
      title: 'control characters in the path',
      code: 'invalid-directory',
      message: /^expected no control character or backslash in "a\\u001b\[31m"$/,
      hint: /Rename the directory|belongs to "(?:registry\.example\/)?team\/app@/,
      path: `a\u001b[31m/${LOCATION}`,
    },
  ];
  for (const fault of faults) {
    const { title, code, message, hint, breaksPulls = false, path, make, judgedBy } = fault;
    it(`${title}: ${code}`, async () => {
      const bytes = make ? await make() : good;
      const beside = `${DIRECTORY}/signature-9`;
      const files = await publish(
        { [path ?? LOCATION]: bytes, [beside]: good },
        await judgedBy?.(keyring),
      );

      const shown = shortenPath(path ?? LOCATION, DEFAULT_BUDGETS);
      const file = files.find((each) => each.path === shown);
      assert(file?.status === 'rejected', `it is ${file?.status}`);
      assert.equal(file.code, code, file.message);
      assert.match(file.message, message);
      assert.match(file.hint, hint);
      assert.equal(file.breaksPulls, breaksPulls);

      // The good signature beside it is served, first in line.
      if (!make && judgedBy) return;
      const other = files.find((each) => each.path === beside);
      assert(other?.status === 'accepted');
      assert.equal(other.servedAs, `/${LOCATION}`);
    });
  }

  it('a hole in the numbers: a warning', async () => {
    const second = await signer.sign(keys.second, CLAIMS);
    const [, file] = await publish({ [LOCATION]: good, [`${DIRECTORY}/signature-3`]: second });
    assert(file?.status === 'accepted');
    assert.equal(file.servedAs, `/${DIRECTORY}/signature-2`);
    assert.equal(file.warnings[0]?.code, 'renumbered');
    assert.match(file.warnings[0].message, /served as number 2/);
  });

  it('a duplicate: a warning', async () => {
    const [, file] = await publish({ [LOCATION]: good, [`${DIRECTORY}/signature-2`]: good });
    assert(file?.status === 'accepted');
    assert.equal(file.servedAs, `/${LOCATION}`);
    assert.equal(file.warnings[0]?.code, 'duplicate');
    assert.match(file.warnings[0].message, /same bytes as signature 1/);
  });

  it('more than 127: too-many-signatures', async () => {
    // Nodes read nothing behind a compressed message, so each of these is good.
    const files = Array.from({ length: 128 }, (_, index) => [
      `${DIRECTORY}/signature-${index + 1}`,
      Buffer.concat([good, Buffer.from([index])]),
    ]);
    const reported = await publish(Object.fromEntries(files));
    const rejected = reported.flatMap((file) => (file.status === 'rejected' ? [file] : []));
    assert.equal(rejected.length, 1);
    assert.equal(rejected[0]?.code, 'too-many-signatures');
    assert.equal(rejected[0].message, 'expected at most 127 signatures in the directory, got 128');
    assert.match(rejected[0].hint, /Remove old signatures/);
    assert.equal(rejected[0].breaksPulls, true);
  });

  it('has all codes there are', () => {
    const codes = new Set([
      ...faults.map(({ code }) => code),
      'too-many-signatures',
      ...FROM_SOURCES,
      ...FROM_RELEASES,
    ]);
    assert.deepEqual([...codes].toSorted(), Object.keys(REJECTIONS).toSorted());
  });

  it('has one code for one fault', () => {
    const titles = (wanted: string) =>
      faults.filter(({ code }) => code === wanted).map(({ title }) => title);
    const shared = [...new Set(faults.map(({ code }) => code))]
      .map(titles)
      .filter((all) => all.length > 1);
    assert.deepEqual(shared, [
      ['revoked key', 'revoked subkey'],
      ['signature-0', 'signature-01'],
      ['.. in the path', '.git in the path', 'control characters in the path'],
    ]);
  });
});
