// Private keys. Those whose numbers are exported are read from DER: Node 20 locks a key while it exports it, and if
// the job that made the key is collected meanwhile, that waits for the same lock, for ever.
import { type KeyObject, createPrivateKey, generateKeyPairSync } from 'node:crypto';

const publicKeyEncoding = { type: 'spki' as const, format: 'der' as const };
const privateKeyEncoding = { type: 'pkcs8' as const, format: 'der' as const };

export function generateRsa(modulusLength: number): KeyObject {
  const options = { modulusLength, publicKeyEncoding, privateKeyEncoding };
  return readKey(generateKeyPairSync('rsa', options).privateKey);
}

export function generateEc(namedCurve: string): KeyObject {
  const options = { namedCurve, publicKeyEncoding, privateKeyEncoding };
  return readKey(generateKeyPairSync('ec', options).privateKey);
}

export function generateDsa(modulusLength: number, divisorLength: number): KeyObject {
  return generateKeyPairSync('dsa', { modulusLength, divisorLength }).privateKey;
}

export function generateEd25519(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

function readKey(key: Buffer): KeyObject {
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}
