// Why a file may not be published. The set of codes is closed: reports, the docs and other people's
// checks rely on it.
import { toLine, toShellWord } from './text.ts';
import { ALWAYS, type Validity } from './validity.ts';

/** Every rejection code with its cause and its cure, as docs/rejection-codes.md lists them. */
export const REJECTIONS = {
  empty: {
    cause: 'The file has no bytes. Nodes fail every pull of the image.',
    cure: 'Sign the image again, or remove the file.',
  },
  'too-large': {
    cause: 'The file is larger than 4 MiB, the most that nodes read.',
    cure: 'Remove the file; a signature has less than 2 KiB.',
  },
  armored: {
    cause: 'The file is ASCII-armored. Nodes read binary OpenPGP only.',
    cure: 'Convert it in place with `gpg --dearmor < FILE > FILE.new && mv FILE.new FILE`.',
  },
  cleartext: {
    cause: 'The file is a cleartext-signed message, which nodes refuse.',
    cure: 'Sign the image with `lookaside sign`, `skopeo copy --sign-by` or `podman push --sign-by`.',
  },
  html: {
    cause: 'The file is a web page, saved in place of a signature.',
    cure: 'Fetch the signature again, and look at what the server that it came from answers.',
  },
  'bare-json': {
    cause: 'The file is JSON or another document, not a signed message.',
    cure: 'Sign the payload with `lookaside sign` or `skopeo copy --sign-by`.',
  },
  framed: {
    cause:
      'The file of a release area is in a frame (`\\0simple-signing`). Nodes read that, the cluster-version operator and oc-mirror do not.',
    cure: 'Take the frame off: `tail -n +2 FILE > FILE.new && mv FILE.new FILE`.',
  },
  encrypted: {
    cause: 'The message or the whole file is encrypted.',
    cure: 'Sign without encrypting.',
  },
  sigstore: {
    cause:
      'The file is a sigstore signature, or what belongs to one: a payload, a bundle, an attestation. This store serves OpenPGP signatures.',
    cure: 'Keep sigstore signatures beside the image in the registry (`use-sigstore-attachments`).',
  },
  'unknown-format': {
    cause: 'The file does not start like any signature that nodes know.',
    cure: 'Check what wrote the file; git must not change its bytes (`.gitattributes`: `-text`).',
  },
  malformed: {
    cause:
      'The OpenPGP packets do not parse: the file is cut short, changed, or has something behind the message.',
    cure: 'Copy the file again in binary mode, or sign the image again.',
  },
  'not-signed': {
    cause: 'The OpenPGP message holds no signature.',
    cure: 'Sign the image with `lookaside sign`, `skopeo copy --sign-by` or `podman push --sign-by`.',
  },
  detached: {
    cause: 'The file is a detached OpenPGP signature, without the payload that it signs.',
    cure: 'Sign with `lookaside sign`, or with `gpg --sign`, not `gpg --detach-sign`.',
  },
  'multiple-signatures': {
    cause: 'The message holds more than one signature packet. Nodes want exactly one.',
    cure: 'Make one file for each signer: signature-1, signature-2, …',
  },
  'cannot-verify': {
    cause:
      'Nobody can say here whether the signature is good: only gpgv can judge it, and gpgv is missing or gave up; or no key file of its scope can be used.',
    cure: 'Install gpgv (Debian: gpgv, RHEL: gnupg2) where Lookaside runs, or mend the key file that the message names.',
  },
  'unsupported-signature': {
    cause:
      'GnuPG, with which most nodes verify, does not support the algorithm, the version or a critical part of the signature.',
    cure: 'Sign with a current GnuPG and an RSA key of at least 2048 bits.',
  },
  'unknown-signer': {
    cause: 'The key that signed is not in the keyring.',
    cure: 'Add the public key with `--keys` or to its scope, or sign with a known key.',
  },
  'signer-not-accepted': {
    cause: 'The key that signed is known, but not accepted for this image.',
    cure: 'Sign with a key of the scope, or add the key to it.',
  },
  'bad-signature': {
    cause: 'The signature does not match the payload.',
    cure: 'Sign the image again.',
  },
  'signature-expired': {
    cause: 'The signature has an expiry date, and it has passed.',
    cure: 'Sign the image again.',
  },
  'key-expired': {
    cause: 'The key that signed has expired. Nodes then refuse its old signatures too.',
    cure: 'Extend the key and give its new public part with `--keys`, or sign with another key.',
  },
  'key-revoked': {
    cause: 'The key that signed is revoked.',
    cure: 'Sign the image with another key.',
  },
  'payload-not-json': {
    cause: 'The signed payload is not one JSON object.',
    cure: 'Sign the image with skopeo or podman, which write the payload.',
  },
  'payload-duplicate-key': {
    cause: 'A JSON object of the payload has the same member twice.',
    cure: 'Sign the image with skopeo or podman, which write the payload.',
  },
  'payload-missing-member': {
    cause: 'The payload lacks a member that nodes require.',
    cure: 'Sign the image with skopeo or podman, which write the payload.',
  },
  'payload-unknown-member': {
    cause:
      'The payload has a member that nodes do not know, in a place where they allow no unknown ones.',
    cure: 'Put additions under `optional`.',
  },
  'payload-wrong-type': {
    cause: 'A member of the payload does not have the JSON type that nodes expect.',
    cure: 'Sign the image with skopeo or podman, which write the payload.',
  },
  'not-a-container-signature': {
    cause: 'The payload says that it signs something other than a container image.',
    cure: 'Set `critical.type` to `atomic container signature`.',
  },
  'digest-mismatch': {
    cause: 'The signed manifest digest is not the one in the name of the directory.',
    cure: 'Move the file into the directory of the digest that it signs.',
  },
  'invalid-identity': {
    cause: 'The signed docker reference is not a valid image name.',
    cure: 'Sign the image again under its full name.',
  },
  'identity-without-tag': {
    cause: 'The signed docker reference has neither tag nor digest. Nodes refuse it by default.',
    cure: 'Sign the image as `host/repository:tag`.',
  },
  'repository-mismatch': {
    cause: 'The directory does not end with the repository that was signed.',
    cure: 'Move the file to the repository that it signs, or sign under the right name.',
  },
  'host-mismatch': {
    cause: 'The directory names a different registry host from the signature.',
    cure: 'Move the file below the host that it signs, or sign under the right name.',
  },
  'identity-mismatch': {
    cause: 'The `signedIdentity` of the scope does not accept the signed docker reference.',
    cure: 'Sign under the name that the scope asks for.',
  },
  'out-of-scope': {
    cause: 'No scope covers the image, and no keys were given for images outside all scopes.',
    cure: 'Add a scope for the image, or move the file out of the published tree.',
  },
  'policy-rejects': {
    cause: 'The policy rejects every image of the scope, or does not require OpenPGP signatures.',
    cure: 'Change the policy of the scope, or remove the file.',
  },
  'other-store': {
    cause:
      'The scope of the image has a `store` of its own. Nodes ask that store, and would never find the file in this one.',
    cure: 'Remove the file. If it is for a mirror of the image, give the mirror a scope with `remapIdentity`; if nodes should ask this store, take `store` or `vendor` out of the scope.',
  },
  misplaced: {
    cause:
      'The file is named like a signature, but does not lie in a `repo@sha256=HEX` directory, nor in a `sha256=HEX` directory of a release area.',
    cure: 'Move it to `namespace/repo@sha256=HEX/signature-N`.',
  },
  'stray-file': {
    cause: 'The file lies in a digest directory, but no node ever asks for that name.',
    cure: 'Name it `signature-N`, with the next free number, or move it elsewhere.',
  },
  'invalid-number': {
    cause: 'The number is not one that nodes ask for: they count 1, 2, 3, …',
    cure: 'Number signatures from 1, without leading zeros.',
  },
  'colon-directory': {
    cause: 'The directory is written with `:`, as in an image name. Nodes ask with `=`.',
    cure: 'Rename the directory to `repo@sha256=HEX`.',
  },
  'upper-case-digest': {
    cause: 'The digest is written in upper case. Nodes ask in lower case.',
    cure: 'Rename the directory so that its digest is in lower case.',
  },
  'invalid-digest': {
    cause: 'The digest of the directory is not 64 hexadecimal digits.',
    cure: 'Rename the directory to the full digest of the manifest.',
  },
  'unsupported-algorithm': {
    cause: 'The directory names a digest algorithm other than sha256. Nodes ask for sha256 only.',
    cure: 'Name the directory after the sha256 digest of the manifest.',
  },
  'invalid-directory': {
    cause: 'The path before `@` is empty, or has a component that nodes can never ask for.',
    cure: 'Rename the directory.',
  },
  'too-many-signatures': {
    cause:
      'The directory has more than 127 signatures: nodes fail at the 128th. Or a release has more than 9, the most that clusters ask for.',
    cure: 'Remove old signatures.',
  },
  'path-too-deep': {
    cause: 'The path has more components than `--max-path-depth` allows.',
    cure: 'Move the file to `namespace/repo@sha256=HEX/signature-N`, or raise `--max-path-depth`.',
  },
  'path-too-long': {
    cause: 'The path has more bytes than `--max-path-length` allows.',
    cure: 'Move the file to `namespace/repo@sha256=HEX/signature-N`, or raise `--max-path-length`.',
  },
  symlink: {
    cause: 'The entry is a symbolic link. Links are never followed.',
    cure: 'Commit the file itself.',
  },
  submodule: {
    cause: 'The entry is a submodule. Submodules are never fetched.',
    cure: 'Commit the files themselves.',
  },
  'special-file': {
    cause: 'The entry is neither a regular file nor a directory.',
    cure: 'Remove it.',
  },
  'name-not-utf8': {
    cause: 'The path is not valid UTF-8.',
    cure: 'Rename the file.',
  },
  unreadable: {
    cause: 'The file cannot be read.',
    cure: 'Make it readable for the user that runs Lookaside.',
  },
} as const satisfies Record<string, { cause: string; cure: string }>;

