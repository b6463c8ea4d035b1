import { type Html, type Part, html } from '../../html/html.ts';

export interface Row {
  /** By which the row is the same after a refresh. */
  readonly key: string;
  /** The first one names the row. */
  readonly cells: readonly Part[];
}

/**
 * A table that becomes a card for each row where there is no room. Roles are named, as some browsers
 * forget them when a table is not laid out as one.
 */
export function renderTable(caption: Part, titles: readonly string[], rows: readonly Row[]): Html {
  const heads = titles.map((title) => html`<th role="columnheader" scope="col">${title}</th> `);
  return html`<table class="cards" role="table">
    <caption>
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${heads}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map((row) => renderRow(titles, row))}
    </tbody>
  </table> `;
}

function renderRow(titles: readonly string[], { key, cells }: Row): Html {
  const [name, ...others] = cells;
  // A number says nothing by itself.
  const title = typeof name === 'string' && /^[0-9]+$/.test(name) ? titles[0] : undefined;
  const label = title === undefined ? undefined : html` data-title="${title}"`;
  return html`<tr role="row" data-key="${key}">
    <th role="rowheader" scope="row" ${label}>${name}</th>
    ${others.map((cell, at) => html`<td role="cell" data-title="${titles[at + 1]}">${cell}</td> `)}
  </tr> `;
}
