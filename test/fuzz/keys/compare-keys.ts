// Our imports beside those of the real gpg, many cases in one keyring: they share no key.
import { KeyImport } from '../../../generator/openpgp/import/import-keys.ts';
import { type PartFacts, readKeyFacts } from '../../../generator/openpgp/import/key-facts.ts';
import { importIntoGnupg } from './gpg-keys.ts';
import { type KeyListing, listOurs } from './key-listing.ts';
import type { KeyCase } from './random-key.ts';

/** A case of which we and gpg say different things. */
export interface KeyDisagreement {
  readonly case: KeyCase;
  readonly ours: readonly string[];
  readonly gnupgs: readonly string[];
}

/** Imports all cases, and has gpg judge their messages. */
export async function compareKeyCases(
  cases: readonly KeyCase[],
  now: () => number = () => Math.floor(Date.now() / 1000),
): Promise<readonly KeyDisagreement[]> {
  const gnupg = await importIntoGnupg(cases.flatMap(({ files }) => files));
  try {
    const good = await gnupg.judge(
      cases.flatMap(({ messages }) => messages.map((one) => one.bytes)),
    );
    const theirs = groupByKey(gnupg.listing);
    let at = 0;
    return cases.flatMap((one): readonly KeyDisagreement[] => {
      const verdicts = good.slice(at, (at += one.messages.length));
      const listed = one.keys.flatMap((key) => theirs.get(key.fingerprint) ?? []);
      const gnupgs = [...listed.toSorted(), ...sayVerdicts(one, verdicts)];
      const ours = [
        ...listOurs(toFiles(one), now()).toSorted(),
        ...sayVerdicts(one, predict(one, now())),
      ];
      return gnupgs.join('\n') === ours.join('\n') ? [] : [{ case: one, ours, gnupgs }];
    });
  } finally {
    await gnupg.close();
  }
}

function toFiles({ files }: KeyCase) {
  return files.map((bytes, index) => ({ path: String(index), bytes }));
}

function sayVerdicts({ messages }: KeyCase, verdicts: readonly boolean[]): readonly string[] {
  return messages.map(({ signer }, index) => `${signer.fingerprint} ${verdicts[index] === true}`);
}

/** Whether signatures by the signers of a case count now, by what we read of their keys. */
function predict(one: KeyCase, now: number): readonly boolean[] {
  const imported = new KeyImport();
  for (const file of toFiles(one)) imported.importFile(file);
  const context = { verifier: imported.verifier, findOther: imported.find, now };
  const parts: PartFacts[] = [];
  for (const { parts: key } of imported.keys) {
    const { primary, subkeys } = readKeyFacts(key, context);
    if (key.primary.created <= now) parts.push(primary, ...subkeys);
  }
  return one.messages.map(({ signer, signed }) => {
    // A key may be a subkey of another one too: GnuPG takes the first.
    const part = parts.find(({ key }) => key.fingerprint === signer.fingerprint);
    return (
      part !== undefined && part.isSigner && now * 1000 <= part.until && part.key.created <= signed
    );
  });
}

function groupByKey(listing: KeyListing): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  let group: string[] = [];
  for (const line of listing) {
    const [kind, , fingerprint = ''] = line.split(' ');
    if (kind === 'pub') groups.set(fingerprint, (group = []));
    group.push(line);
  }
  return groups;
}

/** One disagreement in some lines. */
export function formatKeyDisagreement({ case: { what }, ours, gnupgs }: KeyDisagreement): string {
  return [
    what,
    ...gnupgs.filter((line) => !ours.includes(line)).map((line) => `  gpg: ${line}`),
    ...ours.filter((line) => !gnupgs.includes(line)).map((line) => `  we:  ${line}`),
  ].join('\n');
}
