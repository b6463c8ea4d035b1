import { join } from 'node:path';
import type { NodeFindingCode } from '../../../generator/nodes/check/finding.ts';
import { type Signer, makeSigner } from '../../kit/signer/signer.ts';

/** A mistake that is planted into a good tree, and what must be said of it. */
export interface Mistake {
  readonly title: string;
  readonly code: NodeFindingCode;
  /** Relative to the root. */
  readonly path: string;
  /** A fault unless told. */
  readonly severity?: 'warning';
  /** Message and hint, where they are of the case at hand. */
  readonly says?: readonly [message: string, hint: string];
  readonly plant: (root: string) => Promise<unknown>;
  /** What the tree is laid out with, and checked by, beside the usual. */
  readonly args?: (keys: Keys) => readonly string[];
  /** For the check alone. */
  readonly checkArgs?: readonly string[];
}

export const STORE = 'https://sig.example.com';
export const TEAM = 'quay.io/team';
/** Has two keys, each of which must have signed, and a place of its own in the store. */
export const BOTH = 'registry.example:5000';

/** Files of keys. */
export interface Keys {
  readonly team: string;
  readonly second: string;
  readonly both: string;
  readonly stranger: string;
  readonly expired: string;
  readonly soon: string;
  /** One key before and after its revocation. */
  readonly unrevoked: string;
  readonly revoked: string;
  /** One key before and after it was extended. */
  readonly short: string;
  readonly extended: string;
  /** Only its subkey could sign, and has expired. */
  readonly mute: string;
  /** Not a file that is to be given: a private key. */
  readonly secret: string;
  readonly stop: () => Promise<void>;
}

/** With a scope for all that no other covers. */
export const outside = ({ second }: Keys): readonly string[] => ['--keys', second];

/** A file of registries.d with one section, for clients of all kinds. */
export const section = (scope: string, store: string): string =>
  `docker:\n  ${scope}:\n    lookaside: ${store}\n    sigstore: ${store}\n`;

const DAY = 86_400_000;

/** Makes real keys with gpg. */
export async function makeKeys(): Promise<Keys> {
  const signer = await makeSigner();
  const algorithm = 'ed25519';
  const file = (name: string): string => join(signer.home, name);
  const [one, two, stranger] = [
    await signer.makeKey({ algorithm, name: 'Team' }),
    await signer.makeKey({ algorithm, name: 'Second' }),
    await signer.makeKey({ algorithm, name: 'Stranger' }),
  ];
  const past = new Date(Date.now() - 100 * DAY);
  const expired = await signer.makeKey({ algorithm, expires: '20d', at: past });
  const soon = await signer.makeKey({ algorithm, expires: '20d' });
  const exported = { ...(await exportRevoked(signer)), ...(await exportExtended(signer)) };
  const mute = await signer.makeKey({ algorithm, subkey: true, at: past, subkeyExpires: '20d' });
  return {
    ...exported,
    mute: await signer.exportKeys(file('mute.asc'), mute),
    team: await signer.exportKeys(file('team.asc'), one),
    second: await signer.exportKeys(file('second.asc'), two),
    both: await signer.exportKeys(file('both.asc'), one, two),
    stranger: await signer.exportKeys(file('stranger.asc'), stranger),
    expired: await signer.exportKeys(file('expired.asc'), expired),
    soon: await signer.exportKeys(file('soon.asc'), soon),
    secret: await signer.exportSecret(file('secret.asc'), stranger),
    stop: signer.stop,
  };
}

async function exportRevoked(signer: Signer): Promise<Pick<Keys, 'unrevoked' | 'revoked'>> {
  const key = await signer.makeKey({ algorithm: 'ed25519' });
  const unrevoked = await signer.exportKeys(join(signer.home, 'unrevoked.asc'), key);
  await signer.revoke(key);
  return { unrevoked, revoked: await signer.exportKeys(join(signer.home, 'revoked.asc'), key) };
}

async function exportExtended(signer: Signer): Promise<Pick<Keys, 'short' | 'extended'>> {
  const key = await signer.makeKey({ algorithm: 'ed25519', expires: '100d' });
  const short = await signer.exportKeys(join(signer.home, 'short.asc'), key);
  await signer.extend(key, '200d');
  return { short, extended: await signer.exportKeys(join(signer.home, 'extended.asc'), key) };
}
