// The signed payload, read as paranoidly as the nodes do (containers/image
// signature/simple.go, strictUnmarshalJSON): exact members, right types, none twice. Also
// writes payloads.
import { type Rejection, reject } from '../terms/rejection.ts';
import { type Member, hasInfiniteNumber, isJson, membersOf } from '../terms/strict-json.ts';
import type { UntrustedClaims } from '../terms/untrusted-claims.ts';

/** The creator is for people, and kept in memory with every signature. UTF-16 code units. */
const MAX_CREATOR_LENGTH = 256;
const SIGNATURE_TYPE = 'atomic container signature';

class PayloadFault extends Error {
  readonly rejection: Rejection;
  constructor(rejection: Rejection) {
    super(rejection.message);
    this.rejection = rejection;
  }
}

/** Reads a payload; gives the first fault that nodes would stop at. */
export function parseClaims(untrustedPayload: Uint8Array): UntrustedClaims | Rejection {
  const usual = readUsualPayload(untrustedPayload);
  if (usual) return usual;
  // A byte order mark must stay and be refused; invalid UTF-8 is replaced, as nodes do.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(untrustedPayload);
  if (!isJson(text)) return reject('payload-not-json', 'expected one JSON object as the payload');
  try {
    return readPayload(text);
  } catch (error) {
    if (error instanceof PayloadFault) return error.rejection;
    throw error;
  }
}

function readPayload(json: string): UntrustedClaims {
  const top = readObject('the payload', json, ['critical', 'optional']);
  const critical = readObject('critical', top['critical'], ['type', 'image', 'identity']);
  const image = readObject('critical.image', critical['image'], ['docker-manifest-digest']);
  const identity = readObject('critical.identity', critical['identity'], ['docker-reference']);
  const type = readString('critical.type', critical['type']) ?? '';
  if (type !== SIGNATURE_TYPE) {
    fail('not-a-container-signature', `expected type "${SIGNATURE_TYPE}", got ${quote(type)}`);
  }
  const digest = readString('docker-manifest-digest', image['docker-manifest-digest']);
  const reference = readString('docker-reference', identity['docker-reference']);
  return {
    manifestDigest: digest ?? '',
    dockerReference: reference ?? '',
    ...readOptional(top['optional']),
  };
}

function readOptional(json: string | undefined): Pick<UntrustedClaims, 'creator' | 'timestamp'> {
  const members = uniqueMembers('optional', json);
  let creator: string | null = null;
  let timestamp: number | null = null;
  for (const member of members) {
    if (member.name === 'creator') creator = readCreator(member.json);
    else if (member.name === 'timestamp') timestamp = readTimestamp(member.json);
    else if (hasInfiniteNumber(member.json)) {
      fail('payload-wrong-type', `optional.${member.name} holds a number too large for a double`);
    }
  }
  return { creator, timestamp };
}

function readCreator(json: string): string | null {
  const creator = readString('optional.creator', json);
  if (creator === null || creator.length <= MAX_CREATOR_LENGTH) return creator;
  // A copy: a slice would keep all of it in memory.
  return Buffer.from(`${creator.slice(0, MAX_CREATOR_LENGTH - 1)}…`).toString();
}

/** Nodes read a double and want a 64-bit integer: 1, 1.0 and 1e3 pass, 1.5 and 1e300 do not. */
function readTimestamp(json: string): number | null {
  const value: unknown = JSON.parse(json);
  if (value === null) return null;
  if (
    typeof value !== 'number' ||
    !Number.isInteger(value) ||
    value < -(2 ** 63) ||
    value >= 2 ** 63
  ) {
    fail('payload-wrong-type', `expected whole seconds in optional.timestamp, got ${clip(json)}`);
  }
  return value;
}

/** A string; null counts as unset, as in the nodes' parser. */
function readString(name: string, json: string | undefined): string | null {
  const value: unknown = JSON.parse(json ?? 'null');
  if (value !== null && typeof value !== 'string') {
    fail('payload-wrong-type', `expected a string in ${name}, got ${clip(json ?? '')}`);
  }
  return value;
}

function readObject(
  name: string,
  json: string | undefined,
  expected: readonly string[],
): Record<string, string | undefined> {
  const members = uniqueMembers(name, json);
  const unknown = members.find((member) => !expected.includes(member.name));
  if (unknown)
    fail('payload-unknown-member', `${name} has the unknown member ${quote(unknown.name)}`);
  const found = Object.fromEntries(members.map((member) => [member.name, member.json]));
  const missing = expected.find((member) => found[member] === undefined);
  if (missing !== undefined)
    fail('payload-missing-member', `${name} lacks the member ${quote(missing)}`);
  return found;
}

function uniqueMembers(name: string, json: string | undefined): readonly Member[] {
  const members = membersOf(json ?? 'null');
  if (!members)
    fail('payload-wrong-type', `expected an object in ${name}, got ${clip(json ?? '')}`);
  const seen = new Set<string>();
  for (const member of members) {
    if (seen.has(member.name)) {
      fail('payload-duplicate-key', `${name} has the member ${quote(member.name)} twice`);
    }
    seen.add(member.name);
  }
  return members;
}

function fail(code: Rejection['code'], message: string): never {
  throw new PayloadFault(reject(code, message));
}

function quote(text: string): string {
  return clip(JSON.stringify(text));
}

/** Keeps messages one readable line, whatever the payload holds. */
function clip(json: string): string {
  return json.length <= 80 ? json : `${json.slice(0, 77)}…`;
}

/**
 * A payload as skopeo and podman write it (containers/image signature/simple.go, MarshalJSON). The
 * inverse of {@link parseClaims}.
 */
export function formatPayload(claims: UntrustedClaims): Uint8Array {
  const { dockerReference, manifestDigest, creator, timestamp } = claims;
  const payload = {
    critical: {
      identity: { 'docker-reference': dockerReference },
      image: { 'docker-manifest-digest': manifestDigest },
      type: SIGNATURE_TYPE,
    },
    optional: { ...(creator !== null && { creator }), ...(timestamp !== null && { timestamp }) },
  };
  return Buffer.from(JSON.stringify(payload));
}

/** A longer payload is not usual. Bytes. */
const MAX_USUAL_BYTES = 2048;
/**
 * Strings are of printable ASCII without `"` and `\`, which stands for itself in JSON; a creator is
 * short enough to be kept as it is, and the time is whole seconds that a double holds exactly.
 */
const USUAL =
  /^\{"critical":\{"identity":\{"docker-reference":"([ !#-[\]-~]*)"\},"image":\{"docker-manifest-digest":"([ !#-[\]-~]*)"\},"type":"atomic container signature"\},"optional":\{"creator":"([ !#-[\]-~]{0,256})","timestamp":(0|[1-9][0-9]{0,14})\}\}$/;

/**
 * Reads a payload that is written character for character as skopeo and podman write it; undefined
 * for any other. There is only one way to read such text, so one expression will do, at a fraction of
 * the cost of the strict reader.
 */
export function readUsualPayload(untrustedPayload: Uint8Array): UntrustedClaims | undefined {
  if (untrustedPayload.length > MAX_USUAL_BYTES) return undefined;
  const { buffer, byteOffset, byteLength } = untrustedPayload;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
  const [, reference, manifestDigest, creator, seconds] = USUAL.exec(text) ?? [];
  if (reference === undefined || manifestDigest === undefined || creator === undefined) {
    return undefined;
  }
  // A copy: a slice would keep the whole payload in memory for as long as the store.
  const dockerReference = Buffer.from(reference, 'latin1').toString('latin1');
  return { dockerReference, manifestDigest, creator, timestamp: Number(seconds) };
}
