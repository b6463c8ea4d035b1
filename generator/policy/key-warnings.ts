// What of the keys of a policy nodes do not take, or other clients do not, in sentences with cures.
import { KEY_NOTES, describeNote } from '../openpgp/import/key-notes.ts';
import type { Keyring } from '../openpgp/keyring.ts';
import type { Policy } from './policy.ts';

/** A sentence for each, once; of release areas, what clusters do not take. */
export function listKeyWarnings({
  scopes,
  releases,
}: Pick<Policy, 'scopes' | 'releases'>): readonly string[] {
  const keyrings = [...scopes.values()].flatMap(({ signedBy }) =>
    signedBy.map(({ keyring }) => keyring),
  );
  const ofReleases = releases.flatMap((area) => area.keyrings.flatMap(({ warnings }) => warnings));
  return [
    ...new Set([
      ...keyrings.flatMap((keyring) => describeKeyNotes(keyring)),
      ...ofReleases.map(({ message }) => message),
    ]),
  ];
}

/** The notes of a keyring, each with its cure. */
export function describeKeyNotes({ notes }: Pick<Keyring, 'notes'>): readonly string[] {
  return notes.map((note) => `${describeNote(note)}; ${KEY_NOTES[note.code].cure}`);
}
