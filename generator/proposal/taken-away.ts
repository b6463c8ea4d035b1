// What a change takes away from nodes: one notion for the hook, for `check --base`, and for what a server is
// told by a refresh. Nodes read all signatures of a directory, whatever their numbers, so a signature is
// taken away when its bytes are served from its directory no more. What nobody else says there then (the
// signer, the name) may be what a node asks for.
import type { PublishableFile } from '../gate/checked-file.ts';

/** A good signature as nodes have it. */
export interface HeldSignature {
  /** The same for the same bytes. */
  readonly id: string;
  /** The fingerprint of the primary key; undefined where nobody checks who signed. */
  readonly signer: string | undefined;
  /** The docker reference that was signed. */
  readonly identity: string;
}

export function toHeld({ signature: { hash, claims, signer } }: PublishableFile): HeldSignature {
  return { id: hash, signer: signer?.primaryFingerprint, identity: claims.dockerReference };
}

/** What is not said in the directory any more. */
export type Lack = 'signer' | 'identity';

/** What was taken away, and what nobody else says there. */
export interface TakenSignature<Held extends HeldSignature> {
  readonly held: Held;
  readonly lacks: readonly Lack[];
}

/** What of one directory is served no more, given what is served there. */
export function findTaken<Held extends HeldSignature>(
  before: readonly Held[],
  after: readonly HeldSignature[],
): readonly TakenSignature<Held>[] {
  const served = new Set(after.map(({ id }) => id));
  const taken = before.filter(({ id }) => !served.has(id));
  return taken.map((held) => ({ held, lacks: findLacks(held, after) }));
}

/** What of a signature is said by none of those that are left. */
export function findLacks(
  { signer, identity }: HeldSignature,
  left: readonly HeldSignature[],
): readonly Lack[] {
  const lacks: Lack[] = [];
  if (signer !== undefined && left.every((other) => other.signer !== signer)) lacks.push('signer');
  if (left.every((other) => other.identity !== identity)) lacks.push('identity');
  return lacks;
}

/** One line without a full stop; `got` is what came in its place. */
export function describeTaken(
  { signer, identity }: HeldSignature,
  got: string,
  lacks: readonly Lack[] = [],
): string {
  const name = JSON.stringify(identity);
  const by = signer === undefined ? '' : ` by ${signer}`;
  const words = { signer: `no signature by ${signer}`, identity: `none of ${name}` };
  const missing = lacks
    .map((lack) => words[lack])
    .join(' and ')
    .replace(/^none/, 'no signature');
  const rest = missing === '' ? '' : `: ${missing} is left in its directory`;
  return `expected the signature of ${name}${by}, got ${got}${rest}`;
}
