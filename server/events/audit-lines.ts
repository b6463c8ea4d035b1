// A publication as lines of the audit log. All that has changed is in it: a log that leaves out the
// hundredth signature cannot tell who published it. What is too long for one line is told by several.
import type { StateOrigin } from '../../generator/sources/source.ts';
import { formatJson } from '../../generator/terms/text.ts';
import { toAdded, toHeldSignature, toRejectedFile } from './cloud-event.ts';
import type { Publication } from './publication.ts';

/** Container runtimes cut what is longer into several lines (containerd, CRI-O and Docker). Bytes. */
const MOST_BYTES = 16 * 1024;
/** For what ends a line. */
const SLACK = 64;

const LISTS = ['added', 'removed', 'rejected'] as const;
type List = (typeof LISTS)[number];

/** The lines of a publication, each with its line end, as the caller goes on. */
export function* formatAuditLines(
  source: string,
  publication: Publication,
  origin: StateOrigin,
): Generator<string> {
  const head = formatJson(toHead(source, publication, origin)).slice(0, -1);
  const room = MOST_BYTES - SLACK - Buffer.byteLength(head);
  let page = new Page();
  let part = 1;
  for (const [list, entry] of entriesOf(publication)) {
    const text = formatJson(entry);
    if (page.bytes > 0 && page.bytes + Buffer.byteLength(text) > room) {
      yield page.format(head, part++, true);
      page = new Page();
    }
    page.add(list, text);
  }
  yield page.format(head, part, false);
}

/** The line that says how many publications are missing above it. */
export function formatMissingLine(source: string, time: string, publications: number): string {
  return `${formatJson({ version: 1, event: 'missing', time, source, publications })}\n`;
}

function toHead(
  source: string,
  { generation, before, isInitial, cause, signatures, difference }: Publication,
  { author, committer, committedAt }: StateOrigin,
): object {
  return {
    version: 1,
    event: 'publication',
    time: generation.loadedAt,
    source,
    generation: generation.number,
    commit: generation.commit,
    before,
    author,
    committer,
    committedAt,
    cause,
    initial: isInitial,
    signatures,
    counts: {
      added: difference.added.length,
      removed: difference.removed.length,
      rejected: difference.rejected.length,
    },
  };
}

function* entriesOf({ difference }: Publication): Generator<readonly [List, object]> {
  for (const added of difference.added) yield ['added', toAdded(added)];
  for (const file of difference.removed) yield ['removed', toHeldSignature(file)];
  for (const file of difference.rejected) yield ['rejected', toRejectedFile(file)];
}

/** What goes into one line. */
class Page {
  bytes = 0;
  readonly #entries: Readonly<Record<List, string[]>> = { added: [], removed: [], rejected: [] };

  add(list: List, text: string): void {
    this.#entries[list].push(text);
    this.bytes += Buffer.byteLength(text) + 1;
  }

  format(head: string, part: number, isMore: boolean): string {
    const lists = LISTS.map((list) => `"${list}":[${this.#entries[list].join(',')}]`);
    return `${head},"part":${part},"more":${isMore},${lists.join(',')}}\n`;
  }
}
