// What a signature repository has beside signatures. The texts lie in templates/, each as a file of its
// own kind.
import { readFileSync } from 'node:fs';
import { Document, parseDocument } from 'yaml';
import type { Keyring } from '../../generator/openpgp/keyring.ts';
import { armorKeys } from '../../generator/openpgp/openpgp-js.ts';
import { REPOSITORY_CONFIG } from '../target/repository-address.ts';
import type { Forge } from '../target/forge.ts';

/** Keys that may sign a part of all images. */
export interface InitialScope {
  /** As containers-policy.json writes it; '' for all that no other scope covers. */
  readonly name: string;
  readonly keyring: Keyring;
}

/** A file of the new repository. */
export interface RepositoryFile {
  /** Relative to the repository, `/` between components. */
  readonly path: string;
  readonly text: string;
  /** The key in it; undefined for files of other kinds. */
  readonly fingerprint?: string;
}

export const KEY_DIRECTORY_NAME = 'keys';
export const ATTRIBUTES = '.gitattributes';
/** At the root GitHub, GitLab and Gitea all look for it. */
export const CODEOWNERS = 'CODEOWNERS';

/** Where each git host looks for what it runs. */
export const PIPELINES: Readonly<Record<Forge, string>> = {
  github: '.github/workflows/check-signatures.yml',
  gitlab: '.gitlab-ci.yml',
  gitea: '.gitea/workflows/check-signatures.yml',
};

/** Gitea has regular expressions where others have patterns, and passes over what is none. */
const OWNERS: Readonly<Record<Forge, string>> = {
  github: 'codeowners',
  gitlab: 'codeowners',
  gitea: 'codeowners-gitea',
};

export interface RepositoryOptions {
  readonly forge: Forge;
  /** Without scopes, the configuration is an example. */
  readonly scopes: readonly InitialScope[];
  /** Whether images are promoted to it: then every key of a scope has to sign, and people approve. */
  readonly isStage: boolean;
}

/** The files of a repository. `known` has the files of keys that are there, by fingerprint. */
export function listRepositoryFiles(
  { forge, scopes, isStage }: RepositoryOptions,
  known: ReadonlyMap<string, string>,
): readonly RepositoryFile[] {
  const sections = scopes.map(({ name, keyring: { keys } }): ScopeSection => {
    const paths = keys.map(({ fingerprint }) => known.get(fingerprint) ?? pathOfKey(fingerprint));
    return [name, { keys: paths, ...(isStage && { require: 'all' as const }) }];
  });
  return [
    { path: ATTRIBUTES, text: readTemplate('gitattributes') },
    { path: 'README.md', text: formatReadme(sections) },
    { path: PIPELINES[forge], text: readTemplate(`${forge}.yml`) },
    ...(isStage ? [{ path: CODEOWNERS, text: readTemplate(OWNERS[forge]) }] : []),
    { path: `${KEY_DIRECTORY_NAME}/README.md`, text: readTemplate('keys.md') },
    ...listKeys(scopes),
    // Last: what it names is there before it is.
    { path: REPOSITORY_CONFIG, text: formatConfiguration(sections, isStage) },
  ];
}

/** A file for each key, named by its fingerprint: a file of several is hard to review. */
function listKeys(scopes: readonly InitialScope[]): readonly RepositoryFile[] {
  const files = scopes.flatMap(({ keyring: { keys, blocks } }) =>
    keys.map(({ fingerprint }, index): RepositoryFile => ({
      path: pathOfKey(fingerprint),
      text: armorKeys(blocks[index] ?? new Uint8Array()),
      fingerprint,
    })),
  );
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

function pathOfKey(fingerprint: string): string {
  return `${KEY_DIRECTORY_NAME}/${fingerprint}.asc`;
}

/** A scope of the configuration, which names each key by its file: another file widens no scope. */
type ScopeSection = readonly [
  name: string,
  section: { readonly keys: readonly string[]; readonly require?: 'all' },
];

function formatConfiguration(sections: readonly ScopeSection[], isStage: boolean): string {
  const template = readTemplate(REPOSITORY_CONFIG);
  if (sections.length === 0) {
    const example = isStage ? `${template}    require: all\n` : template;
    return example.replaceAll(/^(?!#)(?=.)/gm, '# ');
  }
  const { commentBefore } = parseDocument(template);
  const document = new Document({ scopes: Object.fromEntries(sections) });
  document.commentBefore = commentBefore;
  return document.toString();
}

/** How a key is added, told by the example of the first scope. */
function formatReadme([first]: readonly ScopeSection[]): string {
  const template = readTemplate('readme.md');
  if (!first) return template;
  const [name, section] = first;
  const { keys } = section;
  const example = new Document({ scopes: { [name]: { ...section, keys: [...keys, NEW_KEY] } } });
  return template.replace(/^scopes:\n(?: .*\n)+/m, () => example.toString());
}

/** The file of a key that comes in addition, in the README. */
const NEW_KEY = `${KEY_DIRECTORY_NAME}/new.asc`;

function readTemplate(name: string): string {
  return readFileSync(new URL(`templates/${name}`, import.meta.url), 'utf8');
}
