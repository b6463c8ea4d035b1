// Commits by their beginning, as links to the git host where its pages are known.
import type { HistoryCommit } from '../../../generator/sources/source.ts';
import { abbreviate } from '../../../generator/terms/text.ts';
import { type Html, html } from '../../html/html.ts';
import { renderTime } from './render-time.ts';

/** What is the same for all parts of a page. */
export interface PageView {
  readonly now: Date;
  /** Where commits are shown, with `{commit}` in it; undefined if nobody knows. */
  readonly commitUrl: string | undefined;
}

/** A whole name of a commit, SHA-1 or SHA-256: nothing else is put into an address. */
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
/** Nothing else is linked, whatever was configured. */
const WEB = /^https?:\/\//;

export function renderCommit(
  commit: string,
  { commitUrl = '' }: Pick<PageView, 'commitUrl'>,
): Html {
  const short = html`<code title="${commit}">${abbreviate(commit)}</code>`;
  if (!COMMIT.test(commit) || !WEB.test(commitUrl)) return short;
  return html`<a href="${commitUrl.replaceAll('{commit}', commit)}" rel="noreferrer">${short}</a>`;
}

/** Who did it, when, and with which words. */
export function renderChange(commit: HistoryCommit, did: string, view: PageView): Html {
  const { id, author, date, subject } = commit;
  return html`${did} by <bdi>${author.name}</bdi> &lt;<bdi dir="ltr">${author.email}</bdi>&gt;
    ${renderTime(date, view.now)} in commit ${renderCommit(id, view)}: <bdi>${subject}</bdi>`;
}
