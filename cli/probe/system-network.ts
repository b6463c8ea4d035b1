// What a machine knows of stores: the addresses of their names, and the authorities that it trusts, those of the
// system, found as Go does (crypto/x509 root_linux.go).
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { messageOf } from '../../generator/terms/errors.ts';
import type { Environment } from '../base/read-settings.ts';
import { UsageError } from '../base/usage-error.ts';

/** For one answer of a store. Milliseconds. */
export const STORE_PATIENCE = 10_000;

/** All addresses of a name, in the order of the system. */
export async function findAddresses(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
}

const FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];
/** Go's own in place of the system's, and Node's beside them. */
const INSTEAD = 'SSL_CERT_FILE';
const BESIDE = 'NODE_EXTRA_CA_CERTS';

/**
 * The authorities (PEM), or undefined where the system has none: Node has its own.
 * @throws UsageError for a file that the environment names, and that cannot be read
 */
export async function readSystemTrust(
  environment: Environment,
): Promise<readonly string[] | undefined> {
  const instead = await readNamed(environment, INSTEAD);
  const system = instead ?? (await readFirst());
  const beside = await readNamed(environment, BESIDE);
  return system === undefined ? undefined : [system, ...(beside === undefined ? [] : [beside])];
}

async function readFirst(): Promise<string | undefined> {
  for (const file of FILES) {
    const found = await readFile(file, 'utf8').catch(() => undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readNamed(environment: Environment, name: string): Promise<string | undefined> {
  const file = environment[name];
  if (file === undefined || file === '') return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const hint = `let ${name} name a file of authorities (PEM), or unset it`;
    throw new UsageError(`${name}: ${messageOf(cause)}`, hint, { cause });
  }
}
