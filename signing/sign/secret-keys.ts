// Which of a user's private keys is meant, and whether it may sign, by gpg's list for programs
// (doc/DETAILS, "Format of the colon listings").
import { formatTime, toLine } from '../../generator/terms/text.ts';
import { SigningError } from '../signing-error.ts';

/** A key of which gpg has private parts. */
export interface SecretKey {
  readonly userIds: readonly string[];
  /** The primary key first. */
  readonly parts: readonly [SecretKeyPart, ...SecretKeyPart[]];
}

/** The primary key or a subkey. */
export interface SecretKeyPart {
  /** Upper-case hex. */
  readonly fingerprint: string;
  readonly state: 'good' | 'expired' | 'revoked' | 'disabled' | 'invalid';
  /** When it expires, in milliseconds since 1970; undefined if never. */
  readonly expiresAt: number | undefined;
  readonly canSign: boolean;
  /** Whether the private part is here, or on a token that is known here. */
  readonly isHere: boolean;
}

/** The key to sign with. */
export interface ChosenKey {
  /** For gpg's `--local-user`. */
  readonly localUser: string;
  /** Of the primary key: upper-case hex. */
  readonly fingerprint: string;
  /** `Team Release <release@example.com>`; the fingerprint where there is none. */
  readonly name: string;
}

/** Keys that an error names. */
const NAMED = 5;
/** Fields of a line, counted from 0. */
const FIELD = { validity: 1, expires: 6, text: 9, capabilities: 11, token: 14 } as const;
const STATES: Readonly<Record<string, SecretKeyPart['state']>> = {
  e: 'expired',
  r: 'revoked',
  d: 'disabled',
  i: 'invalid',
};

/** Reads what `gpg --with-colons --fixed-list-mode --list-secret-keys` prints. */
export function parseSecretKeys(listing: string): readonly SecretKey[] {
  const keys: { userIds: string[]; parts: SecretKeyPart[] }[] = [];
  let record: readonly string[] = [];
  for (const line of listing.split('\n')) {
    const fields = line.split(':');
    const key = keys.at(-1);
    if (fields[0] === 'sec') keys.push({ userIds: [], parts: [] });
    if (fields[0] === 'sec' || fields[0] === 'ssb') record = fields;
    else if (fields[0] === 'uid') key?.userIds.push(unescape(fields[FIELD.text] ?? ''));
    else if (fields[0] === 'fpr') key?.parts.push(toPart(fields[FIELD.text] ?? '', record));
  }
  return keys.flatMap(({ userIds, parts: [primary, ...subkeys] }) =>
    primary ? [{ userIds, parts: [primary, ...subkeys] }] : [],
  );
}

function toPart(fingerprint: string, record: readonly string[]): SecretKeyPart {
  const expires = record[FIELD.expires] ?? '';
  return {
    fingerprint,
    state: STATES[record[FIELD.validity] ?? ''] ?? 'good',
    expiresAt: expires === '' ? undefined : Number(expires) * 1000,
    // In upper case stands what the whole key can do.
    canSign: (record[FIELD.capabilities] ?? '').includes('s'),
    isHere: record[FIELD.token] !== '#',
  };
}

/** Only what would break the lines is written as `\x3a`. */
function unescape(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_all, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}

/** `FINGERPRINT!`: this part of the key, and no other. */
const EXACT = /^(?:0x)?([0-9a-f]{8,40})!$/i;

/**
 * The one key that is meant by `wanted`, of those that gpg finds by it. `others` are all that it has.
 * @throws SigningError naming the candidates where it is not one, or why it cannot sign.
 */
export function chooseKey(
  wanted: string,
  found: readonly SecretKey[],
  others: readonly SecretKey[],
): ChosenKey {
  const [first] = found;
  if (!first) {
    const hint =
      others.length > 0
        ? `it has ${nameKeys(others)}`
        : 'it has none: set GNUPGHOME to the directory of your keys, or import one with `gpg --import`';
    throw new SigningError(`gpg has no private key ${quote(wanted)}`, { hint });
  }
  const [, exact] = EXACT.exec(wanted) ?? [];
  const usable = found.filter((key) => findUsable(key, exact) !== undefined);
  const [key, second] = usable;
  if (!key) throw explainUnusable(first, exact);
  if (second) {
    const hint = `name one by its fingerprint: ${nameKeys(usable)}`;
    throw new SigningError(`several keys match ${quote(wanted)}`, { hint });
  }
  const { fingerprint } = key.parts[0];
  // Without a `!` gpg takes the newest part that may sign.
  const localUser = exact === undefined ? fingerprint : `${findUsable(key, exact)?.fingerprint}!`;
  return { localUser, fingerprint, name: nameOfKey(key) };
}

/** The part that could sign; with `exact` only that one. */
function findUsable({ parts }: SecretKey, exact: string | undefined): SecretKeyPart | undefined {
  if (parts[0].state !== 'good') return undefined;
  return partsMeant(parts, exact).find(
    ({ state, canSign, isHere }) => state === 'good' && canSign && isHere,
  );
}

function partsMeant(
  parts: readonly SecretKeyPart[],
  exact: string | undefined,
): readonly SecretKeyPart[] {
  if (exact === undefined) return parts;
  return parts.filter(({ fingerprint }) => fingerprint.endsWith(exact.toUpperCase()));
}

/** Why a key cannot sign, or with `exact` that part of it. */
function explainUnusable(key: SecretKey, exact: string | undefined): SigningError {
  const [primary] = key.parts;
  const meant = partsMeant(key.parts, exact);
  const signing = meant.filter(({ canSign }) => canSign);
  // What is wrong with all of it is told before what is wrong with a part.
  const part = [primary, ...signing].find(({ state }) => state !== 'good') ?? signing[0];
  const who = `${exact === undefined ? 'the key' : 'the subkey'} ${meant[0]?.fingerprint ?? primary.fingerprint}`;
  const name = `${who} of ${nameOfKey(key)}`;
  const by = 'sign with another key';
  if (!part)
    return new SigningError(`${name} cannot sign: it has no signing capability`, { hint: by });
  if (part.state === 'expired') {
    const on = part.expiresAt === undefined ? '' : ` on ${formatTime(part.expiresAt).slice(0, 10)}`;
    const hint = `extend it with \`gpg --quick-set-expire ${primary.fingerprint} 2y\` and give the new public key to store and nodes, or ${by}`;
    return new SigningError(`${name} expired${on}`, { hint });
  }
  if (part.state === 'good') {
    const hint = 'import it with `gpg --import`, plug in its token, or sign where it is';
    return new SigningError(`the private part of ${name} is not here`, { hint });
  }
  return new SigningError(`${name} is ${part.state}`, { hint: by });
}

function nameKeys(keys: readonly SecretKey[]): string {
  const names = keys
    .slice(0, NAMED)
    .map((key) => `${key.parts[0].fingerprint} (${nameOfKey(key)})`);
  const more = keys.length > NAMED ? `, and ${keys.length - NAMED} more` : '';
  return `${names.join(', ')}${more}`;
}

function nameOfKey({ userIds: [first], parts: [{ fingerprint }] }: SecretKey): string {
  return toLine(first ?? fingerprint);
}

function quote(text: string): string {
  return toLine(JSON.stringify(text));
}
