import type { Scope } from '../../policy/policy.ts';

/**
 * An extended regular expression (grep -E) for the lines of registries.d that begin a section of
 * one of the scopes; '' for no scopes.
 */
export function matchSections(scopes: readonly Pick<Scope, 'name'>[]): string {
  if (scopes.length === 0) return '';
  const keys = scopes.map(({ name }) => (name === '' ? 'default-docker' : escape(name)));
  // A colon without a blank behind it is part of a name, as that of a port.
  return `^ *["']?(${keys.join('|')})["']? *:([[:space:]]|$)`;
}

function escape(text: string): string {
  return text.replaceAll(/[.[\]*^$()+?{}|\\]/g, String.raw`\$&`);
}
