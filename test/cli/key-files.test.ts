// What each command says of key files that nodes take in part, or not at all.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { importIntoGnupg } from '../fuzz/keys/gpg-keys.ts';
import {
  type CraftedKey,
  craftKey,
  frame,
  packetOf,
  signMessage,
  signPrimary,
  signUser,
} from '../fuzz/keys/crafted-key.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { formatClaims } from '../kit/signer/claims.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const NOW = Math.floor(Date.now() / 1000);
const DAY = 86_400;
const BORN = NOW - 400 * DAY;
const DIGEST = `sha256:${'a'.repeat(64)}`;
const NAME = 'registry.example/team/app';
const VERSION_6 = frame(6, Buffer.from([6, ...Array.from({ length: 44 }, () => 1)]));
const NEWER_SUBKEY = frame(14, Buffer.from([6, ...Array.from({ length: 44 }, () => 1)]));
const SKIPPED =
  /warning: \S*mixed\.gpg: one of the keys has a version after 4: GnuPG 2\.2 skips it, .* version 6\); put each key/;

const certify = (key: CraftedKey, created: number, keyLifetime?: number): Buffer =>
  signUser(key, 'u', {
    type: 0x13,
    created,
    ...(keyLifetime === undefined ? {} : { keyLifetime }),
  });
const fileOf = (key: CraftedKey, ...more: readonly Buffer[]): Buffer =>
  Buffer.concat([packetOf.primary(key), ...more]);
const usual = (key: CraftedKey): Buffer => fileOf(key, packetOf.user('u'), certify(key, BORN));

