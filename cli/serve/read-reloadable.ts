// What a server reads at its start, and again at SIGHUP.
import { createSecureContext } from 'node:tls';
import { MOST_TEXT_BYTES, readBounded } from '../../generator/system/read-bounded.ts';
import { messageOf } from '../../generator/terms/errors.ts';
import type { TlsFiles } from '../../server/listen/listener.ts';
import type { Reloadable } from '../../server/server-options.ts';
import type { Settings } from '../base/options.ts';
import { UsageError } from '../base/usage-error.ts';
import { type KeyMemory, readPolicy } from '../inputs/read-policy.ts';

/**
 * Reads keys, policy, webhook secrets and certificates. Keys that `memory` has stand in for those that
 * cannot be used.
 * @throws UsageError naming the file that cannot be used.
 */
export async function readReloadable(settings: Settings, memory: KeyMemory): Promise<Reloadable> {
  const { 'tls-cert': certFile, 'tls-key': keyFile, 'webhook-secret-file': secretFile } = settings;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('TLS needs both --tls-cert and --tls-key', 'give the one that is missing');
  }
  return {
    policy: await readPolicy(settings, { memory }),
    webhookSecrets: secretFile === undefined ? [] : await readSecrets(secretFile),
    tls:
      certFile !== undefined && keyFile !== undefined
        ? await readTls(certFile, keyFile)
        : undefined,
  };
}

async function readTls(certFile: string, keyFile: string): Promise<TlsFiles> {
  const cert = await readNamed(certFile, '--tls-cert');
  const key = await readNamed(keyFile, '--tls-key');
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new UsageError(
      `--tls-cert ${certFile} and --tls-key ${keyFile} cannot be used: ${messageOf(cause)}`,
      'both must be PEM, and the key must belong to the certificate',
      { cause },
    );
  }
  return { cert, key };
}

async function readSecrets(file: string): Promise<readonly string[]> {
  const text = (await readNamed(file, '--webhook-secret-file')).toString('utf8');
  const secrets = text.split(/\r?\n/).filter((line) => line !== '');
  if (secrets.length === 0) {
    throw new UsageError(
      `${file}: expected a webhook secret, got an empty file`,
      'make one with `openssl rand -hex 32`',
    );
  }
  return secrets;
}

async function readNamed(file: string, flag: string): Promise<Buffer> {
  try {
    return await readBounded(file, MOST_TEXT_BYTES);
  } catch (cause) {
    const said = messageOf(cause).replace(`${file}: `, '');
    const isForbidden = /\b(?:EACCES|EPERM)\b/.test(said);
    const hint = isForbidden ? 'make it readable for the user that runs lookaside' : undefined;
    throw new UsageError(`${flag}: cannot read ${file}: ${said}`, hint, { cause });
  }
}
