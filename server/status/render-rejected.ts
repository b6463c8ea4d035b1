import type { RejectedFile } from '../../generator/report.ts';
import { type Html, html } from '../html/html.ts';
import { renderTable } from './render-table.ts';

/** What `--on-invalid refuse` makes of them. */
export const WHOLE_STATE: Html = html`<p>The whole state is refused because of these files.</p> `;

/** Rejected files with their cures. */
export function renderRejected(files: readonly RejectedFile[], caption: string): Html {
  const rows = files.map(({ path, code, message, hint, breaksPulls }) => ({
    key: path,
    cells: [
      html`<code>${path}</code>`,
      [
        html`<code class="code">${code}</code> ${message}`,
        breaksPulls
          ? html`<p class="soft">Served, it would fail every pull of its image.</p>`
          : undefined,
      ],
      hint,
    ],
  }));
  return renderTable(caption, ['File', 'Fault', 'Cure'], rows);
}
