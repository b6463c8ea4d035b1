/**
 * A JSON schema for validators that read patterns as Go does, which has no lookahead. Helm's is one.
 */

const LOOKS_AROUND = /\(\?<?[!=]/;

/** The same schema with `^(?!A)(?!B)C` written as: not `^(?:A)`, not `^(?:B)`, and `^C`. */
export function toGoPatterns(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(toGoPatterns);
  if (typeof schema !== 'object' || schema === null) return schema;
  const members = Object.entries(schema).map(([name, value]): [string, unknown] => [
    name,
    toGoPatterns(value),
  ]);
  const { pattern, ...rest } = Object.fromEntries(members);
  if (typeof pattern !== 'string' || !LOOKS_AROUND.test(pattern))
    return Object.fromEntries(members);
  const { refused, rest: kept } = splitLookaheads(pattern);
  const patterns: readonly object[] = [
    ...refused.map((inner) => ({ not: { pattern: `^(?:${inner})` } })),
    ...(kept === '' ? [] : [{ pattern: `^${kept}` }]),
  ];
  const { allOf, ...others } = rest;
  return { ...others, allOf: [...(Array.isArray(allOf) ? allOf : []), ...patterns] };
}

function splitLookaheads(pattern: string): {
  readonly refused: readonly string[];
  readonly rest: string;
} {
  const refused: string[] = [];
  let rest = pattern.replace(/^\^/, '');
  while (rest.startsWith('(?!')) {
    const end = findEnd(rest);
    refused.push(rest.slice('(?!'.length, end));
    rest = rest.slice(end + 1);
  }
  if (!pattern.startsWith('^') || LOOKS_AROUND.test(`${refused.join('')}${rest}`)) {
    throw new Error(`a lookahead is not at the start of ${pattern}`);
  }
  return { refused, rest };
}

/** Where the group ends that the text begins with. */
function findEnd(text: string): number {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/\\.|\[(?:\\.|[^\]])*\]|[()]/gs)) {
    if (token === '(') depth++;
    if (token === ')' && --depth === 0) return index;
  }
  throw new Error(`a group does not end: ${text}`);
}
