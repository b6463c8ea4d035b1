// registries.d: which store nodes ask for which images. Two files of the directory may not have
// the same key, and nothing tells of a misspelt one (containers/image docker/registries_d.go).
import { join } from 'node:path/posix';
import { Document } from 'yaml';
import type { Scope } from '../policy/policy.ts';
import type { NodeFile } from './node-file.ts';
import { type StoreUrl, formatFileUrl, formatStoreUrl } from './store-url.ts';

/**
 * Which clients a node may have: any; containers/image 5.22 and later only, which know `lookaside`
 * and `keyPaths`; or 5.40 and later only, which read several directories together.
 */
export type Clients = 'any' | '5.22+' | '5.40+';

export interface RegistriesOptions {
  /** Of this store; undefined where every scope has another. */
  readonly url: StoreUrl | undefined;
  readonly clients: Clients;
  /** For machines that sign: the directory that they write to, and read from; absolute. */
  readonly staging: string | undefined;
  /** For one user's home directory instead of the system. */
  readonly isRootless: boolean;
}

/** The members of one section. */
export type Section = Readonly<Record<string, string>>;

/**
 * The file of distributions that has their `default-docker`. A second file with that key would be
 * an error at every pull, so what holds for all images has to replace this one.
 */
export const DEFAULT_FILE = 'default.yaml';
/** What distributions have in it: where signatures go that are made on the machine itself. */
const DEFAULT_STAGING = '/var/lib/containers/sigstore';

/**
 * Files of distributions that have one scope, by that scope (containers/common contrib/redhat). What we say of
 * the scope replaces the file, or the scope would be in two.
 */
const DISTRIBUTED_FILES: ReadonlyMap<string, string> = new Map([
  ['registry.access.redhat.com', 'registry.access.redhat.com.yaml'],
  ['registry.redhat.io', 'registry.redhat.io.yaml'],
]);

const LINE_WIDTH = { lineWidth: 0 };

/** What a node's registries.d says of a scope. */
export function toSection(scope: Scope, options: RegistriesOptions): Section {
  const { staging, clients } = options;
  const written = scope.store === undefined && staging ? stagingOf(scope, staging) : undefined;
  return formatSection(storeOf(scope, options), written, clients);
}

/**
 * The address that a machine reads the signatures of a scope from. One that signs reads where it
 * writes. `skopeo copy` writes the signatures of an image anew from signature-1 on, those that it has
 * read and then its own, and removes what lies behind (containers/image docker/docker_image_dest.go,
 * putSignaturesToLookaside): what it does not read is lost. Another store than this one is only read.
 */
export function storeOf(
  scope: Scope,
  { url, staging }: Pick<RegistriesOptions, 'url' | 'staging'>,
): string {
  if (scope.store !== undefined) return scope.store;
  if (staging !== undefined) return stagingOf(scope, staging);
  if (!url) throw new Error(`no address of a store for the scope ${JSON.stringify(scope.name)}`);
  return formatStoreUrl(url, scope.prefix ?? '');
}

function stagingOf({ prefix = '' }: Scope, staging: string): string {
  return formatFileUrl(join(staging, prefix));
}

function formatSection(store: string, written: string | undefined, clients: Clients): Section {
  const section = {
    lookaside: store,
    ...(written !== undefined && { 'lookaside-staging': written }),
  };
  if (clients !== 'any') return section;
  return {
    ...section,
    sigstore: store,
    ...(written !== undefined && { 'sigstore-staging': written }),
  };
}

/** A file of registries.d, whose name does not depend on where the store is. */
export interface RegistriesFile {
  /** Relative to registries.d. */
  readonly path: string;
  readonly format: (options: RegistriesOptions) => Uint8Array;
}

/** The files that scopes need. */
export function listRegistries(name: string, scopes: readonly Scope[]): readonly RegistriesFile[] {
  const named = scopes.filter((scope) => scope.name !== '');
  const outside = scopes.find((scope) => scope.name === '');
  const own = named.filter((scope) => !DISTRIBUTED_FILES.has(scope.name));
  const files: RegistriesFile[] = [];
  if (own.length > 0) {
    files.push({
      path: `${name}.yaml`,
      format: (options) => toYaml({ docker: toSections(own, options) }, OWN_FILE),
    });
  }
  for (const scope of named) {
    const path = DISTRIBUTED_FILES.get(scope.name);
    if (path === undefined) continue;
    files.push({
      path,
      format: (options) => toYaml({ docker: toSections([scope], options) }, DISTRIBUTED_NOTE),
    });
  }
  if (outside) {
    files.push({
      path: DEFAULT_FILE,
      format: (options) => toYaml(toDefault(outside, options), DEFAULT_NOTE),
    });
  }
  return files;
}

/** The files of registries.d, relative to it. */
export function formatRegistries(
  name: string,
  scopes: readonly Scope[],
  options: RegistriesOptions,
): readonly NodeFile[] {
  return listRegistries(name, scopes).map(({ path, format }) => ({ path, bytes: format(options) }));
}

/** What registries.d says of one scope, and in which of its files. */
export function formatScopeSection(
  name: string,
  scope: Scope,
  options: RegistriesOptions,
): { readonly file: string; readonly text: string } {
  const isOutside = scope.name === '';
  const content = isOutside ? toDefault(scope, options) : { docker: toSections([scope], options) };
  return {
    file: isOutside ? DEFAULT_FILE : (DISTRIBUTED_FILES.get(scope.name) ?? `${name}.yaml`),
    text: new Document(content).toString(LINE_WIDTH),
  };
}

function toSections(scopes: readonly Scope[], options: RegistriesOptions): Record<string, Section> {
  return Object.fromEntries(scopes.map((scope) => [scope.name, toSection(scope, options)]));
}

function toDefault(scope: Scope, options: RegistriesOptions): Record<string, Section> {
  const { staging = options.isRootless ? undefined : DEFAULT_STAGING, clients } = options;
  const written = staging && stagingOf(scope, staging);
  return { 'default-docker': formatSection(storeOf(scope, options), written, clients) };
}

const OWN_FILE = ` Written by lookaside node-config: where signatures of images are.
 A scope may be in one file of this directory only; a second one fails every pull.`;
const DISTRIBUTED_NOTE = ` Written by lookaside node-config, in place of the distribution's file of this name:
 a scope may be in one file of this directory only; a second one fails every pull.`;
const DEFAULT_NOTE = ` Written by lookaside node-config, in place of the distribution's file of this name:
 default-docker may be in one file of this directory only; a second one fails every pull.`;

function toYaml(content: unknown, note: string): Uint8Array {
  const document = new Document(content);
  document.commentBefore = note;
  return Buffer.from(document.toString(LINE_WIDTH));
}
