// A file of registries.d as nodes read it: whatever they cannot read fails every pull, and what
// they do not know they pass over without a word (containers/image docker/registries_d.go).
import { parseAllDocuments, type Document, isScalar, visit } from 'yaml';
import { messageOf } from '../../terms/errors.ts';

/** The members of a section that hold addresses. */
export type Members = ReadonlyMap<string, string>;

/** A member that nodes ignore. */
export interface UnknownMember {
  readonly name: string;
  /** What could have been meant. */
  readonly known: readonly string[];
  /** The scopes that it was written for; '' for `default-docker`. */
  readonly scopes: readonly string[];
}

export interface ParsedRegistries {
  /** Sections by scope. */
  readonly docker: ReadonlyMap<string, Members>;
  readonly byDefault: Members | undefined;
  readonly unknown: readonly UnknownMember[];
}

/** Nodes would refuse the file; the message names the rule. */
export class RegistriesFileError extends Error {
  override readonly name = 'RegistriesFileError';
}

const DEFAULT = 'default-docker';
const DOCKER = 'docker';
const TOP = [DEFAULT, DOCKER];
const ADDRESSES = ['lookaside', 'lookaside-staging', 'sigstore', 'sigstore-staging'];
const ATTACHMENTS = 'use-sigstore-attachments';
const SECTION = [...ADDRESSES, ATTACHMENTS];

/**
 * Reads a file of registries.d.
 * @throws RegistriesFileError with the first fault.
 */
export function parseRegistriesFile(bytes: Uint8Array): ParsedRegistries {
  const unknown: UnknownMember[] = [];
  const docker = new Map<string, Members>();
  let byDefault: Members | undefined;
  for (const [name, value] of toMapping(parseYaml(bytes), 'the file')) {
    if (name === DEFAULT) {
      byDefault = value === null ? undefined : readSection('', value, unknown);
    } else if (name === DOCKER) {
      for (const [scope, section] of toMapping(value, DOCKER)) {
        docker.set(scope, readSection(scope, section, unknown));
      }
    } else {
      unknown.push({ name, known: TOP, scopes: guessScopes(value) });
    }
  }
  return { docker, byDefault, unknown };
}

function parseYaml(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Nodes read the first document, and no further.
    const [document] = parseAllDocuments(text, { merge: true, uniqueKeys: false });
    if (!document) return null;
    const [error] = document.errors;
    if (error) throw error;
    const twice = findRepeatedKey(document);
    if (twice !== undefined) {
      const line = text.slice(0, twice).split('\n').length;
      throw new RegistriesFileError(`each key once, got one twice in line ${line}`);
    }
    return document.toJS({ mapAsMap: true });
  } catch (cause) {
    const [reason = ''] = messageOf(cause).split('\n', 1);
    throw new RegistriesFileError(`expected YAML: ${reason.replace(/:$/, '')}`, { cause });
  }
}

function readSection(scope: string, value: unknown, unknown: UnknownMember[]): Members {
  const where = scope === '' ? DEFAULT : `${DOCKER}: ${scope}`;
  const members = new Map<string, string>();
  for (const [name, member] of toMapping(value, where)) {
    if (name === ATTACHMENTS) {
      if (member !== null && typeof member !== 'boolean') {
        throw new RegistriesFileError(`${where}: ${name}: expected true or false`);
      }
    } else if (!ADDRESSES.includes(name)) {
      unknown.push({ name, known: SECTION, scopes: [scope] });
    } else if (member !== null && member !== '') {
      members.set(name, readAddress(member, `${where}: ${name}`));
    }
  }
  return members;
}

/** Nodes take any scalar for its text. */
function readAddress(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new RegistriesFileError(`${where}: expected an address`);
}

/** Nothing is as good as a mapping without members. */
function toMapping(value: unknown, where: string): readonly (readonly [string, unknown])[] {
  if (value === null || value === undefined) return [];
  if (!(value instanceof Map)) throw new RegistriesFileError(`${where}: expected a mapping`);
  return [...value].map(([name, member]: readonly [unknown, unknown]) => [String(name), member]);
}

/** Which scopes a misspelt `docker` or `default-docker` was for. */
function guessScopes(value: unknown): readonly string[] {
  if (!(value instanceof Map)) return [];
  const names = [...value.keys()].map(String);
  return names.some((name) => SECTION.includes(name)) ? [''] : names;
}

/**
 * Where a mapping of a YAML document has a key for the second time, as an offset into its text;
 * undefined if none does. The parser's own look at it takes hours for a file of some megabytes.
 */
export function findRepeatedKey(document: Document): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Map: (_key, { items }) => {
      const names = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (names.has(key.value)) offset ??= key.range?.[0] ?? 0;
        names.add(key.value);
      }
      return offset === undefined ? undefined : visit.BREAK;
    },
  });
  return offset;
}
