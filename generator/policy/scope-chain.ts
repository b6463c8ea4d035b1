// Which scopes nodes try for an image (containers/image docker/policyconfiguration/naming.go):
// parents, then wildcards for domains, then '' for what holds for all.

/** Names of the scopes that apply if there is none of the given name, the most specific first. */
export function* scopesAround(scope: string): Generator<string> {
  if (scope === '') return;
  let name = toName(scope);
  if (name !== scope) yield name;
  for (let slash = name.lastIndexOf('/'); slash >= 0; slash = name.lastIndexOf('/')) {
    name = name.slice(0, slash);
    yield name;
  }
  // Wildcards are for domains, whatever the port.
  let domain = name.replace(/^\*\./, '').replace(/:[0-9]+$/, '');
  for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.')) {
    domain = domain.slice(dot + 1);
    yield `*.${domain}`;
  }
  yield '';
}

/** The scopes that nodes try for the images of a scope, the most specific first: itself, then those around it. */
export function scopeChain(scope: string): readonly string[] {
  return [scope, ...scopesAround(scope)];
}

/** A scope without tag and digest; the colon of a port stands before the first slash. */
export function toName(scope: string): string {
  const [name = ''] = scope.split('@', 1);
  const colon = name.lastIndexOf(':');
  return name.includes('/') && colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

/** The scope among `known` that nodes use for the images of a scope, if any. */
export function findAround<Value>(
  known: ReadonlyMap<string, Value>,
  scope: string,
): Value | undefined {
  const name = scopeChain(scope).find((candidate) => known.has(candidate));
  return name === undefined ? undefined : known.get(name);
}