export type RejectionCode = keyof typeof REJECTIONS;

/** A fault of one file. `message` is one sentence: "expected X, got Y". */
export interface Rejection {
  readonly code: RejectionCode;
  readonly message: string;
  /** The cure; FILE in it stands for the path of the file. */
  readonly hint: string;
  /** Whether serving the file would fail every pull of its image, whatever the node's policy. */
  readonly breaksPulls: boolean;
  /** The name that was signed, by a known key, where no scope takes signatures under it. */
  readonly signedAs?: string;
  /** How long it holds; absent if for ever. */
  readonly validity?: Validity;
}

/** Builds a rejection; the hint is the code's cure unless a better one is known. */
export function reject(
  code: RejectionCode,
  message: string,
  {
    hint = REJECTIONS[code].cure,
    breaksPulls = false,
  }: { hint?: string; breaksPulls?: boolean } = {},
): Rejection {
  return { code, message: toSharedLine(message), hint: toSharedLine(hint), breaksPulls };
}

/** A cure with the name of its file in it, so that its commands can be pasted. */
export function nameFileIn(hint: string, path: string): string {
  return hint.includes('FILE') ? hint.replaceAll(/\bFILE\b/g, () => toFileWord(path)) : hint;
}

/**
 * Such a cure with the file by another path, for whoever stands elsewhere. Commands of git work in the
 * repository that they are run in, so they are run in `directory`, from which the old path leads to the file.
 */
