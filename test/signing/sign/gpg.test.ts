// The user's own gpg: which key is meant, what it makes, and what is said where it does not.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createOpenMessage } from '../../../generator/openpgp/open-message.ts';
import { readKeyring } from '../../../generator/openpgp/read-keyring.ts';
import { isRejection } from '../../../generator/terms/rejection.ts';
import { Gpg, type GpgOptions } from '../../../signing/sign/gpg.ts';
import { SigningError } from '../../../signing/signing-error.ts';
import { run } from '../../kit/process/run.ts';
import {
  makeSigner,
  type KeyOptions,
  type Signer,
  type SigningKey,
} from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const PASSPHRASE = 'correct horse';
/** Made long ago, and good for a while then. */
const LONG_AGO = new Date('2020-02-01T00:00:00Z');
const TWINS = 'Twin <twin@example.test>';

const KEYS = {
  plain: { name: 'Plain: one' },
  rsa: { algorithm: 'rsa2048' },
  locked: { passphrase: PASSPHRASE },
  subkey: { subkey: true },
  expired: { at: LONG_AGO, expires: '1y', name: 'Old' },
  expiredSubkey: { at: LONG_AGO, subkey: true, subkeyExpires: '1y' },
  revoked: { name: 'Revoked' },
  encrypting: { algorithm: 'rsa2048', usage: 'encr' },
  twin: { userId: TWINS },
  otherTwin: { userId: `Other ${TWINS}` },
} as const satisfies Record<string, KeyOptions>;

const mailOf = ({ userId }: SigningKey): string => /<(.*)>/.exec(userId)?.[1] ?? '';

/** What is said, and the hint. */
async function complain(action: Promise<unknown>): Promise<readonly [string, string]> {
  const error = await action.then(
    () => assert.fail('it has worked'),
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof SigningError, String(error));
  return [error.message, error.hint ?? ''];
}

