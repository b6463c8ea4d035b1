import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Claims, formatClaims } from './claims.ts';
import { runOrThrow } from '../process/run.ts';
import { makeTemporary, removeTemporary } from '../temporary.ts';

export interface SigningKey {
  readonly userId: string;
  /** The primary key's, upper-case hex. */
  readonly fingerprint: string;
  /** That of the key that signs: the primary key or its subkey. */
  readonly signingFingerprint: string;
}

export interface KeyOptions {
  readonly name?: string;
  /** As gpg names them: rsa3072 (the default), ed25519, nistp256, dsa2048… */
  readonly algorithm?: string;
  /** As gpg reads it: none (the default), 2y, seconds=60, 20200201T000000… */
  readonly expires?: string;
  /** What the primary key is for: sign, unless told or a subkey signs. */
  readonly usage?: 'sign' | 'encr' | 'cert';
  /** What the private key is locked with; nothing unless told. `sign` then needs it in its `args`. */
  readonly passphrase?: string;
  /** The whole user ID; one of its own unless told. */
  readonly userId?: string;
  /** The primary key only certifies; a subkey signs. */
  readonly subkey?: boolean;
  /** The subkey's, where it is another. */
  readonly subkeyExpires?: string;
  /** The time to make it at, instead of now. */
  readonly at?: Date;
}

export interface SignOptions {
  /** The time to sign at, instead of now. */
  readonly at?: Date;
  /** More arguments for gpg, before the command, e.g. `--armor` or `--digest-algo=SHA1`. */
  readonly args?: readonly string[];
  /** `--sign` unless told. */
  readonly command?: '--sign' | '--clear-sign' | '--detach-sign' | '--store';
}

export interface Signer {
  /** The GNUPGHOME. */
  readonly home: string;
  readonly makeKey: (options?: KeyOptions) => Promise<SigningKey>;
  /** Revokes the primary key, or with 'subkey' its signing subkey; exports made before stay good. */
  readonly revoke: (key: SigningKey, what?: 'primary' | 'subkey') => Promise<void>;
  /** Sets the expiry of the primary key, as gpg reads it. */
  readonly extend: (key: SigningKey, expires: string) => Promise<void>;
  /** Writes public keys into one file: binary, or armored when its name ends in `.asc`. */
  readonly exportKeys: (file: string, ...keys: readonly SigningKey[]) => Promise<string>;
  /** Writes a private key into an armored file. */
  readonly exportSecret: (file: string, key: SigningKey) => Promise<string>;
  /** Signs claims, or any bytes, into one binary OpenPGP message as container tools do. */
  readonly sign: (
    key: SigningKey,
    content: Claims | Uint8Array,
    options?: SignOptions,
  ) => Promise<Buffer>;
  readonly stop: () => Promise<void>;
}

/** Makes a new GNUPGHOME. `stop` ends its agent and removes it. */
export async function makeSigner(): Promise<Signer> {
  const home = await makeTemporary(0o700);
  // Else it takes a second to unlock a key.
  await writeFile(join(home, 'gpg-agent.conf'), 's2k-count 65536\n');
  const gpg = (args: readonly string[], input: string | Uint8Array = '') =>
    runOrThrow('gpg', ['--batch', '--yes', '--status-fd', '1', ...args], {
      input,
      env: { GNUPGHOME: home, LC_ALL: 'C' },
    });
  // Two that write the keyring at a time may break it.
  let written: Promise<unknown> = Promise.resolve();
  const generate = async (time: readonly string[], passphrase: string, args: readonly string[]) => {
    const loopback = ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
    const writing = written.then(async () => gpg([...time, ...loopback, ...args]));
    written = writing.catch(() => undefined);
    const { stdout } = await writing;
    const created = /KEY_CREATED \w (?<fingerprint>[0-9A-F]+)/.exec(stdout);
    return created?.groups?.['fingerprint'] ?? '';
  };

  return {
    home,
    async makeKey(options = {}) {
      const { name = 'Signer', algorithm = 'rsa3072', expires = 'none', subkey, at } = options;
      const { userId = `${name} <${randomUUID()}@example.test>`, passphrase = '' } = options;
      const usage = options.usage ?? (subkey === true ? 'cert' : 'sign');
      const primary = ['--quick-generate-key', userId, algorithm, usage, expires];
      const fingerprint = await generate(fakeTime(at), passphrase, primary);
      const added = [
        '--quick-add-key',
        fingerprint,
        algorithm,
        'sign',
        options.subkeyExpires ?? expires,
      ];
      const signingFingerprint =
        subkey === true ? await generate(fakeTime(at), passphrase, added) : fingerprint;
      return { userId, fingerprint, signingFingerprint };
    },
    async revoke({ fingerprint }, what = 'primary') {
      if (what === 'primary') {
        const file = join(home, 'openpgp-revocs.d', `${fingerprint}.rev`);
        // gpg puts a colon before the certificate, lest it is imported by accident.
        const certificate = (await readFile(file, 'utf8')).replace(/^:-----/m, '-----');
        await gpg(['--import'], certificate);
      } else {
        const edit = ['--command-fd', '0', '--edit-key', fingerprint, 'key 1', 'revkey', 'save'];
        await gpg(edit, 'y\n0\n\ny\n');
      }
    },
    async extend({ fingerprint }, expires) {
      await gpg(['--quick-set-expire', fingerprint, expires]);
    },
    async exportKeys(file, ...keys) {
      const format = file.endsWith('.asc') ? ['--armor'] : [];
      const prints = keys.map((key) => key.fingerprint);
      await gpg([...format, '--output', file, '--export', ...prints]);
      return file;
    },
    async exportSecret(file, { fingerprint }) {
      await gpg(['--armor', '--output', file, '--export-secret-keys', fingerprint]);
      return file;
    },
    async sign(key, content, { at, args = [], command = '--sign' } = {}) {
      const output = join(home, randomUUID());
      const user = ['--local-user', `${key.signingFingerprint}!`];
      const bytes = content instanceof Uint8Array ? content : formatClaims(content);
      await gpg([...fakeTime(at), ...user, ...args, '--output', output, command], bytes);
      const signature = await readFile(output);
      await rm(output);
      return signature;
    },
    async stop() {
      await runOrThrow('gpgconf', ['--homedir', home, '--kill', 'all']);
      await removeTemporary(home);
    },
  };
}

function fakeTime(at: Date | undefined): string[] {
  if (at === undefined) return [];
  return ['--faked-system-time', `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}!`];
}
