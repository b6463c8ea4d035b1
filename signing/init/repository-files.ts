// What a signature repository has beside signatures. The texts lie in templates/, each as a file of its
// own kind.
import { readFileSync } from 'node:fs';
import { Document, parseDocument } from 'yaml';
import { type Keyring, armorKeys } from '../../generator/openpgp/openpgp-js.ts';
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

/** Where each git host looks for what it runs. */
export const PIPELINES: Readonly<Record<Forge, string>> = {
  github: '.github/workflows/check-signatures.yml',
  gitlab: '.gitlab-ci.yml',
  gitea: '.gitea/workflows/check-signatures.yml',
};

/** The files of a repository for these scopes; without scopes, its configuration is an example. */
export function listRepositoryFiles(
  forge: Forge,
  scopes: readonly InitialScope[],
): readonly RepositoryFile[] {
  return [
    { path: ATTRIBUTES, text: readTemplate('gitattributes') },
    { path: 'README.md', text: readTemplate('readme.md') },
    { path: PIPELINES[forge], text: readTemplate(`${forge}.yml`) },
    { path: `${KEY_DIRECTORY_NAME}/README.md`, text: readTemplate('keys.md') },
    ...listKeys(scopes),
    // Last: what it names is there before it is.
    { path: REPOSITORY_CONFIG, text: formatConfiguration(scopes) },
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

function formatConfiguration(scopes: readonly InitialScope[]): string {
  const template = readTemplate(REPOSITORY_CONFIG);
  if (scopes.length === 0) return template.replaceAll(/^(?!#)(?=.)/gm, '# ');
  const [only, ...others] = scopes;
  const isOne = only !== undefined && others.length === 0;
  const sections = scopes.map(({ name, keyring }): [string, { keys: string | string[] }] => [
    name,
    // One scope takes whatever key is put into the directory; several must tell theirs apart.
    { keys: isOne ? KEY_DIRECTORY_NAME : keyring.keys.map((key) => pathOfKey(key.fingerprint)) },
  ]);
  const { commentBefore } = parseDocument(template);
  const document = new Document({ scopes: Object.fromEntries(sections) });
  document.commentBefore = commentBefore;
  return document.toString();
}

function readTemplate(name: string): string {
  return readFileSync(new URL(`templates/${name}`, import.meta.url), 'utf8');
}
