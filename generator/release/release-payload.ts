// The signed payload as the cluster-version operator reads it (openshift/library-go, pkg/verify, verify.go): by
// Go's encoding/json with DisallowUnknownFields. Looser than nodes in some ways (names in any case, a member twice,
// anything behind the object), stricter in others: no unknown member, not even in `optional`.
import { type Rejection, reject } from '../terms/rejection.ts';
import { isJson, membersOf } from '../terms/strict-json.ts';
import type { UntrustedClaims } from '../terms/untrusted-claims.ts';

const SIGNATURE_TYPE = 'atomic container signature';
const MAX_INT64 = 2n ** 63n;
const INTEGER = /^-?(?:0|[1-9][0-9]*)$/;

/** What members of an object may be, by their names. */
type Shape = { readonly [name: string]: Shape | 'string' | 'int64' };

const SHAPE = {
  critical: {
    type: 'string',
    image: { 'docker-manifest-digest': 'string' },
    identity: { 'docker-reference': 'string' },
  },
  optional: { creator: 'string', timestamp: 'int64' },
} as const satisfies Shape;

const MIRRORED_SHAPE: Shape = { critical: SHAPE.critical, optional: { creator: 'string' } };

/** Values by their paths: `critical.type`. */
type Values = Map<string, string>;

/**
 * Reads a payload that signs a release image of this digest (`sha256:HEX`). Nothing else must hold: the identity
 * may be any text but none.
 */
export function parseReleaseClaims(
  untrustedPayload: Uint8Array,
  digest: string,
): UntrustedClaims | Rejection {
  const json = firstObject(new TextDecoder('utf-8', { ignoreBOM: true }).decode(untrustedPayload));
  if (json === undefined)
    return reject('payload-not-json', 'expected a JSON object as the payload');
  const values: Values = new Map();
  const fault = readMembers(json, SHAPE, '', values);
  if (fault) return fault;
  const type = values.get('critical.type') ?? '';
  if (type !== SIGNATURE_TYPE) {
    const message = `expected type "${SIGNATURE_TYPE}", got ${quote(type)}`;
    return reject('not-a-container-signature', message);
  }
  const dockerReference = values.get('critical.identity.docker-reference') ?? '';
  if (dockerReference === '') {
    const message = 'expected an image name in critical.identity.docker-reference, got none';
    return reject('payload-missing-member', message);
  }
  const manifestDigest = values.get('critical.image.docker-manifest-digest') ?? '';
  if (manifestDigest !== digest) {
    const got = manifestDigest === '' ? 'none' : quote(manifestDigest);
    return reject('digest-mismatch', `expected the digest ${digest}, got ${got}`);
  }
  const timestamp = values.get('optional.timestamp');
  return {
    dockerReference,
    manifestDigest,
    creator: values.get('optional.creator') ?? null,
    timestamp: timestamp === undefined ? null : Number(timestamp),
  };
}

/** The identity as oc-mirror reads it, which takes additional members, but nothing behind the object. */
export function parseIdentity(untrustedPayload: Uint8Array): { identity: string } | Rejection {
  const json = new TextDecoder('utf-8', { ignoreBOM: true }).decode(untrustedPayload);
  if (!isJson(json)) return reject('payload-not-json', 'expected a JSON object as the payload');
  const values: Values = new Map();
  const fault = readMembers(json.trim(), MIRRORED_SHAPE, '', values, false);
  return fault ?? { identity: values.get('critical.identity.docker-reference') ?? '' };
}

/** The object that the text starts with; what is behind it is not read. */
function firstObject(text: string): string | undefined {
  const start = text.search(/[^ \t\r\n]/);
  if (text[start] !== '{') return undefined;
  const token = /"(?:[^"\\]|\\.)*"|[{}]/gs;
  token.lastIndex = start;
  let depth = 0;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    if (match[0] === '{') depth++;
    else if (match[0] === '}' && --depth === 0) {
      const json = text.slice(start, token.lastIndex);
      return isJson(json) ? json : undefined;
    }
  }
  return undefined;
}

/** A null leaves what was there; of two equal members the last one counts. */
function readMembers(
  json: string,
  shape: Shape,
  path: string,
  into: Values,
  isStrict = true,
): Rejection | undefined {
  if (json === 'null') return undefined;
  const members = membersOf(json);
  if (!members) return wrongType(path, 'an object', json);
  const names = Object.keys(shape);
  for (const member of members) {
    const name =
      names.find((known) => known === member.name) ??
      names.find((known) => known === foldCase(member.name));
    const expected = name === undefined ? undefined : shape[name];
    if (name === undefined || expected === undefined) {
      if (!isStrict) continue;
      return unknownMember(path === '' ? 'the payload' : path, member.name);
    }
    const at = path === '' ? name : `${path}.${name}`;
    const fault =
      typeof expected === 'string'
        ? readValue(member.json, expected, at, into)
        : readMembers(member.json, expected, at, into, isStrict);
    if (fault) return fault;
  }
  return undefined;
}

function readValue(
  json: string,
  expected: 'string' | 'int64',
  path: string,
  into: Values,
): Rejection | undefined {
  if (json === 'null') return undefined;
  if (expected === 'string') {
    if (!json.startsWith('"')) return wrongType(path, 'a string', json);
    into.set(path, String(JSON.parse(json)));
    return undefined;
  }
  if (!isInt64(json)) return wrongType(path, 'whole seconds, written with digits only,', json);
  into.set(path, json);
  return undefined;
}

function isInt64(json: string): boolean {
  if (!INTEGER.test(json) || json.length > MAX_INT64_DIGITS) return false;
  const value = BigInt(json);
  return value >= -MAX_INT64 && value < MAX_INT64;
}

/** With a sign. */
const MAX_INT64_DIGITS = 20;

/** As Go compares names: the Kelvin sign is a k, the long s an s. */
function foldCase(name: string): string {
  return name
    .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replaceAll('\u212a', 'k')
    .replaceAll('\u017f', 's');
}

function unknownMember(place: string, name: string): Rejection {
  const message = `${place} has the unknown member ${quote(name)}`;
  const hint =
    'Sign without additions, also under `optional`: the cluster-version operator takes none, although nodes do.';
  return reject('payload-unknown-member', message, { hint });
}

function wrongType(path: string, expected: string, json: string): Rejection {
  return reject('payload-wrong-type', `expected ${expected} in ${path}, got ${clip(json)}`);
}

function quote(text: string): string {
  return clip(JSON.stringify(text));
}

function clip(json: string): string {
  return json.length <= 80 ? json : `${json.slice(0, 77)}…`;
}
