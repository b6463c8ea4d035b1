/** An operation of a JSON patch (RFC 6902). */
export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace';
  readonly path: string;
  readonly value?: unknown;
}

/** What makes one object of another. Lists of different lengths are replaced as a whole. */
export function diffObjects(from: unknown, to: unknown, path = ''): readonly PatchOperation[] {
  if (Array.isArray(from) && Array.isArray(to) && from.length === to.length) {
    return from.flatMap((item, index) => diffObjects(item, to[index], `${path}/${index}`));
  }
  if (isMapping(from) && isMapping(to)) {
    const names = new Set([...Object.keys(from), ...Object.keys(to)]);
    return [...names].flatMap((name): readonly PatchOperation[] => {
      const at = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (!(name in to)) return [{ op: 'remove', path: at }];
      if (!(name in from)) return [{ op: 'add', path: at, value: to[name] }];
      return diffObjects(from[name], to[name], at);
    });
  }
  if (from === to) return [];
  return [{ op: 'replace', path, value: to }];
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
