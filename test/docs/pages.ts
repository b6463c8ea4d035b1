// The Markdown pages of the repository, and what they link to.
import { readFileSync } from 'node:fs';
import { runOrThrow } from '../kit/process/run.ts';

export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

export interface Link {
  readonly target: string;
  /** Without `#`; undefined where the link has none. */
  readonly anchor: string | undefined;
}

/** All pages, written by hand or not. */
export async function readPages(): Promise<readonly Page[]> {
  const files = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'];
  const { stdout } = await runOrThrow('git', files);
  const paths = stdout.split('\0').filter((path) => path !== '' && !path.startsWith('test/'));
  return paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }));
}

/** The links of a page, images among them, that lead neither to another site nor to a mailbox. */
export function linksOf(text: string): readonly Link[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, all = '']) => all);
  return targets
    .filter((all) => !/^[a-z]+:/.test(all))
    .map((all) => {
      const [target = '', anchor] = all.split('#');
      return { target, anchor };
    });
}

/**
 * The anchors of a page's headings, as GitHub makes them: in lower case, without what is neither a
 * letter, a digit, `-` nor `_`, with `-` for each space, and numbered where one was there before.
 */
export function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutBlocks(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const shown = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = shown
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** The text without fenced blocks. */
export function withoutBlocks(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, '');
}

function withoutCode(text: string): string {
  return withoutBlocks(text).replaceAll(/`[^`\n]*`/g, '``');
}
