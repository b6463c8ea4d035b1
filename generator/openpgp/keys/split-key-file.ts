// A key file cut at its keys: what lies beside a key cannot take it along when each is imported alone.
import { TAG, eachPacket } from '../packets/packets.ts';
import { findPrivateKey } from '../packets/private-keys.ts';
import { unarmorAsGnupg } from '../import/armor.ts';
import type { KeyNote } from '../import/key-notes.ts';
import { readKeyPart } from '../import/key-part.ts';
import type { KeyFile } from './key-file.ts';

/** The keys of a file, each as a file of its own. */
export interface SplitKeyFile {
  readonly files: readonly KeyFile[];
  /** Of the keys of other versions, which are left out. */
  readonly notes: readonly KeyNote[];
}

/** Of a key that GnuPG 2.2 reads. */
const LAST_VERSION = 4;

/** Cuts a file; one that cannot be, or has no key of version 4, stays as it is. */
export function splitKeyFile(file: KeyFile): SplitKeyFile {
  const whole = { files: [file], notes: [] };
  const { path } = file;
  const { bytes, hasWrongChecksum, hasBadHeader } = unarmorAsGnupg(file.bytes);
  if (hasWrongChecksum || hasBadHeader || findPrivateKey(file.bytes) !== undefined) return whole;
  const files: KeyFile[] = [];
  const notes: KeyNote[] = [];
  let before: string | undefined;
  const keys = cutAtKeys(bytes);
  const isOneOfMany = keys.filter(({ body }) => body[0] === LAST_VERSION).length > 1;
  for (const { body, parts } of keys) {
    const [version = 0] = body;
    if (version === LAST_VERSION) {
      files.push({ path, bytes: Buffer.concat(parts), isOneOfMany });
      before = readKeyPart('primary', body)?.fingerprint;
    } else {
      const code = version > LAST_VERSION ? 'newer-key' : 'old-key';
      const fingerprint = code === 'newer-key' ? before : undefined;
      notes.push({ code, path, fingerprint, detail: `version ${version}` });
    }
  }
  return files.length > 0 ? { files, notes } : whole;
}

interface CutKey {
  /** Of its first packet. */
  readonly body: Uint8Array;
  readonly parts: readonly Uint8Array[];
}

/** What is in front of the first key goes with it. */
function cutAtKeys(bytes: Uint8Array): readonly CutKey[] {
  const keys: { body: Uint8Array; parts: Uint8Array[] }[] = [];
  let front: Uint8Array[] = [];
  for (const packet of eachPacket(bytes)) {
    if (packet.tag === TAG.publicKey) {
      keys.push({ body: packet.body, parts: front });
      front = [];
    }
    (keys.at(-1)?.parts ?? front).push(packet.bytes);
  }
  return keys;
}