describeWith(['gpg'], 'gpg signs', () => {
  const directory = useTemporary();
  let signer: Signer;
  let keys: Record<keyof typeof KEYS, SigningKey>;
  before(async () => {
    signer = await makeSigner();
    const made = Object.entries(KEYS).map(async ([name, options]) => [
      name,
      await signer.makeKey({ algorithm: 'ed25519', ...options }),
    ]);
    keys = Object.fromEntries(await Promise.all(made)) as typeof keys;
    await signer.revoke(keys.revoked);
  });
  after(() => signer.stop());

  const open = (options: Partial<GpgOptions> = {}): Gpg =>
    new Gpg({
      program: 'gpg',
      environment: { PATH: process.env['PATH'], GNUPGHOME: signer.home, LC_ALL: 'C' },
      passphrase: undefined,
      ending: new AbortController().signal,
      ...options,
    });

  /** Signs some bytes, and has both engines verify them. */
  const sign = async (gpg: Gpg, wanted: string): Promise<string> => {
    const key = await gpg.findKey(wanted);
    const payload = Buffer.from(`what ${wanted} signs`);
    const message = await gpg.sign(payload, key);
    const keyring = await readKeyring([{ path: 'exported', bytes: await gpg.exportKey(key) }]);
    const opened = await createOpenMessage(undefined)(message, keyring, new Date());
    assert.ok(!isRejection(opened), JSON.stringify(opened));
    assert.deepEqual(Buffer.from(opened.untrustedPayload), payload);
    assert.equal(opened.signer?.primaryFingerprint, key.fingerprint);
    const verified = await run('gpg', ['--batch', '--verify'], {
      input: message,
      env: { GNUPGHOME: signer.home },
    });
    assert.equal(verified.code, 0, verified.stderr);
    return opened.signer.fingerprint;
  };

  describe('with the key that is named by', () => {
    const names: Record<string, (key: SigningKey) => string> = {
      'its fingerprint': ({ fingerprint }) => fingerprint,
      'its key ID': ({ fingerprint }) => fingerprint.slice(-16),
      'its key ID in hexadecimal': ({ fingerprint }) => `0x${fingerprint.slice(-16)}`,
      'its mail address': mailOf,
      'its user ID': ({ userId }) => `=${userId}`,
      'its fingerprint alone': ({ fingerprint }) => `${fingerprint}!`,
    };
    for (const [what, nameOf] of Object.entries(names)) {
      it(what, async () => {
        assert.equal(await sign(open(), nameOf(keys.plain)), keys.plain.fingerprint);
      });
    }

    it('a subkey', async () => {
      const { fingerprint, signingFingerprint } = keys.subkey;
      assert.equal(await sign(open(), `${signingFingerprint}!`), signingFingerprint);
      assert.equal(await sign(open(), fingerprint), signingFingerprint);
    });
  });

  it('with RSA', async () => {
    assert.equal(await sign(open(), keys.rsa.fingerprint), keys.rsa.fingerprint);
  });

  const withConfig = async (text: string, action: () => Promise<unknown>): Promise<void> => {
    const file = join(signer.home, 'gpg.conf');
    await writeFile(file, `${text}\n`);
    try {
      await action();
    } finally {
      await writeFile(file, '');
    }
  };

  it('whatever gpg.conf says of the form', async () => {
    const form = 'armor\ntextmode\ncompress-algo bzip2\ncomment x';
    const place = `output ${join(directory(), 'elsewhere')}`;
    await withConfig(`${form}\n${place}`, async () => sign(open(), keys.plain.fingerprint));
  });

  it('alone, although gpg.conf names other keys for other things', async () => {
    const { plain, rsa } = keys;
    const others = ['default-key', 'encrypt-to', 'hidden-encrypt-to', 'recipient'];
    const lines = others.map((option) => `${option} ${rsa.fingerprint}`);
    lines.push(`local-user ${plain.fingerprint}`);
    await withConfig(lines.join('\n'), async () => sign(open(), plain.fingerprint));
  });

  it('with a passphrase', async () => {
    const gpg = open({ passphrase: Buffer.from(PASSPHRASE) });
    assert.equal(await sign(gpg, keys.locked.fingerprint), keys.locked.fingerprint);
    const { home } = signer;
    // Else the agent knows it from now on.
    await run('gpgconf', ['--homedir', home, '--reload', 'gpg-agent']);
  });

  describe('complains', () => {
    it('of a key that is not there, and names those that are', async () => {
      const [message, hint] = await complain(open().findKey('nobody@example.test'));
      assert.equal(message, 'gpg has no private key "nobody@example.test"');
      assert.match(hint, /^it has [0-9A-F]{40} \(.+\), .*, and 5 more$/);
    });

    it('of no keys at all', async () => {
      const gpg = open({ environment: { PATH: process.env['PATH'], GNUPGHOME: directory() } });
      const [message, hint] = await complain(gpg.findKey('me@example.test'));
      assert.equal(message, 'gpg has no private key "me@example.test"');
      assert.match(hint, /^it has none: set GNUPGHOME/);
      await run('gpgconf', ['--homedir', directory(), '--kill', 'all']);
    });

    it('of a name that several keys have', async () => {
      const [message, hint] = await complain(open().findKey('twin@example.test'));
      assert.equal(message, 'several keys match "twin@example.test"');
      for (const { fingerprint } of [keys.twin, keys.otherTwin]) {
        assert.ok(hint.includes(fingerprint), hint);
      }
    });

    it('of part of a mail address', async () => {
      const part = mailOf(keys.plain).slice(1);
      const [message] = await complain(open().findKey(part));
      assert.equal(message, `gpg has no private key ${JSON.stringify(part)}`);
    });

    const unusable: readonly [keyof typeof KEYS, string, RegExp, RegExp][] = [
      ['expired', '', /^the key [0-9A-F]{40} of Old <.*> expired on 2021-01-31$/, /set-expire/],
      ['expiredSubkey', '', /^the key .* expired on 2021-01-31$/, /--quick-set-expire/],
      ['expiredSubkey', '!', /^the subkey .* expired on 2021-01-31$/, /--quick-set-expire/],
      ['revoked', '', /^the key .* of Revoked <.*> is revoked$/, /^sign with another key$/],
      ['encrypting', '', /^the key .* cannot sign: it has no signing capability$/, /another key/],
    ];
    for (const [name, exact, message, hint] of unusable) {
      it(`of a key that may not sign: ${name}${exact}`, async () => {
        const { fingerprint, signingFingerprint } = keys[name];
        const wanted = exact === '' ? fingerprint : `${signingFingerprint}!`;
        const [said, cure] = await complain(open().findKey(wanted));
        assert.match(said, message);
        assert.match(cure, hint);
      });
    }

    const otherSigner = /^remove `local-user` from gpg\.conf: --sign-by alone says who signs$/;
    const configurations: Readonly<Record<string, readonly [() => string, () => string]>> = {
      'another signer': [
        () => `local-user ${keys.rsa.fingerprint}`,
        () =>
          `gpg made 2 signatures in one, by ${keys.rsa.fingerprint} and ${keys.plain.fingerprint}: nodes accept only one`,
      ],
      'another signer who is not there': [
        () => 'local-user nobody@example.test',
        () => `gpg is to sign with nobody@example.test besides ${keys.plain.userId}, and cannot`,
      ],
    };
    for (const [title, [lineOf, messageOf]] of Object.entries(configurations)) {
      it(`of a gpg.conf that wants ${title}`, async () => {
        await withConfig(lineOf(), async () => {
          const [message, cure] = await complain(sign(open(), keys.plain.fingerprint));
          assert.equal(message, messageOf());
          assert.match(cure, otherSigner);
        });
      });
    }

    it('of a wrong passphrase', async () => {
      const gpg = open({ passphrase: Buffer.from('wrong') });
      const [message, hint] = await complain(sign(gpg, keys.locked.fingerprint));
      assert.match(message, /^the passphrase does not unlock the private key of Signer <.*>$/);
      assert.match(hint, /--passphrase-file/);
    });

    it('of a passphrase that nobody can be asked for', async () => {
      const [message, hint] = await complain(sign(open(), keys.locked.fingerprint));
      assert.match(
        message,
        /^gpg-agent cannot ask for the passphrase of .*: pinentry has no terminal$/,
      );
      assert.match(hint, /GPG_TTY.*--passphrase-file/);
    });

    it('of a gpg without an agent', async () => {
      const file = join(signer.home, 'gpg.conf');
      await writeFile(file, 'agent-program /nowhere/gpg-agent\n');
      await run('gpgconf', ['--homedir', signer.home, '--kill', 'all']);
      try {
        const [message, hint] = await complain(open().findKey(keys.plain.fingerprint));
        assert.equal(message, 'gpg cannot reach gpg-agent, which holds the private keys');
        assert.match(hint, /gpg-connect-agent/);
      } finally {
        await writeFile(file, '');
      }
    });

    it('of a GNUPGHOME that is not there', async () => {
      const environment = { PATH: process.env['PATH'], GNUPGHOME: '/nowhere', LC_ALL: 'C' };
      const [message] = await complain(open({ environment }).findKey('me@example.test'));
      assert.match(message, /^gpg cannot sign: .*\/nowhere: directory does not exist!$/);
    });

    it('of a home in which it cannot keep keys', async () => {
      const environment = { PATH: process.env['PATH'], HOME: '/nowhere', LC_ALL: 'C' };
      const [message, hint] = await complain(open({ environment }).findKey('me@example.test'));
      assert.match(message, /^gpg cannot use its directory: .*\/nowhere\/\.gnupg'/);
      assert.match(hint, /^set GNUPGHOME to the directory of your keys/);
    });

    it('of a gpg that is not there', async () => {
      const [message, hint] = await complain(open({ program: '/nowhere/gpg' }).findKey('x'));
      assert.match(message, /^gpg, which signs, cannot be run as "\/nowhere\/gpg": .*ENOENT/);
      assert.match(hint, /--gpg PROGRAM/);
    });

    it('when it is stopped', async () => {
      const gpg = open({ ending: AbortSignal.abort() });
      assert.deepEqual(await complain(gpg.findKey('x')), [
        'interrupted',
        'nothing was signed or pushed',
      ]);
    });

    // As gpg says it: the source of the error in the upper half, its code in the lower.
    const failures: readonly [code: number, message: RegExp][] = [
      [87, /token refuses the PIN/],
      [130, /locked after too many wrong PINs/],
      [99, /^nobody gave the passphrase or PIN/],
      [198, /^nobody gave the passphrase or PIN/],
      [85, /pinentry has no terminal$/],
      [77, /^gpg cannot reach gpg-agent/],
      [112, /^gpg cannot reach the token/],
      [17, /^the agent does not have the private key/],
      [1, /^gpg cannot sign: signing failed: for a reason$/],
    ];
    for (const [code, message] of failures) {
      it(`of the failure ${code}`, async () => {
        const program = join(directory(), 'gpg');
        const status = `[GNUPG:] FAILURE sign ${0x4_00_00_00 + code}`;
        const script = `#!/bin/sh\necho '${status}' >&3\necho 'gpg: signing failed: for a reason' >&2\nexit 2\n`;
        await writeFile(program, script, { mode: 0o755 });
        const key = { localUser: 'ab', fingerprint: 'AB', name: 'Me' };
        const [said, hint] = await complain(open({ program }).sign(Buffer.from('x'), key));
        assert.match(said, message);
        assert.notEqual(hint, '');
      });
    }
  });
});
