// The text that `oc get … -o json` or `-o yaml` printed, one after the other or all in one, as objects.
import { z } from 'zod';
import { messageOf } from '../../terms/errors.ts';
import { formatBytes, toLine } from '../../terms/text.ts';
import { parseYaml } from '../../terms/parse-yaml.ts';

/** YAML takes much longer to read than JSON, and more memory. UTF-16 code units. */
const MAX_YAML_LENGTH = 16 * 1024 * 1024;
/** Lists of lists of lists are nobody's. */
const MAX_LISTS_DEEP = 8;

/** Text that holds no objects of a cluster; the message says what is wrong. */
export class ClusterFileError extends Error {
  override readonly name = 'ClusterFileError';
  /** What to do about it. */
  readonly hint = 'name a file that `oc get … -o json` has written';
}

/** An object as printed; `kind` and `apiVersion` are those of its list where it has none. */
export interface PrintedObject {
  readonly kind: string;
  /** Without the version; '' for the core group. */
  readonly group: string;
  readonly untrusted: unknown;
}

const printed = z.looseObject({
  kind: z.string().optional(),
  apiVersion: z.string().optional(),
  items: z.array(z.unknown()).nullish(),
});

/**
 * Takes the text apart into objects, those of lists one by one.
 * @throws ClusterFileError for text that is neither JSON nor YAML, and for what is no object of Kubernetes.
 */
export function parseClusterFile(untrustedText: string): readonly PrintedObject[] {
  const text = untrustedText.replace(/^\u{FEFF}/u, '');
  if (text.trim() === '') throw new ClusterFileError('expected objects of a cluster, got no text');
  const documents = /^\s*[[{]/.test(text) ? parseJsonDocuments(text) : parseYamlDocuments(text);
  return documents.flatMap((document) => listObjects(document, {}, 0));
}

function listObjects(
  untrusted: unknown,
  list: { kind?: string | undefined; apiVersion?: string | undefined },
  depth: number,
): readonly PrintedObject[] {
  // An empty document between two separators of YAML.
  if (untrusted === null && depth === 0) return [];
  if (Array.isArray(untrusted) || depth > MAX_LISTS_DEEP) throw notAnObject();
  const result = printed.safeParse(untrusted);
  if (!result.success) throw notAnObject();
  const { kind = list.kind, apiVersion = list.apiVersion, items } = result.data;
  if (kind === undefined) throw notAnObject();
  if (kind.endsWith('List') && items !== undefined) {
    const inner = { kind: kind === 'List' ? undefined : kind.slice(0, -'List'.length), apiVersion };
    return (items ?? []).flatMap((item) => listObjects(item, inner, depth + 1));
  }
  const group = apiVersion?.includes('/') === true ? apiVersion.split('/', 1)[0] : '';
  return [{ kind, group: group ?? '', untrusted }];
}

function notAnObject(): ClusterFileError {
  return new ClusterFileError('expected objects of Kubernetes, got something without a kind');
}

/** One JSON value, or several one after the other. */
function parseJsonDocuments(text: string): readonly unknown[] {
  try {
    return [JSON.parse(text)];
  } catch (whole) {
    const documents: unknown[] = [];
    let at = 0;
    while (text.slice(at, at + 1) !== '') {
      const end = findEnd(text, at);
      try {
        if (end === undefined) throw whole;
        documents.push(JSON.parse(text.slice(at, end)));
      } catch (cause) {
        const reason = `expected JSON, got text that is none: ${toLine(messageOf(cause))}`;
        throw new ClusterFileError(reason, { cause });
      }
      at = end + (/^\s*/.exec(text.slice(end, end + MAX_SPACE))?.[0].length ?? 0);
    }
    return documents;
  }
}

/** Between two documents; more is not looked at. */
const MAX_SPACE = 1000;

/** Where the object or list that begins at a place ends; undefined if it does not. */
function findEnd(text: string, start: number): number | undefined {
  const mark = /["{}[\]]/g;
  mark.lastIndex = start;
  let depth = 0;
  for (let found = mark.exec(text); found; found = mark.exec(text)) {
    switch (found[0]) {
      case '"': {
        const end = findQuote(text, found.index + 1);
        if (end === undefined) return undefined;
        mark.lastIndex = end + 1;
        break;
      }
      case '{':
      case '[':
        depth += 1;
        break;
      default:
        depth -= 1;
        if (depth <= 0) return found.index + 1;
    }
  }
  return undefined;
}

/** The quote that ends a string: one behind an even number of backslashes. */
function findQuote(text: string, start: number): number | undefined {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
  return undefined;
}

function parseYamlDocuments(text: string): readonly unknown[] {
  if (text.length > MAX_YAML_LENGTH) {
    const most = formatBytes(MAX_YAML_LENGTH);
    throw new ClusterFileError(`expected at most ${most} of YAML, got more: print JSON instead`);
  }
  try {
    return parseYaml(text);
  } catch (cause) {
    const reason = toLine(messageOf(cause));
    throw new ClusterFileError(`expected JSON or YAML, got text that is neither: ${reason}`, {
      cause,
    });
  }
}
