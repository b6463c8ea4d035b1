// What to say of a file that was given as keys and holds none that a node could import.
import { TAG, inflatePacket, readPackets, readTag } from '../packets/packets.ts';
import { unarmorAsGnupg } from '../import/armor.ts';
import { type FileKind, recognizeFile } from './known-files.ts';

/** What was given instead of keys. */
export interface ForeignKeyFile {
  /** Behind "got". */
  readonly got: string;
  /** Without a full stop; FILE in it stands for the path of the file. */
  readonly hint: string;
  readonly isPrivate: boolean;
}

const EXPORT = 'export public keys with `gpg --export --armor KEY > KEY.asc`';
const OPENPGP_ONLY = `nodes verify by OpenPGP keys: ${EXPORT}`;
const SIGNER = `give the public key of the signer: ${EXPORT}`;
const DOCUMENT = `name a file of OpenPGP keys: ${EXPORT}`;
const AS_IT_IS = 'commit the key file as it is, without a filter in .gitattributes';
const PRIVATE =
  'export public keys with `gpg --export --armor KEY > KEY.asc`; if others could read the private one, sign with another key';
const PRIVATE_KINDS: ReadonlySet<FileKind> = new Set([
  'cosign-private-key',
  'ssh-private-key',
  'pem-private-key',
  'age-private-key',
  'minisign-private-key',
  'json-private-key',
  'der-private-key',
]);
/** Keys of OpenPGP, whose own reader says what is wrong with them. */
const KEY_KINDS: ReadonlySet<FileKind> = new Set([
  'openpgp-public-key',
  'openpgp-private-key',
  'binary-public-key',
  'binary-private-key',
]);

/** Cures of files that are not just {@link OPENPGP_ONLY another kind of key}. */
const CURES: Readonly<Partial<Record<FileKind, string>>> = {
  'utf-16': 'PowerShell writes text for `>`: `gpg --armor --output KEY.asc --export KEY`',
  'git-lfs': `${AS_IT_IS}, or fetch it first with \`git lfs pull\``,
  'git-crypt': `${AS_IT_IS}, or decrypt it first with \`git-crypt unlock\``,
  'git-annex': `${AS_IT_IS}, or fetch it first with \`git annex get FILE\``,
  conflict: `key files cannot be merged line by line: ${EXPORT}`,
  'openpgp-revocation':
    'import it, and give the key that it revokes: `gpg --import FILE && gpg --export --armor KEY > KEY.asc`',
  cleartext: SIGNER,
  'armored-detached': SIGNER,
  'ssh-signature': OPENPGP_ONLY,
  age: 'decrypt it first: `age -d -i IDENTITY FILE > KEY.asc`',
  sops: 'decrypt it first: `sops -d FILE > KEY.asc`',
  'ansible-vault': 'decrypt it first: `ansible-vault view FILE > KEY.asc`',
  html: `fetch the key itself, not the page of a key server that shows it, or ${EXPORT}`,
  xml: DOCUMENT,
  'xml-error': 'fetch the file again, and look at what the server that it came from answers',
  'json-error': 'fetch the file again, and look at what the server that it came from answers',
  json: DOCUMENT,
  policy: 'give a policy with `--policy`, and with `--keys` files of OpenPGP keys',
  gzip: 'unpack it: `gzip -dc < FILE > FILE.new && mv FILE.new FILE`',
  archive: 'unpack it, and name the key files in it',
  compressed: 'unpack it first',
  keybox:
    'export the keys in it: `gpg --no-default-keyring --keyring "$(realpath FILE)" --export --armor > keys.asc`',
  'base64-key': 'decode it: `base64 -d < FILE > FILE.new && mv FILE.new FILE`',
  'base64-signature': SIGNER,
  'link-text': DOCUMENT,
  'utf-8-mark': 'an editor put it there: `tail -c +4 FILE > FILE.new && mv FILE.new FILE`',
  'lost-bytes': `the file was read as text, and its bytes are lost: ${EXPORT}`,
};

/**
 * Says of a file that is given as keys what it is instead; undefined where nobody knows, and for keys
 * in OpenPGP.
 */
export function describeForeignKeyFile(bytes: Uint8Array): ForeignKeyFile | undefined {
  if (bytes.length === 0)
    return publicly('an empty file', `gpg writes nothing where it has no such key: ${EXPORT}`);
  if (isBlank(bytes)) return publicly('nothing but white space', EXPORT);
  const known = recognizeFile(bytes);
  if (!known) return holdsPackedKeys(bytes) ? PACKED : describeMessage(bytes);
  const { kind, name } = known;
  if (KEY_KINDS.has(kind)) return undefined;
  if (kind === 'armored') return describeArmor(bytes) ?? publicly(name, SIGNER);
  const isPrivate = PRIVATE_KINDS.has(kind);
  return { got: name, hint: isPrivate ? PRIVATE : (CURES[kind] ?? OPENPGP_ONLY), isPrivate };
}

function publicly(got: string, hint: string): ForeignKeyFile {
  return { got, hint, isPrivate: false };
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

const PACKED = publicly(
  'keys in a compressed packet',
  `newer GnuPG and Sequoia refuse them there: ${EXPORT}`,
);
/** Far more than a key has. Bytes. */
const MOST_INFLATED = 1024 * 1024;

/** Keys below a line that is not theirs: nodes look for that of public keys alone. */
function describeArmor(bytes: Uint8Array): ForeignKeyFile | undefined {
  const text = Buffer.from(bytes).toString('latin1');
  const [, label = ''] = BEGIN.exec(text) ?? [];
  const relabelled = text.replaceAll(label, 'PUBLIC KEY BLOCK');
  const inner = unarmorAsGnupg(Buffer.from(relabelled, 'latin1')).bytes;
  if (holdsPackedKeys(inner)) return PACKED;
  return readTag(inner[0] ?? 0) === TAG.publicKey
    ? publicly(`keys in armor of another kind, that of PGP ${label}`, EXPORT)
    : undefined;
}

const BEGIN = /-----BEGIN PGP ([A-Z]+(?: [A-Z]+)*)-----/;

function holdsPackedKeys(bytes: Uint8Array): boolean {
  const [first] = readPackets(bytes, 1);
  const inner =
    first?.tag === TAG.compressed ? inflatePacket(first.body, MOST_INFLATED) : undefined;
  return inner !== undefined && readTag(inner[0] ?? 0) === TAG.publicKey;
}

function describeMessage(bytes: Uint8Array): ForeignKeyFile | undefined {
  return isMessage(bytes) ? publicly('a signature', SIGNER) : undefined;
}

/** As signatures begin: one-pass, signature or compressed. */
function isMessage([first = 0]: Uint8Array): boolean {
  return MESSAGE_TAGS.has(first < 0x80 ? 0 : readTag(first));
}

const MESSAGE_TAGS: ReadonlySet<number> = new Set([
  TAG.onePassSignature,
  TAG.signature,
  TAG.compressed,
]);
