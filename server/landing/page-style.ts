import { BASE_STYLE } from '../html/base-style.ts';

/** The style sheet of the page. */
export const PAGE_STYLE = `${BASE_STYLE}
nav { margin: 1.5rem 0 0; font-size: 0.95rem; max-height: 18rem; overflow: auto; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav ul ul { padding-left: 1rem; border-left: 2px solid var(--line); }
nav li a { display: block; padding: 0.25rem 0; text-decoration: none; }
nav li a:hover { text-decoration: underline; }
figure { position: relative; margin: 1rem 0; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); display: grid; grid-template-columns: 1fr auto; align-items: center; }
figcaption { padding: 0.4rem 0.9rem; min-height: 2.5rem; display: flow-root; font-size: 0.875rem; line-height: 1.7rem; color: var(--soft); }
figure pre { grid-column: 1 / -1; grid-row: 2; min-width: 0; margin: 0; padding: 0.8rem 0.9rem; max-height: 26rem; overflow: auto; border-top: 1px solid var(--line); line-height: 1.5; tab-size: 2; }
figure button { grid-column: 2; grid-row: 1; margin: 0.3rem 0.4rem; min-width: 4.75rem; }
.scope { border-top: 1px solid var(--line); margin-top: 2.5rem; }
.scope h3 { font-size: 1.2rem; }
table { table-layout: fixed; }
th[scope='rowgroup'] { padding-top: 1.2rem; font-weight: 600; }
th[scope='rowgroup'] span { font-weight: normal; color: var(--soft); }
thead th:last-child { width: 12rem; }
td time { display: block; }
ul.files { margin: 0.5rem 0; padding-left: 1.25rem; }
#announcement { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; margin: 0; }
@media (max-width: 30rem) {
  thead th:last-child { width: 6.5rem; }
}
@media (min-width: 60rem) {
  body { display: grid; grid-template-columns: 15rem minmax(0, 1fr); column-gap: 3.5rem; }
  header, footer, .skip { grid-column: 1 / -1; }
  nav { position: sticky; top: 0; align-self: start; margin: 0; padding: 3rem 0 1rem; max-height: 100vh; }
  main { min-width: 0; }
  dl div { grid-template-columns: 8rem 1fr; }
}
@media print {
  nav { display: none; }
  body { display: block; }
  figure pre { max-height: none; white-space: pre-wrap; }
  figure { break-inside: avoid; }
}
`;
