/** Separators, and NUL, that only an attack encodes. */
const FORBIDDEN_ESCAPES = /%(?:2f|5c|00)/i;
const ABSOLUTE_FORM = /^https?:\/\/[^/?]*/i;

/**
 * The path of a request target as the store knows it: decoded once, `//` counted as `/`,
 * without the leading slash and the query. Undefined where no location can be meant. Nodes
 * send `//` when their base URL ends in a slash, and keep its query (containers/image
 * docker/registries_d.go).
 */
export function parseRequestPath(target: string): string | undefined {
  let path = toOriginForm(target);
  if (path === undefined) return undefined;
  const query = path.indexOf('?');
  if (query >= 0) path = path.slice(0, query);
  if (path.includes('//')) path = path.replaceAll(/\/{2,}/g, '/');
  return path.includes('%') ? decode(path.slice(1)) : path.slice(1);
}

/**
 * A request target without scheme and host (RFC 9112, 3.2.1). Undefined where there is no path,
 * or a fragment: Express takes `//a@b/#` for a host and the path `/`, and answers HTML of its
 * own where it finds no path.
 */
export function toOriginForm(target: string): string | undefined {
  const path = target.startsWith('/') ? target : target.replace(ABSOLUTE_FORM, '');
  return path.startsWith('/') && !path.includes('#') ? path : undefined;
}

function decode(path: string): string | undefined {
  if (FORBIDDEN_ESCAPES.test(path)) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
