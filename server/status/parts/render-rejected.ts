import type { RejectedFile } from '../../../generator/store/report.ts';
import { countOf, formatNumber } from '../../html/facts.ts';
import { type Html, html } from '../../html/html.ts';
import { renderAdvice } from '../../html/render-advice.ts';
import type { FoundPage } from '../../search/find-page.ts';
import { addressOf } from './links.ts';
import { renderTable } from './render-table.ts';

/** What `--on-invalid refuse` makes of them. */
export const WHOLE_STATE: Html = html`<p>The whole state is refused because of these files.</p> `;

/** The first ones that have to do with a digest, and the way to the others. */
export function renderSomeRejected(
  { total, items: files, hasMore }: FoundPage<RejectedFile>,
  which: Readonly<Record<string, string>>,
): Html {
  const shown = hasMore ? `${formatNumber(files.length)} of ${countOf(total, 'file')}` : undefined;
  const after = files.at(-1)?.path ?? '';
  return html`${renderRejected(files, shown ?? countOf(total, 'file'))}
  ${hasMore ? html`<p><a href="${addressOf('rejected', { ...which, after })}">The next</a></p>` : undefined}`;
}

/** Rejected files with their cures. */
export function renderRejected(files: readonly RejectedFile[], caption: string): Html {
  const rows = files.map(({ path, code, message, hint, breaksPulls }) => ({
    key: path,
    cells: [
      html`<code>${path}</code>`,
      [
        html`<code class="code">${code}</code> ${message}`,
        breaksPulls
          ? html`<p class="soft">If it were served, every pull of its image would fail.</p>`
          : undefined,
      ],
      renderAdvice(hint, `the cure for ${path}`),
    ],
  }));
  return renderTable(caption, ['File', 'Fault', 'Cure'], rows);
}
