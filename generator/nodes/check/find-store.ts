// Which address nodes take for the images of a scope: the most specific section that has one, not
// the most specific section (containers/image docker/registries_d.go, signatureTopLevel).
import type { Members } from '../registries/registries-file.ts';
import { scopeChain } from '../../policy/scope-chain.ts';

/** A section and the file that has it. */
export interface PlacedSection {
  readonly path: string;
  readonly members: Members;
}

/** Sections by scope; '' for `default-docker`. */
export type Sections = ReadonlyMap<string, PlacedSection>;

/** An address that nodes take. */
export interface FoundStore {
  readonly untrustedText: string;
  readonly member: string;
  /** The scope of the section that has it. */
  readonly scope: string;
  readonly path: string;
}

/** The members of a section that clients read, the first that is there. */
export const READ_MEMBERS = {
  current: ['lookaside', 'sigstore'],
  /** Before containers/image 5.22. */
  old: ['sigstore'],
} as const;

/** The members for where signatures are written to. */
export const WRITE_MEMBERS = {
  current: ['lookaside-staging', 'sigstore-staging', 'lookaside', 'sigstore'],
  old: ['sigstore-staging', 'sigstore'],
} as const;

/** The address for images of a scope; undefined if nodes use a directory of their own. */
export function findStore(
  sections: Sections,
  scope: string,
  members: readonly string[],
): FoundStore | undefined {
  for (const name of scopeChain(scope)) {
    const section = sections.get(name);
    const store = section && storeIn(section, name, members);
    if (store) return store;
  }
  return undefined;
}

/** The address that a section has by itself. */
export function storeIn(
  { path, members: given }: PlacedSection,
  scope: string,
  members: readonly string[],
): FoundStore | undefined {
  for (const member of members) {
    const untrustedText = given.get(member);
    if (untrustedText !== undefined) return { untrustedText, member, scope, path };
  }
  return undefined;
}
