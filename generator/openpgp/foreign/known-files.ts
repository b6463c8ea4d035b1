// Files of other programs, known by how they begin: people put them where signatures or keys should be.
// This finds words for a fault; it decides nothing.
import { TAG, readTag } from '../packets/packets.ts';

/** What a file is, as a message names it behind "got". */
export interface KnownFile {
  readonly kind: FileKind;
  readonly name: string;
}

/** So much of a file is looked at. Bytes. */
const LOOKED_AT = 16 * 1024;

/** The start of a file. */
interface Sample {
  readonly bytes: Uint8Array;
  /** Without white space or byte order mark before it; a character a byte. */
  readonly text: string;
}

type Test = RegExp | ((sample: Sample) => boolean);

const MARK = '\u00ef\u00bb\u00bf';
/** How the text of a JSON object or array begins. */
const JSON_START = /^[{[]/;

const isJson =
  (...members: readonly RegExp[]): Test =>
  ({ text }) =>
    JSON_START.test(text) && members.every((member) => member.test(text));

const startsWith =
  (start: string, at = 0): Test =>
  ({ bytes }) =>
    latin1(bytes.subarray(at, at + start.length)) === start;

const hasTag =
  (...tags: readonly number[]): Test =>
  ({ bytes: [first = 0] }) =>
    first >= FIRST_HEADER && tags.includes(readTag(first));

const FIRST_HEADER = 0x80;
const SECRET_KEY = 5;
const SECRET_SUBKEY = 7;

/** DER of a sequence, and what it begins with: the header of an inner one is left out. */
const der =
  (content: string): Test =>
  ({ bytes }) => {
    const [first, length = 0] = bytes;
    if (first !== 0x30) return false;
    const octets = length === 0x81 ? 1 : length === 0x82 ? 2 : length < 0x80 ? 0 : undefined;
    return octets !== undefined && latin1(bytes.subarray(2 + octets)).startsWith(content);
  };

const anyDer =
  (...contents: readonly string[]): Test =>
  (sample) =>
    contents.some((content) => passes(der(content), sample));

const OID_SIGNED_DATA = '\u0006\u0009\u002a\u0086\u0048\u0086\u00f7\u000d\u0001\u0007\u0002';

/** The first that fits is taken: what is more special stands before what is more common. */
const KNOWN = {
  'utf-16': ['text in UTF-16', (s) => startsAny(s, '\u00ff\u00fe', '\u00fe\u00ff')],
  'git-lfs': [
    'a Git LFS pointer',
    /^(?:version https?:\/\/(?:git-lfs|hawser|git-media)\.[a-z.]+\/|# external\n)/,
  ],
  'git-crypt': ['a file that git-crypt has encrypted', startsWith('\0GITCRYPT\0')],
  'git-annex': ['a git-annex link', /^(?:\S{0,1000}\.git)?\/annex\/objects\//],
  conflict: [
    'a file with merge conflict markers',
    ({ text }) => /^[<=]{7}(?: |\r?$)/m.test(text) && /^>{7}(?: |\r?$)/m.test(text),
  ],
  'openpgp-private-key': ['a PRIVATE OpenPGP key', /-----BEGIN PGP PRIVATE KEY BLOCK/],
  'openpgp-revocation': [
    'a revocation certificate',
    ({ text }) => hasLabel(text, 'PGP PUBLIC KEY BLOCK') && isRevocation(text),
  ],
  'openpgp-public-key': ['a public key', /-----BEGIN PGP PUBLIC KEY BLOCK-----/],
  cleartext: ['a cleartext-signed one', /-----BEGIN PGP SIGNED MESSAGE-----/],
  'armored-detached': ['a detached signature in ASCII armor', /-----BEGIN PGP SIGNATURE-----/],
  armored: ['ASCII armor', /-----BEGIN PGP /],
  'cosign-private-key': [
    "cosign's PRIVATE key",
    /-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY/,
  ],
  'ssh-private-key': ['a PRIVATE ssh key', /-----BEGIN OPENSSH PRIVATE KEY/],
  'pem-private-key': ['a PRIVATE key in PEM', /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/],
  'ssh-signature': ['an ssh signature', /-----BEGIN SSH SIGNATURE-----|^SSHSIG/],
  'ssh-key': [
    'an ssh key',
    /^(?:[^\n]{0,1000} )?(?:ssh-(?:ed25519|rsa|dss)|ecdsa-sha2-nistp[0-9]+|sk-[a-z0-9-]+@openssh\.com)(?:-cert-v01@openssh\.com)? AAAA|^---- BEGIN SSH2 PUBLIC KEY ----/,
  ],
  pkcs7: ['a PKCS#7 or CMS signature', (s) => isPkcs7(s)],
  certificate: [
    'an X.509 certificate',
    (s) => /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE/.test(s.text) || isCertificate(s),
  ],
  'pem-public-key': [
    'a public key in PEM, as cosign and openssl write it',
    /-----BEGIN (?:RSA |EC )?PUBLIC KEY-----/,
  ],
  'age-private-key': ['a PRIVATE age key', /^(?:#[^\n]*\n)*AGE-SECRET-KEY-/],
  'age-key': ['an age key', /^age1[a-z0-9]{20,}/],
  age: [
    'a file that age has encrypted',
    /^age-encryption\.org\/v[0-9]|-----BEGIN AGE ENCRYPTED FILE-----/,
  ],
  sops: [
    'a file that sops has encrypted',
    (s) => /^sops:\s/m.test(s.text) || passes(isJson(/"sops"\s*:\s*\{/), s),
  ],
  'ansible-vault': ['a file that Ansible Vault has encrypted', /^\$ANSIBLE_VAULT;/],
  'minisign-private-key': [
    'a PRIVATE minisign or signify key',
    /^untrusted comment: .*(?:secret key|private key)/,
  ],
  'minisign-key': [
    'a minisign or signify key',
    /^untrusted comment: .*public key|^RW[A-Za-z0-9+/]{54}\s*$/,
  ],
  minisign: ['a minisign or signify signature', /^untrusted comment: /],
  'sigstore-bundle': [
    'a sigstore bundle',
    isJson(/"mediaType"\s*:\s*"application\/vnd\.dev\.sigstore\.bundle|"rekorBundle"\s*:/),
  ],
  'cosign-payload': ['a cosign payload', isJson(/"cosign container image signature"/)],
  dsse: ['a DSSE envelope', isJson(/"payloadType"\s*:/, /"signatures"\s*:/)],
  'in-toto': ['an in-toto attestation', isJson(/"_type"\s*:\s*"https:\/\/in-toto\.io\//)],
  spdx: [
    'an SBOM in SPDX',
    (s) =>
      /^SPDXVersion:/m.test(s.text) || passes(isJson(/"spdxVersion"\s*:|spdx\.org\/rdf\/3/), s),
  ],
  cyclonedx: [
    'an SBOM in CycloneDX',
    (s) => /<bom[^>]{0,400}cyclonedx/.test(s.text) || passes(isJson(/"CycloneDX"/), s),
  ],
  jws: [
    "a JWS, as Notation's signatures are",
    (s) =>
      /^eyJ[\w-]+\.[\w-]*\.[\w-]+\s*$/.test(s.text) ||
      passes(isJson(/"payload"\s*:/, /"protected"\s*:/, /"signature"\s*:/), s),
  ],
  'json-private-key': ['a PRIVATE key in JSON', isJson(/"kty"\s*:/, /"(?:d|k)"\s*:\s*"/)],
  payload: ['the payload of a signature, unsigned', isJson(/"atomic container signature"/)],
  manifest: [
    'the manifest of an image',
    isJson(/"schemaVersion"\s*:/, /"(?:layers|manifests|fsLayers|config)"\s*:/),
  ],
  policy: ['a policy.json', isJson(/"default"\s*:\s*\[/)],
  'json-error': ['the error message of a server in JSON', isJson(/"errors?"\s*:/)],
  json: ['JSON', JSON_START],
  'xml-error': ['the error message of a server in XML', /^<\?xml[^>]*>\s*<Error>/],
  xml: ['XML', /^<\?xml(?![^]*<(?:!DOCTYPE )?html)/i],
  html: ['a web page', /^</],
  gzip: ['a gzip file', startsWith('\u001f\u008b')],
  archive: ['an archive', (s) => isArchive(s)],
  compressed: [
    'a compressed file',
    (s) => startsAny(s, '\u00fd7zXZ\0', 'BZh', '\u0028\u00b5\u002f\u00fd'),
  ],
  keybox: ['a keybox of GnuPG', (s) => passes(startsWith('KBXf', 8), s) || isKeyDatabase(s)],
  'trust-database': ['the trust database of GnuPG', startsWith('\u0001gpg')],
  'ecdsa-signature': [
    'a bare ECDSA signature, as cosign makes it',
    anyDer('\u0002\u0020', '\u0002\u0021', '\u0002\u001f'),
  ],
  'der-private-key': ['a PRIVATE key in DER', anyDer('\u0002\u0001\0', '\u0002\u0001\u0001')],
  'der-public-key': ['a public key in DER', (s) => isDerPublicKey(s)],
  'binary-private-key': ['a PRIVATE OpenPGP key', hasTag(SECRET_KEY, SECRET_SUBKEY)],
  'binary-public-key': ['a public key', hasTag(TAG.publicKey, TAG.publicSubkey)],
  'base64-signature': ['an OpenPGP message in base64', (s) => holdsBase64(s, isOpenpgpStart)],
  'base64-key': ['an OpenPGP key in base64', (s) => holdsBase64(s, hasTag(TAG.publicKey))],
  'cosign-signature': [
    'a cosign signature in base64',
    (s) => holdsBase64(s, anyDer('\u0002\u0020', '\u0002\u0021', '\u0002\u001f')),
  ],
  'link-text': ['the target of a symbolic link', /^(?:[^\s<>{}]*\/)?signature-[0-9]+$/],
  'utf-8-mark': ['a byte order mark before the rest', startsWith(MARK)],
  'lost-bytes': [
    'bytes that a program took for UTF-8 text and replaced',
    (s) => s.text.split('\u00ef\u00bf\u00bd').length > 3,
  ],
} as const satisfies Record<string, readonly [name: string, test: Test]>;

/** Each kind of file that is known. */
export type FileKind = keyof typeof KNOWN;

const TESTS: readonly (readonly [FileKind, string, Test])[] = Object.entries(KNOWN).map(
  ([kind, [name, test]]) => [kind as FileKind, name, test],
);

/** What a file is by its start; undefined where it is nothing that is known. */
export function recognizeFile(file: Uint8Array): KnownFile | undefined {
  const bytes = file.subarray(0, LOOKED_AT);
  const whole = latin1(bytes);
  const text = (whole.startsWith(MARK) ? whole.slice(MARK.length) : whole).trimStart();
  const sample: Sample = { bytes, text };
  for (const [kind, name, test] of TESTS) if (passes(test, sample)) return { kind, name };
  return undefined;
}

function passes(test: Test, sample: Sample): boolean {
  return test instanceof RegExp ? test.test(sample.text) : test(sample);
}

function startsAny(sample: Sample, ...starts: readonly string[]): boolean {
  return starts.some((start) => passes(startsWith(start), sample));
}

function hasLabel(text: string, label: string): boolean {
  return text.includes(`-----BEGIN ${label}-----`);
}

/** Armor whose first packet is a signature: 0x20 is that of a revocation. */
function isRevocation(text: string): boolean {
  const body =
    /-----BEGIN PGP PUBLIC KEY BLOCK-----[^]{0,1000}?\r?\n[ \t]*\r?\n([A-Za-z0-9+/]{8})/.exec(text);
  const [first = 0] = Buffer.from(body?.[1] ?? '', 'base64');
  return first >= FIRST_HEADER && readTag(first) === TAG.signature;
}

function isPkcs7(sample: Sample): boolean {
  if (/-----BEGIN (?:PKCS7|CMS|PKCS #7 SIGNED DATA)-----/.test(sample.text)) return true;
  const isIndefinite = startsAny(sample, `\u0030\u0080${OID_SIGNED_DATA}`);
  return isIndefinite || passes(der(OID_SIGNED_DATA), sample);
}

/** A sequence of a sequence that begins with the version of a certificate. */
function isCertificate({ bytes }: Sample): boolean {
  return /^3082....3082....a0030201/.test(hex(bytes.subarray(0, 12)));
}

/** A sequence of an object identifier and a bit string: RSA's, elliptic curves' and Ed25519's. */
function isDerPublicKey({ bytes }: Sample): boolean {
  return /^30(?:[0-7].|81..|82....)30(?:0[5-9a-f]|1[0-3])06/.test(hex(bytes.subarray(0, 8)));
}

function isArchive(sample: Sample): boolean {
  return (
    passes(startsWith('ustar', 257), sample) ||
    startsAny(sample, 'PK\u0003\u0004', '7z\u00bc\u00af')
  );
}

/** As keyboxd keeps keys. */
function isKeyDatabase(sample: Sample): boolean {
  return startsAny(sample, 'SQLite format 3\0');
}

/** Fewer letters may be a word. */
const BASE64 = /^[A-Za-z0-9+/\r\n]{64,}={0,2}$/;

function holdsBase64({ text }: Sample, test: Test): boolean {
  if (!BASE64.test(text.trimEnd())) return false;
  const bytes = Buffer.from(text, 'base64');
  return passes(test, { bytes, text: latin1(bytes).trimStart() });
}

function isOpenpgpStart(sample: Sample): boolean {
  const isMessage = passes(hasTag(TAG.signature, TAG.onePassSignature, TAG.compressed), sample);
  return isMessage || sample.text.startsWith('-----BEGIN PGP MESSAGE');
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
