import type { Random } from './random.ts';

/** JSON as it is written: members may come twice, names and values may be anything. */
export type Json = string | Member[];
/** One member of an object. */
export interface Member {
  /** With its quotes. */
  name: string;
  value: Json;
}

/** Its text; `space` goes between all tokens. */
export function formatJson(json: Json, space = ''): string {
  if (typeof json === 'string') return json;
  const members = json.map(({ name, value }) => `${name}:${space}${formatJson(value, space)}`);
  return `{${space}${members.join(`${space},`)}${space}}`;
}

/** All objects of a tree that may be changed, itself first, the last one last. */
export function objectsOf(tree: Member[]): Member[][] {
  return [tree, ...tree.flatMap(({ value }) => (Array.isArray(value) ? objectsOf(value) : []))];
}

/** The members of all objects of a tree; one that is nowhere if there is none. */
export function membersOf(tree: Member[]): Member[] {
  const members = objectsOf(tree).flat();
  return members.length > 0 ? members : [{ name: '"x"', value: 'null' }];
}

/** Writes one character of a JSON string as an escape: the same string, spelt otherwise. */
export function escapeText(random: Random, text: string): string {
  if (!text.startsWith('"') || text.length < 3 || text.includes('\\')) return text;
  const at = 1 + random.below(text.length - 2);
  const code = text.charCodeAt(at).toString(16).padStart(4, '0');
  const escaped = random.chance(0.5) ? code : code.toUpperCase();
  return `${text.slice(0, at)}\\u${escaped}${text.slice(at + 1)}`;
}
