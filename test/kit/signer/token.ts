// A private key on a token (SoftHSM), which gpg uses through its agent and gnupg-pkcs11-scd.
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { toolPath } from '../../with-tools.ts';
import { runOrThrow } from '../process/run.ts';
import type { Signer } from './signer.ts';
import { generateRsa } from './generate-key.ts';

/** What these tests need. */
export const TOKEN_TOOLS = [
  'gpg',
  'softhsm2-util',
  'gnupg-pkcs11-scd',
  'pkcs11-tool',
  'openssl',
] as const;

export interface Token {
  /** What gpg needs in its environment to find the token. */
  readonly environment: Readonly<Record<string, string>>;
  /** The OpenPGP key that the token has: upper-case hex. */
  readonly fingerprint: string;
  /** Makes pinentry answer with another PIN from now on. */
  readonly answer: (pin: string) => Promise<void>;
}

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
export const PIN = '123456';
const LABEL = 'signing';

/** Makes a token with a key, and an OpenPGP key of it in the home of a signer, in `directory`. */
export async function makeToken({ home }: Signer, directory: string): Promise<Token> {
  const at = (name: string): string => join(directory, name);
  const environment = { SOFTHSM2_CONF: at('softhsm2.conf') };
  const run = async (command: string, ...args: readonly string[]): Promise<string> => {
    const env = { ...environment, GNUPGHOME: home, LC_ALL: 'C' };
    return (await runOrThrow(command, args, { env })).stdout;
  };
  await mkdir(at('tokens'));
  await writeFile(at('softhsm2.conf'), `directories.tokendir = ${at('tokens')}\n`);
  const pins = ['--pin', PIN, '--so-pin', PIN];
  await run('softhsm2-util', '--init-token', '--free', '--label', LABEL, ...pins);

  // The key is made here and put there, with a certificate: without one the daemon does not see it.
  const privateKey = generateRsa(2048);
  const publicKey = createPublicKey(privateKey);
  await writeFile(at('key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const subject = ['-subj', '/CN=signing', '-days', '3650'];
  const form = ['-outform', 'DER', '-out', at('certificate.der')];
  await run('openssl', 'req', '-x509', '-key', at('key.pem'), ...subject, ...form);
  const named = ['--id', '01', '--label', LABEL];
  await run('softhsm2-util', '--import', at('key.pem'), '--token', LABEL, '--pin', PIN, ...named);
  const object = ['--write-object', at('certificate.der'), '--type', 'cert', ...named];
  await run('pkcs11-tool', '--module', MODULE, '--login', '--pin', PIN, ...object);

  const answer = async (pin: string): Promise<void> => {
    await writeFile(at('pinentry'), toPinentry(pin), { mode: 0o755 });
  };
  await answer(PIN);
  const daemon = `scdaemon-program ${toolPath('gnupg-pkcs11-scd')}\npinentry-program ${at('pinentry')}\n`;
  await appendFile(join(home, 'gpg-agent.conf'), daemon);
  const provider = `providers softhsm\nprovider-softhsm-library ${MODULE}\n`;
  await writeFile(join(home, 'gnupg-pkcs11-scd.conf'), provider);
  await run('gpgconf', '--kill', 'all');

  // The agent cannot learn of a key on a token with a space in its name, as SoftHSM's have: it is told.
  const learned = await run('gpg-connect-agent', 'SCD LEARN --force', '/bye');
  const [, serial = ''] = /^S SERIALNO (\w+)/m.exec(learned) ?? [];
  const [, keygrip = ''] = /^S KEYPAIRINFO (\w+) /m.exec(learned) ?? [];
  const { n = '' } = publicKey.export({ format: 'jwk' });
  const modulus = Buffer.from(n, 'base64url').toString('hex');
  await mkdir(join(home, 'private-keys-v1.d'), { recursive: true, mode: 0o700 });
  await writeFile(
    join(home, 'private-keys-v1.d', `${keygrip}.key`),
    `Key: (shadowed-private-key (rsa (n #00${modulus}#)(e #010001#)(shadowed t1-v1 (#${serial}# OPENPGP.1))))\n`,
  );
  const wanted = ['Key-Type: RSA', `Key-Grip: ${keygrip}`, 'Key-Usage: sign', 'Name-Real: Token'];
  await writeFile(at('parameters'), `${wanted.join('\n')}\n%commit\n`);
  const made = ['--batch', '--status-fd', '1', '--full-generate-key', at('parameters')];
  const [, fingerprint = ''] = /KEY_CREATED \w ([0-9A-F]+)/.exec(await run('gpg', ...made)) ?? [];
  return { environment, fingerprint, answer };
}

/** A pinentry that asks nobody. */
function toPinentry(pin: string): string {
  return `#!/bin/sh
echo OK
while read -r word rest; do
  [ "$word" != GETPIN ] || echo 'D ${pin}'
  echo OK
  [ "$word" != BYE ] || exit 0
done
`;
}