describeWith(['gpg', 'gpgv'], 'lookaside, of key files', () => {
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), ...names);
  const [key, other] = [craftKey('ed25519', BORN), craftKey('ed25519', BORN)];

  async function put(file: string, bytes: Uint8Array): Promise<string> {
    await mkdir(dirname(at(file)), { recursive: true });
    await writeFile(at(file), bytes);
    return at(file);
  }

  /** Publishes a signature by a key, and checks it with a key file. */
  async function check(signer: CraftedKey, bytes: Uint8Array, file = 'mixed.gpg') {
    const claims = formatClaims({ dockerReference: `${NAME}:v1`, manifestDigest: DIGEST });
    const signature = signMessage(signer, claims, NOW - 9);
    await writeSignature(
      at('sigs'),
      { repository: 'team/app', digest: DIGEST, number: 1 },
      signature,
    );
    const keys = await put(file, bytes);
    return runLookaside(['check', at('sigs'), '--keys', keys, '--format', 'json']);
  }

  it('that hold a newer key, says so in every command, and keeps the rest', async () => {
    const mixed = Buffer.concat([usual(key), VERSION_6, usual(other)]);
    const checked = await check(other, mixed);
    assert.equal(checked.code, 0, checked.stdout);
    assert.match(checked.stderr, SKIPPED);
    const shown = await runLookaside(['show', '--keys', at('mixed.gpg'), at('mixed.gpg')]);
    assert.match(shown.stderr, SKIPPED);
    const image = `${NAME}@${DIGEST}`;
    const explained = await runLookaside(['explain', image, at('sigs'), '--keys', at('mixed.gpg')]);
    assert.match(explained.stderr, SKIPPED);
  });

  it('that hold a newer key, node-config leaves that out', async () => {
    const mixed = await put('mixed.gpg', Buffer.concat([usual(key), VERSION_6, usual(other)]));
    const scope = ['--scope', `${NAME}=${mixed}`, '--url', 'https://sigs.example'];
    const words = [...scope, '--default', 'reject', '--clients', '5.22+'];
    const written = await runLookaside(['node-config', ...words, '--out', at('node')]);
    assert.equal(written.code, 0, written.stderr);
    assert.match(written.stderr, SKIPPED);
    const policy: unknown = JSON.parse(
      await readFile(at('node/etc/containers/policy.json'), 'utf8'),
    );
    const paths = [...JSON.stringify(policy).matchAll(/"(\/etc\/pki\/[^"]+)"/g)];
    assert.equal(paths.length, 2);
    for (const [, path = ''] of paths) {
      const gnupg = await importIntoGnupg([await readFile(at('node', path))]);
      assert.equal(gnupg.listing.length, 1, path);
      await gnupg.close();
    }
    const clean = await runLookaside(['node-config', ...words, '--check', at('node')]);
    assert.doesNotMatch(clean.stdout, /key-not-taken/);
    const [[, first = ''] = []] = paths;
    await writeFile(at('node', first), Buffer.concat([usual(key), VERSION_6]));
    const odd = await runLookaside(['node-config', ...words, '--check', at('node')]);
    assert.match(odd.stdout, /key-not-taken/);
    assert.match(odd.stdout, /one of the keys has a version after 4/);
  });

  const nodeConfig = (keys: string) => {
    const scope = ['--scope', `${NAME}=${keys}`, '--url', 'https://sigs.example'];
    return runLookaside(['node-config', ...scope, '--default', 'reject', '--out', at('node')]);
  };

  it('that hold a good key which a newer one takes along, node-config writes the good one', async () => {
    const bytes = Buffer.concat([usual(key), usual(other), VERSION_6, NEWER_SUBKEY]);
    assert.equal((await check(other, bytes)).code, 1);
    const written = await nodeConfig(at('mixed.gpg'));
    assert.equal(written.code, 0, written.stderr);
    assert.match(written.stderr, SKIPPED);
    const [file = ''] = /\S+\.asc$/m.exec(written.stderr) ?? [];
    const gnupg = await importIntoGnupg([await readFile(file)]);
    for (const { fingerprint } of [key, other]) {
      assert.ok(
        gnupg.listing.some((line) => line.includes(fingerprint)),
        fingerprint,
      );
    }
    await gnupg.close();
  });

  it('that hold a key which clients would not have, node-config writes none, in a file or in a directory', async () => {
    const bad = fileOf(key);
    const spoiled = Buffer.concat([usual(key), NEWER_SUBKEY]);
    const uncertified = fileOf(key, packetOf.user('u'));
    for (const [lost, why] of [
      [bad, /has no user ID/],
      [spoiled, /a subkey of version 6/],
      [uncertified, /has no user ID with a good signature by the key itself/],
    ] as const) {
      const file = await put('both.gpg', Buffer.concat([lost, usual(other)]));
      const turned = await put('turned.gpg', Buffer.concat([usual(other), lost]));
      await put('keys/a.gpg', lost);
      await put('keys/b.gpg', usual(other));
      for (const given of [file, turned, at('keys')]) {
        const { code, stderr } = await nodeConfig(given);
        assert.equal(code, 2, stderr);
        assert.match(stderr, why);
        assert.ok(stderr.includes(key.fingerprint), stderr);
        await assert.rejects(readFile(at('node/etc/containers/policy.json')), { code: 'ENOENT' });
      }
    }
  });

  it('that hold a newer subkey, loses what GnuPG loses', async () => {
    const bytes = Buffer.concat([usual(key), usual(other), NEWER_SUBKEY]);
    const first = await check(key, bytes);
    assert.equal(first.code, 0, first.stdout);
    assert.match(
      first.stderr,
      new RegExp(
        `GnuPG 2\\.2 loses .* \\(in or behind the key ${other.fingerprint}, a subkey of version 6\\)`,
      ),
    );
    const second = await check(other, bytes);
    assert.equal(second.code, 1);
    assert.match(second.stdout, /"unknown-signer"/);
    const lost = `the key ${other.fingerprint} is in ${at('mixed.gpg')}, but nodes do not import it from there`;
    assert(second.stdout.includes(lost), second.stdout);
  });

  it('that hold a newer key with signatures, says once what is lost, and a cure that applies', async () => {
    const signature = frame(2, Buffer.from([6, ...Array.from({ length: 60 }, () => 1)]));
    const newer = Buffer.concat([VERSION_6, packetOf.user('n'), signature]);
    const beside = await check(key, Buffer.concat([usual(key), usual(other), newer]));
    assert.equal(beside.code, 0, beside.stdout);
    assert.equal(beside.stderr.match(/warning: \S*mixed\.gpg/g)?.length, 1, beside.stderr);
    assert.match(beside.stderr, /GnuPG 2\.2 loses the key it belongs to/);
    assert.doesNotMatch(beside.stderr, /GnuPG 2\.2 skips it/);
    const alone = await check(key, newer, 'alone.gpg');
    assert.equal(alone.code, 2);
    assert.match(
      alone.stderr,
      /\nhint: give nodes a key of version 4 to verify by: `gpg --quick-generate-key USER rsa3072 sign` makes one\n/,
    );
  });

  it('that are cut short, does not blame what GnuPG takes', async () => {
    const armor = usual(key).toString('base64').replaceAll(/.{64}/g, '$&\n');
    const cut = `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${armor.slice(0, 64)}`;
    const { code, stderr } = await check(key, Buffer.from(cut), 'cut.asc');
    assert.equal(code, 2);
    assert.doesNotMatch(stderr, /no END line/);
    assert.match(stderr, /cut short/);
  });

  it('that hold keys in a compressed packet, says that', async () => {
    const packed = frame(8, Buffer.concat([Buffer.of(1), deflateRawSync(usual(key))]));
    const { code, stderr } = await check(key, packed, 'packed.gpg');
    assert.equal(code, 2);
    assert.match(
      stderr,
      /packed\.gpg: expected OpenPGP public keys, got keys in a compressed packet\nhint: newer GnuPG and Sequoia refuse them there: export public keys /,
    );
  });

  it('in a directory that has none by their names, names what is there', async () => {
    await put('keys/team.pub', usual(key));
    const { code, stderr } = await runLookaside(['check', at('keys'), '--keys', at('keys')]);
    assert.equal(code, 2);
    assert.equal(
      stderr,
      `lookaside: ${at('keys')}: expected .asc or .gpg files, got only team.pub\nhint: rename what is an OpenPGP key, for example team.pub to team.asc, or export it anew: \`gpg --export --armor KEY > KEY.asc\`\n`,
    );
  });

  it('on a node, --check tells the cure of the key itself', async () => {
    const whole = await put('whole.gpg', usual(key));
    const words = ['--scope', `${NAME}=${whole}`, '--url', 'https://sigs.example'];
    const rest = [...words, '--default', 'reject', '--clients', '5.22+'];
    await runLookaside(['node-config', ...rest, '--out', at('node')]);
    const policy = await readFile(at('node/etc/containers/policy.json'), 'utf8');
    const [, path = ''] = /"(\/etc\/pki\/[^"]+)"/.exec(policy) ?? [];
    await writeFile(at('node', path), fileOf(key));
    const { stdout } = await runLookaside(['node-config', ...rest, '--check', at('node')]);
    assert.match(
      stdout,
      /hint: Ask its owner for the key with its user ID, as `gpg --export` writes it\.\n/,
    );
  });

  it('that hold no key for nodes, says why and what to do', async () => {
    const { code, stderr } = await check(key, fileOf(key), 'team.gpg');
    assert.equal(code, 2);
    const [message = '', hint] = stderr.split('\n');
    const why = `the key ${key.fingerprint} has no user ID, like keys from keys.openpgp.org: GnuPG does not import it`;
    assert.equal(
      message,
      `lookaside: ${at('team.gpg')}: expected OpenPGP public keys that nodes import, got none: ${why}`,
    );
    assert.equal(
      hint,
      'hint: ask its owner for the key with its user ID, as `gpg --export` writes it',
    );
  });

  it('that hold a good key beside one that nodes do not import, names the one', async () => {
    const path = await put('mixed.gpg', Buffer.concat([usual(other), fileOf(key)]));
    const words = ['--scope', `${NAME}=${path}`, '--url', 'https://sigs.example'];
    const args = [...words, '--default', 'reject', '--out', at('mixed')];
    const { code, stderr } = await runLookaside(['node-config', ...args]);
    assert.equal(code, 2);
    const why = `the key ${key.fingerprint} has no user ID, like keys from keys.openpgp.org: GnuPG does not import it`;
    assert.equal(
      stderr.split('\n', 1)[0],
      `lookaside: ${path}: expected OpenPGP public keys that nodes import, got among others one that they do not import: ${why}`,
    );
  });

  it('with a certification that somebody forged, accepts what nodes accept', async () => {
    const forged = signUser(key, 'u', {
      type: 0x13,
      created: NOW - DAY,
      keyLifetime: DAY,
      isForged: true,
    });
    const { code, stdout } = await check(
      key,
      fileOf(key, packetOf.user('u'), certify(key, BORN), forged),
    );
    assert.equal(code, 0, stdout);
  });

  it('names the expiry that a revoked user ID hid', async () => {
    const revoked = Buffer.concat([
      packetOf.user('old'),
      signUser(key, 'old', { type: 0x13, created: BORN }),
      signUser(key, 'old', { type: 0x30, created: BORN + 300 * DAY }),
    ]);
    const current = [packetOf.user('u'), certify(key, BORN + 350 * DAY, 410 * DAY)];
    const bytes = fileOf(key, revoked, ...current);
    const expires = new Date((BORN + 410 * DAY) * 1000).toISOString().replace('.000', '');
    const checked = await check(key, bytes);
    const report = JSON.parse(checked.stdout) as { readonly keys: readonly { expires: string }[] };
    assert.equal(report.keys[0]?.expires, expires);
    const scope = ['--scope', `${NAME}=${at('mixed.gpg')}`, '--url', 'https://sigs.example'];
    const args = ['--default', 'reject', '--expiry-warning', '30d', '--out', at('node')];
    const { stderr } = await runLookaside(['node-config', ...scope, ...args]);
    assert.match(stderr, new RegExp(`expires on ${expires}`));
  });

  it('with a direct signature that ends the key, takes its word', async () => {
    const direct = signPrimary(key, { type: 0x1f, created: BORN, keyLifetime: DAY });
    const bytes = fileOf(key, direct, packetOf.user('u'), certify(key, NOW - DAY));
    const { code, stdout } = await check(key, bytes);
    assert.equal(code, 1);
    assert.match(stdout, /"key-expired"/);
  });
});
