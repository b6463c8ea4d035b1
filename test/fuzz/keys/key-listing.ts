// Keys as lists to be compared: what GnuPG has after an import, and what we say that it has.
import { KeyImport, type FileToImport } from '../../../generator/openpgp/import/import-keys.ts';
import { type PartTerms, readTermsAt } from '../../../generator/openpgp/import/key-terms.ts';

/** A line a key or subkey: kind, validity as gpg shows it, fingerprint, expiry, whether it may sign. */
export type KeyListing = readonly string[];

/** What we say of an import of files into one keyring, as of a time (seconds since 1970). */
export function listOurs(files: readonly FileToImport[], now: number): KeyListing {
  const imported = new KeyImport();
  for (const file of files) imported.importFile(file);
  const { verifier, find } = imported;
  const lines: string[] = [];
  for (const { parts } of imported.keys) {
    if (parts.primary.created > now) continue;
    const terms = readTermsAt(parts, { verifier, findOther: find, now });
    const main = letterOf(terms.primary, now);
    lines.push(formatLine('pub', terms.primary, main));
    for (const one of terms.subkeys) {
      const isInherited = main === 'i' || main === 'r' || (main === 'e' && !one.isRevoked);
      lines.push(formatLine('sub', one, isInherited && one.isValid ? main : letterOf(one, now)));
    }
  }
  return lines;
}

function letterOf({ isValid, isRevoked, expires }: PartTerms, now: number): string {
  if (!isValid) return 'i';
  if (isRevoked) return 'r';
  return expires !== 0 && now > expires ? 'e' : '-';
}

function formatLine(kind: string, { key, expires, maySign }: PartTerms, letter: string): string {
  const sign = maySign ? ' signs' : '';
  return `${kind} ${letter} ${key.fingerprint} ${expires === 0 ? '' : expires}${sign}`;
}

/** What `gpg --with-colons --list-keys` printed. */
export function parseListing(text: string): KeyListing {
  const lines: string[] = [];
  let open: readonly string[] | undefined;
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    const [kind] = fields;
    if (kind === 'pub' || kind === 'sub') open = fields;
    if (kind !== 'fpr' || !open) continue;
    const [what = '', validity = '', , , , , expires = '', , , , , usage = ''] = open;
    const letter = 'ire'.includes(validity) && validity !== '' ? validity : '-';
    const sign = usage.includes('s') ? ' signs' : '';
    lines.push(`${what} ${letter} ${fields[9]} ${expires}${sign}`);
    open = undefined;
  }
  return lines;
}
