import * as fc from 'fast-check';

/** JSON that remembers every member of its objects, so that it can be written with duplicates. */
export type JsonTree =
  | { readonly kind: 'scalar'; readonly value: string | number | boolean | null }
  | { readonly kind: 'array'; readonly items: readonly JsonTree[] }
  | JsonObject;
export interface JsonObject {
  readonly kind: 'object';
  readonly members: readonly (readonly [string, JsonTree])[];
}

export function scalar(value: string | number | boolean | null): JsonTree {
  return { kind: 'scalar', value };
}

export function object(...members: readonly (readonly [string, JsonTree])[]): JsonObject {
  return { kind: 'object', members };
}

const names = fc.oneof(
  fc.constantFrom('a', 'b', '', '__proto__', 'constructor', 'critical', '"', '\\', '}', ','),
  fc.string({ unit: 'binary' }),
);
const scalars = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
  )
  .map((value) => (Object.is(value, -0) ? 0 : value));

/** Any tree; names come twice often enough. */
export const { tree: anyTree, object: anyObject } = fc.letrec<{
  tree: JsonTree;
  object: JsonObject;
}>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.option(scalars).map(scalar),
    fc.array(tie('tree'), { maxLength: 3 }).map((items) => ({ kind: 'array' as const, items })),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(names, tie('tree')), { maxLength: 4 })
    .map((members) => ({ kind: 'object' as const, members })),
}));

/** White space to put between tokens, used in turn. */
export const anySpaces = fc.array(fc.constantFrom('', '', ' ', '\n', '\t ', '\r\n'), {
  minLength: 1,
});

/** Writes a tree with white space between all tokens; every other name in `\u` escapes. */
export function writeJson(tree: JsonTree, spaces: readonly string[]): string {
  let turn = 0;
  const space = () => spaces[turn++ % spaces.length] ?? '';
  const list = (open: string, items: readonly string[], close: string) =>
    `${open}${space()}${items.map((item) => `${item}${space()}`).join(`,${space()}`)}${close}`;
  const write = (node: JsonTree): string => {
    if (node.kind === 'scalar') return JSON.stringify(node.value);
    if (node.kind === 'array') return list('[', node.items.map(write), ']');
    const members = node.members.map(([name, value], index) => {
      const written = index % 2 === 0 ? JSON.stringify(name) : escapeAll(name);
      return `${written}${space()}:${space()}${write(value)}`;
    });
    return list('{', members, '}');
  };
  return `${space()}${write(tree)}${space()}`;
}

function escapeAll(text: string): string {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
}
