// What to say of a signature whose key nodes do not have, or do not take for the key that it should be.
import { type Rejection, reject } from '../terms/rejection.ts';
import { KEY_NOTES, type KeyNoteCode } from './import/key-notes.ts';
import type { SignaturePacket } from './packets/signature-packet.ts';
import type { Keyring } from './keyring.ts';
import type { SigningKey } from './signing-key.ts';

/** A key that nodes have, and take for none: so it is whatever the signature says. */
export function rejectUncertified(
  { fingerprint, primaryFingerprint }: SigningKey,
  { notes }: Keyring,
): Rejection {
  const code = 'nothing-certified';
  const note = notes.find((one) => one.code === code && one.fingerprint === primaryFingerprint);
  const where = note ? ` in ${note.path}` : '';
  return reject(
    'unsupported-signature',
    `the signature is by the key ${fingerprint}${where}, of which no signature counts for nodes: nothing certifies it`,
    { hint: `For the key ${primaryFingerprint}, ${KEY_NOTES[code].cure}.` },
  );
}

/** Why GnuPG takes no signature by a key that nodes have. */
export function findKeyFault(
  signature: SignaturePacket | undefined,
  keyring: Keyring,
): Rejection | undefined {
  const [key] = keyring.find(signature?.keyId ?? '');
  return key && !key.isValid
    ? rejectUncertified(key, keyring)
    : findSubkeyFault(signature, keyring);
}

/** Why GnuPG takes no signature by a subkey, or by a key that it takes for one. */
function findSubkeyFault(
  signature: SignaturePacket | undefined,
  { find, notes }: Keyring,
): Rejection | undefined {
  const keys = find(signature?.keyId ?? '');
  const key = keys.find((one) => !isPrimary(one));
  if (!key) return undefined;
  const { fingerprint, primaryFingerprint: other } = key;
  const isOf = (code: KeyNoteCode, of: string): boolean =>
    notes.some((note) => note.code === code && note.fingerprint === of);
  if (isOf('subkey-of-other', fingerprint) || keys.some(isPrimary)) {
    return reject(
      'unknown-signer',
      `the signature is by the key ${fingerprint}, which GnuPG takes for a subkey of the key ${other} in front of it`,
      { hint: `In the key files, ${KEY_NOTES['subkey-of-other'].cure}.` },
    );
  }
  if (!isOf('subkey-not-cross-certified', other)) return undefined;
  return reject(
    'unsupported-signature',
    `the signature is by the subkey ${fingerprint}, which has not signed that it belongs to the key ${other}`,
    { hint: `For the key ${other}, ${KEY_NOTES['subkey-not-cross-certified'].cure}.` },
  );
}

function isPrimary({ fingerprint, primaryFingerprint }: SigningKey): boolean {
  return fingerprint === primaryFingerprint;
}

/** Says of a signer that nobody knows where its key was lost, if it was. */
export function explainLost(
  verdict: Rejection,
  keyring: Keyring | undefined,
  keyId: string | undefined,
): Rejection {
  const lost = verdict.code === 'unknown-signer' ? keyring?.lost.get(keyId ?? '') : undefined;
  if (!lost) return verdict;
  const { kind, fingerprint, path } = lost;
  const hint = `A warning about ${path} says why: mend the file, or ask the owner of the key for it as \`gpg --export\` writes it.`;
  const what = kind === 'primary' ? 'key' : 'subkey';
  const message = `the ${what} ${fingerprint} is in ${path}, but nodes do not import it from there`;
  return reject('unknown-signer', message, { hint });
}
