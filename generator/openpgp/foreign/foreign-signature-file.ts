// What to say of a file that stands where a signature should be, and is something else.
import { REJECTIONS, type Rejection, type RejectionCode, reject } from '../../terms/rejection.ts';
import { type FileKind, recognizeFile } from './known-files.ts';

/** How a file that has a program's bytes is put right where it lies: nothing is lost if that fails. */
function inPlace(command: string): string {
  return `\`${command} < FILE > FILE.new && mv FILE.new FILE\``;
}

/** From then on git has the files themselves. */
const WITHOUT_FILTER =
  "`echo 'signature-* binary !filter' >> .gitattributes && git add .gitattributes && git add --renormalize . && git commit -m 'signatures: as they are'`";
const SIGN = 'Sign the image with `lookaside sign` or `skopeo copy --sign-by`';
const ELSEWHERE = `This is no signature of an image: move it out. ${SIGN}.`;
const REVOKE =
  'Revoke this key or replace it now, and sign with another: whoever could read this repository has it, and git keeps it in its history after the file is removed.';
const FETCH = 'Fetch the signature again, and look at what the server that it came from answers.';
const ENCRYPTED =
  'Signatures are public, and nodes cannot decrypt: commit the file as it was before.';
const PUBLIC_KEY =
  'A public key is no signature: give it to Lookaside with `--keys` and to the nodes, and move it out of the directory. ' +
  `${SIGN}.`;

type Words = readonly [code: RejectionCode, hint?: string];

/** Without a hint, that of the code. */
const WORDS: Readonly<Record<FileKind, Words>> = {
  'utf-16': [
    'unknown-format',
    'PowerShell writes text for `>`: let the program write the file itself (`gpg --output FILE`).',
  ],
  'git-lfs': [
    'unknown-format',
    `Take signatures out of Git LFS: \`git lfs pull\`, then ${WITHOUT_FILTER}.`,
  ],
  'git-crypt': [
    'encrypted',
    `Take signatures out of git-crypt: \`git-crypt unlock\`, then ${WITHOUT_FILTER}.`,
  ],
  'git-annex': [
    'unknown-format',
    'Take signatures out of git-annex: `git annex get FILE && git annex unannex FILE && git -c annex.largefiles=nothing add FILE`.',
  ],
  conflict: [
    'unknown-format',
    'Signatures cannot be merged: take that of one side with `git show COMMIT:./FILE > FILE`, and give that of the other the next free number.',
  ],
  'openpgp-private-key': ['unknown-format', REVOKE],
  'openpgp-revocation': [
    'unknown-format',
    'Import it, and give the key to Lookaside and to the nodes again: `gpg --import FILE && gpg --export --armor KEY > KEY.asc`.',
  ],
  'openpgp-public-key': ['unknown-format', PUBLIC_KEY],
  cleartext: ['cleartext'],
  'armored-detached': ['armored', REJECTIONS.detached.cure],
  armored: ['armored'],
  'cosign-private-key': ['unknown-format', REVOKE],
  'ssh-private-key': ['unknown-format', REVOKE],
  'pem-private-key': ['unknown-format', REVOKE],
  'ssh-signature': ['unknown-format', `Nodes know no ssh signatures. ${SIGN}.`],
  'ssh-key': ['unknown-format', ELSEWHERE],
  pkcs7: ['unknown-format', `Nodes know no such signatures. ${SIGN}.`],
  certificate: ['unknown-format', ELSEWHERE],
  'pem-public-key': ['unknown-format', ELSEWHERE],
  'age-private-key': ['unknown-format', REVOKE],
  'age-key': ['unknown-format', ELSEWHERE],
  age: ['encrypted', ENCRYPTED],
  sops: ['encrypted', ENCRYPTED],
  'ansible-vault': ['encrypted', ENCRYPTED],
  'minisign-private-key': ['unknown-format', REVOKE],
  'minisign-key': ['unknown-format', ELSEWHERE],
  minisign: ['unknown-format', `Nodes know no such signatures. ${SIGN}.`],
  'sigstore-bundle': ['sigstore'],
  'cosign-payload': ['sigstore'],
  dsse: ['sigstore'],
  'in-toto': ['sigstore'],
  'cosign-signature': ['sigstore'],
  'ecdsa-signature': ['sigstore'],
  spdx: ['bare-json', ELSEWHERE],
  cyclonedx: ['bare-json', ELSEWHERE],
  jws: ['bare-json', `Nodes know no such signatures. ${SIGN}.`],
  'json-private-key': ['bare-json', REVOKE],
  payload: ['bare-json'],
  manifest: ['bare-json', ELSEWHERE],
  policy: ['bare-json', ELSEWHERE],
  'json-error': ['bare-json', FETCH],
  json: ['bare-json', ELSEWHERE],
  'xml-error': ['html', FETCH],
  xml: ['unknown-format', ELSEWHERE],
  html: ['html'],
  gzip: ['unknown-format', `Unpack it: ${inPlace('gzip -dc')}.`],
  archive: ['unknown-format', 'Unpack it, and commit each signature as a file of its own.'],
  compressed: ['unknown-format', 'Unpack it, and commit each signature as a file of its own.'],
  keybox: ['unknown-format', ELSEWHERE],
  'trust-database': ['unknown-format', ELSEWHERE],
  'der-private-key': ['unknown-format', REVOKE],
  'der-public-key': ['unknown-format', ELSEWHERE],
  'binary-private-key': ['unknown-format', REVOKE],
  'binary-public-key': ['unknown-format', PUBLIC_KEY],
  'base64-signature': ['unknown-format', `Decode it: ${inPlace('base64 -d')}.`],
  'base64-key': ['unknown-format', PUBLIC_KEY],
  'link-text': [
    'unknown-format',
    'git without symbolic links wrote it (`core.symlinks`): commit the file that it names in its place.',
  ],
  'utf-8-mark': ['unknown-format', `An editor put it there: ${inPlace('tail -c +4')}.`],
  'lost-bytes': [
    'unknown-format',
    'The signature is lost: copy the file again in binary mode, or sign the image again.',
  ],
};

/**
 * Says of bytes that do not begin like an OpenPGP message what they are; undefined where nobody knows.
 * `isChoked` as `breaksPulls`: whether nodes fail at them.
 */
export function explainForeignSignature(
  bytes: Uint8Array,
  isChoked: boolean,
): Rejection | undefined {
  const known = recognizeFile(bytes);
  if (!known) return undefined;
  const [code, hint] = WORDS[known.kind];
  const message = `expected ${wantedInstead(known.kind)}, got ${known.name}`;
  return reject(code, message, { breaksPulls: isChoked, ...(hint !== undefined && { hint }) });
}

/** As {@link explainForeignSignature}, of a symbolic link by where it leads. */
export function explainLink(target: Uint8Array): Rejection | undefined {
  const known = recognizeFile(target);
  if (known?.kind !== 'git-annex') return undefined;
  const [, hint = REJECTIONS.symlink.cure] = WORDS[known.kind];
  return reject('symlink', `expected a regular file, got ${known.name}`, { hint });
}

function wantedInstead(kind: FileKind): string {
  return TEXTS.has(kind) ? 'a binary OpenPGP message' : 'an OpenPGP message';
}

const TEXTS: ReadonlySet<FileKind> = new Set(['armored', 'armored-detached', 'cleartext']);
