// What nodes make of a tree of YAML: up to containers/image 5.24 they read it with yaml.v2 by way of
// JSON (ghodss/yaml), from 5.25 on with yaml.v3 (decode.go and resolve.go of each).
import { type Scalar, type YAMLMap, isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { YamlDocument } from './go-yaml.ts';

export type YamlReader = 'yaml.v2' | 'yaml.v3';

/** Text that nodes parse and then refuse; the message names the rule. */
export class YamlValueError extends Error {
  override readonly name = 'YamlValueError';
}

const TAG_PREFIX = 'tag:yaml.org,2002:';
const TRUE = ['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'];
const FALSE = ['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'];
const SWITCH_WORDS = new Set([...TRUE, ...FALSE]);
const BOOL_WORDS = new Set(['true', 'True', 'TRUE', 'false', 'False', 'FALSE']);
const NULL_WORDS = new Set(['', '~', 'null', 'Null', 'NULL']);
const INT = /^[-+]?(?:0[xX][0-9A-Fa-f]+|0[oO]?[0-7]+|0[bB][01]+|[1-9][0-9]*|0)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const TIMESTAMP = /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?$/;

/** How much of what is read may come by way of aliases (yaml.v3 decode.go, allowedAliasRatio). */
const ALIASES_FREE = 100;
const NODES_FREE = 1000;
const LOOSE_RATIO = 0.99;
const LOOSE_NODES = 400_000;

/** Reads values of one document as one kind of client does. */
export class GoValues {
  readonly #targets: YamlDocument['targets'];
  readonly #reader: YamlReader;
  /** Aliases that are being followed. */
  readonly #open = new Set<unknown>();
  #nodes = 0;
  #aliased = 0;

  constructor({ targets }: YamlDocument, reader: YamlReader) {
    this.#targets = targets;
    this.#reader = reader;
  }

  /**
   * The members of a mapping, in their order; nothing is as good as a mapping without members.
   * @throws YamlValueError
   */
  membersOf(node: unknown, where: string): ReadonlyMap<string, unknown> {
    return this.#follow(node, (target) => {
      if (this.isNull(target)) return new Map();
      if (isMap(target)) return this.#collect(target);
      throw new YamlValueError(`${where}: expected a mapping`);
    });
  }

  isNull(node: unknown): boolean {
    return this.#follow(node, (target) => {
      if (target === null || target === undefined) return true;
      return isScalar(target) && this.#kindOf(target) === 'null';
    });
  }

  /** The text of any scalar; undefined for none. */
  readText(node: unknown, where: string): string | undefined {
    return this.#follow(node, (target) => {
      if (this.isNull(target)) return undefined;
      if (!isScalar(target)) throw new YamlValueError(`${where}: expected an address`);
      const text = textOf(target);
      return this.#kindOf(target) === 'binary' ? Buffer.from(text, 'base64').toString() : text;
    });
  }

  /** Refuses what is neither on nor off nor nothing. */
  checkSwitch(node: unknown, where: string): void {
    this.#follow(node, (target) => {
      if (this.isNull(target)) return;
      if (isScalar(target)) {
        const kind = this.#kindOf(target);
        const isWord = kind === 'str' && SWITCH_WORDS.has(textOf(target));
        if (kind === 'bool' || (isWord && this.#reader === 'yaml.v3')) return;
      }
      throw new YamlValueError(`${where}: expected true or false`);
    });
  }

  /** Refuses what a client cannot read though it has no use for it; newer ones do not look. */
  checkUnused(node: unknown): void {
    if (this.#reader === 'yaml.v3') return;
    this.#follow(node, (target) => {
      if (isMap(target))
        for (const value of this.#collect(target).values()) this.checkUnused(value);
      else if (isSeq(target)) for (const item of target.items) this.checkUnused(item);
      else if (isScalar(target) && this.#kindOf(target) === 'float') {
        if (!NOT_FINITE.test(textOf(target))) return;
        throw new YamlValueError(`expected a number, got ${textOf(target)}`);
      }
    });
  }

  #collect(map: YAMLMap): ReadonlyMap<string, unknown> {
    const isOld = this.#reader === 'yaml.v2';
    if (!isOld) this.#checkKeys(map);
    const members = new Map<string, unknown>();
    let merged: unknown;
    for (const { key, value } of map.items) {
      if (!isMergeKey(key)) {
        const name = this.#nameOf(key);
        if (name !== undefined) members.set(name, value);
      } else if (isOld) this.#merge(value, (name, own) => members.set(name, own));
      else merged = value;
    }
    if (merged !== undefined) {
      this.#merge(merged, (name, own) => {
        if (!members.has(name)) members.set(name, own);
      });
    }
    return members;
  }

  /** A key is one by its text, whatever it stands for. */
  #checkKeys({ items }: YAMLMap): void {
    const names = new Set<string>();
    for (const { key } of items) {
      const name = isScalar(key) ? `=${textOf(key)}` : isAlias(key) ? `*${key.source}` : '';
      if (names.has(name)) {
        throw new YamlValueError(
          `expected each key once, got ${JSON.stringify(name.slice(1))} twice`,
        );
      }
      names.add(name);
    }
  }

  #nameOf(key: unknown): string | undefined {
    return this.#follow(key, (target) => {
      if (this.isNull(target)) {
        if (this.#reader === 'yaml.v3') return undefined;
        throw new YamlValueError('expected a key, got none');
      }
      if (!isScalar(target)) throw new YamlValueError('expected a word for a key');
      this.#kindOf(target);
      return textOf(target);
    });
  }

  /** `<<`: the members of another mapping, or of several of which the first counts. */
  #merge(node: unknown, add: (name: string, value: unknown) => void): void {
    const sources = isSeq(node) ? [...node.items] : [node];
    if (this.#reader === 'yaml.v2') sources.reverse();
    for (const source of sources) {
      this.#follow(source, (target) => {
        if (!isMap(target)) throw new YamlValueError('<<: expected a mapping');
        for (const [name, value] of this.#collect(target)) add(name, value);
      });
    }
  }

  /** Goes where an alias leads, and counts. */
  #follow<Result>(node: unknown, read: (target: unknown) => Result): Result {
    this.#nodes += 1;
    if (this.#open.size > 0) this.#aliased += 1;
    if (this.#aliased > ALIASES_FREE && this.#nodes > NODES_FREE) {
      const isTooMuch = this.#nodes > LOOSE_NODES || this.#aliased / this.#nodes > LOOSE_RATIO;
      if (isTooMuch) throw new YamlValueError('expected fewer aliases');
    }
    if (!isAlias(node)) return read(node);
    if (this.#open.has(node)) {
      throw new YamlValueError(`expected the anchor ${JSON.stringify(node.source)} outside itself`);
    }
    this.#open.add(node);
    try {
      return read(this.#targets.get(node));
    } finally {
      this.#open.delete(node);
    }
  }

  /** What a scalar is; an explicit tag must fit its text. */
  #kindOf(scalar: Scalar): string {
    const text = textOf(scalar);
    const tag = tagOf(scalar);
    const found = this.#resolve(text);
    switch (tag) {
      case '':
        return found;
      case '!!null':
      case '!!bool':
      case '!!int':
      case '!!float':
      case '!!timestamp': {
        const kind = tag.slice(2);
        if (kind === found || (kind === 'float' && found === 'int')) return kind;
        throw new YamlValueError(`expected ${tag}, got ${JSON.stringify(text)}`);
      }
      case '!!binary':
        if (isBase64(text)) return 'binary';
        throw new YamlValueError('!!binary: expected base64');
      default:
        return 'str';
    }
  }

  #resolve(text: string): string {
    if (NULL_WORDS.has(text)) return 'null';
    if (BOOL_WORDS.has(text)) return 'bool';
    if (this.#reader === 'yaml.v2' && SWITCH_WORDS.has(text)) return 'bool';
    if (NOT_FINITE.test(text)) return 'float';
    if (TIMESTAMP.test(text)) return 'timestamp';
    const plain = text.replaceAll('_', '');
    if (!/^[-+.0-9]/.test(text)) return 'str';
    return INT.test(plain) ? 'int' : FLOAT.test(plain) ? 'float' : 'str';
  }
}

/** As written: the parser would make values of some tags. */
function textOf({ source, value }: Scalar): string {
  return source ?? String(value);
}

function isBase64(text: string): boolean {
  const packed = text.replaceAll(/[\r\n]/g, '');
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(packed);
}

function isMergeKey(key: unknown): boolean {
  if (!isScalar(key) || key.value !== '<<') return false;
  return tagOf(key) === '' || tagOf(key) === '!!merge';
}

/** A tag in its short form: that of text for what is in quotes, '' for what has to be resolved. */
function tagOf({ tag, type }: Scalar): string {
  if (tag === undefined) return type === undefined || type === 'PLAIN' ? '' : '!!str';
  return tag.startsWith(TAG_PREFIX) ? `!!${tag.slice(TAG_PREFIX.length)}` : tag;
}
