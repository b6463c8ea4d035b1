import { type KeyObject, createPrivateKey, generateKeyPair } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type ForgedKey, forgeKey } from '../../../test/fuzz/forged-key.ts';

/** A key that signs images, and nothing else in the world. */
export interface BenchKey {
  readonly public: Pick<ForgedKey, 'keyId' | 'fingerprint' | 'publicKey'>;
  /** The same secret several times: one object would be used by one thread at a time. */
  readonly secrets: readonly KeyObject[];
  /** Seconds since 1970. */
  readonly created: number;
}

const RSA_BITS = 2048;
/** Certifies and signs. */
const KEY_FLAGS = 0x03;
const NAME = 'Lookaside bench';
const saved = z.object({ created: z.int(), pem: z.string() });

/** The key of a data directory; made, and kept there, when there is none yet. */
export async function openSigningKey(directory: string): Promise<BenchKey> {
  const file = join(directory, 'key.json');
  const text = await readFile(file, 'utf8').catch(() => makeKey(file));
  const { created, pem } = saved.parse(JSON.parse(text));
  const secrets = Array.from({ length: availableParallelism() + 1 }, () => createPrivateKey(pem));
  const [secret = createPrivateKey(pem)] = secrets;
  return { public: forgeKey(secret, { name: NAME, created, flags: KEY_FLAGS }), secrets, created };
}

async function makeKey(file: string): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const text = JSON.stringify({ created: Math.floor(Date.now() / 1000), pem });
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, file);
  return text;
}