export function moveFileIn(hint: string, from: string, to: string, directory: string): string {
  const parts = splitCommands(hint, from).map((part, at) => {
    const isInRepository = at % 2 === 1 && IN_REPOSITORY.test(part);
    const named = part.replaceAll(NAME, () => toFileWord(isInRepository ? from : to));
    return isInRepository ? `(cd ${toFileWord(directory)} && ${named})` : named;
  });
  return parts.join('`');
}

/** In place of the name of a file, which may have any character but this one. */
const NAME = '\0';

/** What stands between back quotes, every second part, is a command. */
function splitCommands(hint: string, path: string): readonly string[] {
  return hint.replaceAll(toFileWord(path), NAME).split('`');
}

/** `git …`, and what writes files of a repository. */
const IN_REPOSITORY = /^git[ -]|>> \.gitattributes/;

/** Whether a cure has a command in it that needs the path of a file, or to be run in a repository. */
export function hasPlaceIn(hint: string, path: string): boolean {
  const commands = splitCommands(hint, path).filter((_, at) => at % 2 === 1);
  return commands.some((part) => IN_REPOSITORY.test(part) || part.includes(NAME));
}

/** The file as one word of a shell, which no command takes for an option. */
function toFileWord(path: string): string {
  return toShellWord(path.startsWith('-') ? `./${path}` : path);
}

/** Texts that many files have in common, kept once: a push may have millions of files. */
const MOST_SHARED = 1000;
const shared = new Map<string, string>();

function toSharedLine(text: string): string {
  const known = shared.get(text);
  if (known !== undefined) return known;
  const line = toLine(text);
  if (shared.size >= MOST_SHARED) shared.clear();
  // A long text was made for one file.
  if (text.length <= MAX_SHARED_LENGTH) shared.set(text, line);
  return line;
}

/** In UTF-16 code units. */
const MAX_SHARED_LENGTH = 200;

/** The rejection, limited to a span of time. */
export function during(validity: Validity, rejection: Rejection): Rejection {
  if (validity.from === ALWAYS.from && validity.until === ALWAYS.until) return rejection;
  return { ...rejection, validity };
}

/** How long a rejection holds. */
export function validityOf({ validity = ALWAYS }: Rejection): Validity {
  return validity;
}

/** Whether there is no verdict on the file: it may be good. */
export function isUndecided({ code }: Pick<Rejection, 'code'>): boolean {
  return code === 'cannot-verify';
}

export function isRejection(value: object): value is Rejection {
  return 'code' in value && 'breaksPulls' in value;
}
