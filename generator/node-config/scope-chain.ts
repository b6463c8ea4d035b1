/**
 * The scopes that nodes try for the images of a scope, the most specific first, itself among them
 * (containers/image docker/policyconfiguration/naming.go): parents, then wildcards for domains,
 * then '' for what holds for all.
 */
export function scopeChain(scope: string): readonly string[] {
  if (scope === '') return [''];
  const chain = [scope];
  let name = toName(scope);
  chain.push(name);
  for (let slash = name.lastIndexOf('/'); slash >= 0; slash = name.lastIndexOf('/')) {
    name = name.slice(0, slash);
    chain.push(name);
  }
  let domain = name.replace(/:[0-9]+$/, '');
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.')) {
    domain = domain.slice(dot + 1);
    chain.push(`*.${domain}`);
  }
  return [...new Set([...chain, ''])];
}

/** Without tag and digest; the colon of a port stands before the first slash. */
function toName(scope: string): string {
  const [name = ''] = scope.split('@', 1);
  const colon = name.lastIndexOf(':');
  return name.includes('/') && colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

/** The scope of `known` that nodes take for images of a scope, if any. */
export function findAround<Value>(
  known: ReadonlyMap<string, Value>,
  scope: string,
): Value | undefined {
  const name = scopeChain(scope).find((candidate) => known.has(candidate));
  return name === undefined ? undefined : known.get(name);
}
