// A file of registries.d as nodes read it: whatever they cannot read fails every pull, and what
// they do not know they pass over without a word (containers/image docker/registries_d.go).
import { isMap, isScalar } from 'yaml';
import { messageOf } from '../../terms/errors.ts';
import type { Clients } from '../registries-d.ts';
import { type YamlReader, GoValues, YamlValueError } from './go-values.ts';
import { type YamlDocument, YamlError, parseGoYaml } from './go-yaml.ts';

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

/** How clients read YAML, the newest last. */
const READERS: Readonly<Record<Clients, readonly YamlReader[]>> = {
  any: ['yaml.v2', 'yaml.v3'],
  '5.22+': ['yaml.v2', 'yaml.v3'],
  '5.40+': ['yaml.v3'],
};
const WHO: Readonly<Record<YamlReader, string>> = {
  'yaml.v2': 'clients before containers/image 5.25',
  'yaml.v3': 'clients from containers/image 5.25 on',
};

/**
 * Reads a file of registries.d, as the newest clients do.
 * @throws RegistriesFileError with the first fault that any of the clients finds.
 */
export function parseRegistriesFile(bytes: Uint8Array, clients: Clients): ParsedRegistries {
  const document = explain(() => parseGoYaml(bytes));
  const readers = READERS[clients];
  const read = readers.map((reader) => attempt(() => readRegistries(document, reader)));
  const faults = read.filter((one) => one instanceof RegistriesFileError);
  const newest = read.at(-1);
  if (newest !== undefined && !(newest instanceof RegistriesFileError) && faults.length === 0) {
    return newest;
  }
  const [fault] = faults;
  if (!fault || faults.length === readers.length) throw fault ?? new RegistriesFileError('');
  const reader = readers[read.indexOf(fault)] ?? 'yaml.v3';
  throw new RegistriesFileError(`${fault.message} (${WHO[reader]})`, { cause: fault });
}

/**
 * Reads a file as one kind of client does.
 * @throws RegistriesFileError with the first fault.
 */
export function readRegistriesFile(bytes: Uint8Array, reader: YamlReader): ParsedRegistries {
  return readRegistries(
    explain(() => parseGoYaml(bytes)),
    reader,
  );
}

function attempt<Result>(read: () => Result): Result | RegistriesFileError {
  try {
    return read();
  } catch (error) {
    if (error instanceof RegistriesFileError) return error;
    throw error;
  }
}

/** Whatever a parser trips over, as a file that is nested too deep, nodes cannot read either. */
function explain<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    const reason = messageOf(cause);
    if (cause instanceof YamlValueError) throw new RegistriesFileError(reason, { cause });
    const text = cause instanceof YamlError ? reason : 'a file that can be parsed';
    throw new RegistriesFileError(`expected YAML: ${text}`, { cause });
  }
}

function readRegistries(document: YamlDocument | undefined, reader: YamlReader): ParsedRegistries {
  return explain(() => {
    const empty = { docker: new Map(), byDefault: undefined, unknown: [] };
    return document ? new RegistriesReader(document, reader).read() : empty;
  });
}

class RegistriesReader {
  readonly #values: GoValues;
  readonly #root: unknown;
  /** Clients that read by way of JSON know a member however its letters are written. */
  readonly #anyCase: boolean;
  readonly #unknown: UnknownMember[] = [];
  readonly #docker = new Map<string, Members>();
  #byDefault: Map<string, string> | undefined;

  constructor(document: YamlDocument, reader: YamlReader) {
    this.#values = new GoValues(document, reader);
    this.#root = document.root;
    this.#anyCase = reader === 'yaml.v2';
  }

  read(): ParsedRegistries {
    for (const [name, value] of this.#membersOf(this.#root, 'the file', TOP)) {
      if (name === DEFAULT) {
        if (this.#values.isNull(value)) this.#byDefault = undefined;
        else
          this.#byDefault = new Map([...(this.#byDefault ?? []), ...this.#readSection('', value)]);
      } else if (name === DOCKER) {
        for (const [scope, section] of this.#values.membersOf(value, DOCKER)) {
          this.#docker.set(scope, this.#readSection(scope, section));
        }
      } else {
        this.#values.checkUnused(value);
        this.#unknown.push({ name, known: TOP, scopes: guessScopes(value) });
      }
    }
    return { docker: this.#docker, byDefault: this.#byDefault, unknown: this.#unknown };
  }

  #readSection(scope: string, value: unknown): Members {
    const where = scope === '' ? DEFAULT : `${DOCKER}: ${scope}`;
    const members = new Map<string, string>();
    for (const [name, member] of this.#membersOf(value, where, SECTION)) {
      if (name === ATTACHMENTS) this.#values.checkSwitch(member, `${where}: ${name}`);
      else if (ADDRESSES.includes(name)) {
        const address = this.#values.readText(member, `${where}: ${name}`);
        // Nothing is as good as an empty text, but does not take the place of a text.
        if (address === '') members.delete(name);
        else if (address !== undefined) members.set(name, address);
      } else {
        this.#values.checkUnused(member);
        this.#unknown.push({ name, known: SECTION, scopes: [scope] });
      }
    }
    return members;
  }

  #membersOf(
    node: unknown,
    where: string,
    known: readonly string[],
  ): readonly (readonly [name: string, value: unknown])[] {
    const members = [...this.#values.membersOf(node, where)];
    if (!this.#anyCase) return members;
    // JSON is written with its members sorted.
    const sorted = members.toSorted(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([name, value]) => {
      const meant = known.find((one) => one === name.toLowerCase());
      return [meant ?? name, value];
    });
  }
}

/** Which scopes a misspelt `docker` or `default-docker` was for. */
function guessScopes(value: unknown): readonly string[] {
  if (!isMap(value)) return [];
  const names = value.items.flatMap(({ key }) => (isScalar(key) ? String(key.value) : []));
  return names.some((name) => SECTION.includes(name)) ? [''] : names;
}
