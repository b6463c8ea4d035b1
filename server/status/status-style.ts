import { BASE_STYLE } from '../html/base-style.ts';

/** The style sheet of the status pages. */
export const STATUS_STYLE = `${BASE_STYLE}
:root { --bad: #a3271e; --bad-paper: #fdf0ee; --good: #1e6b3a; --good-paper: #eef7f0; --warn: #805500; }
@media (prefers-color-scheme: dark) {
  :root { --bad: #f2948b; --bad-paper: #2e1a19; --good: #7cc796; --good-paper: #16261c; --warn: #e0b35a; }
}
header { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0.75rem 2rem; padding: 1.25rem 0; border-bottom: 1px solid var(--line); }
.home { font-size: 1.1rem; font-weight: 600; text-decoration: none; color: var(--ink); }
.home span { font-weight: normal; color: var(--soft); }
form { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.6rem; flex: 1 1 20rem; max-width: 36rem; }
label { font-size: 0.875rem; color: var(--soft); }
input { flex: 1 1 10rem; min-width: 0; min-height: 2rem; padding: 0.1rem 0.6rem; font: inherit; font-size: 0.95rem; color: var(--ink); background: var(--paper); border: 1px solid var(--soft); border-radius: 6px; }
#connection { position: sticky; top: 0; z-index: 1; margin: 0; max-width: none; }
#connection:not(:empty) { margin: 1rem 0; padding: 0.75rem 1rem; background: var(--warn-paper); border-left: 4px solid var(--warn-line); border-radius: 0 6px 6px 0; }
main { padding-top: 1.75rem; }
h2 { margin-top: 2.75rem; }
.label, .pulls .label { margin: 0.75rem 0 0.25rem; font-size: 0.875rem; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 1rem 0 0; font-size: 0.95rem; }
.soft, .when, .as-of, .first { color: var(--soft); }
.soft, .when, .as-of { font-size: 0.9rem; }
.when { white-space: nowrap; }
.first { display: block; }
.short { display: inline-block; max-width: 20ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; line-height: 1.6; vertical-align: -0.45em; }
a .short { text-decoration: underline; }
dd p { margin: 0.25rem 0 0; }
.code { padding: 0.1rem 0.45rem; border: 1px solid var(--line); border-radius: 4px; background: var(--panel); white-space: nowrap; }
.next::before { content: 'Next: '; font-weight: 600; }
.state { display: grid; grid-template-columns: 2rem minmax(0, 1fr); gap: 0 1rem; padding: 1rem 1.25rem; border: 1px solid var(--line); border-left-width: 4px; border-radius: 0 8px 8px 0; background: var(--panel); }
.state svg { width: 2rem; height: 2rem; fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.state p { margin: 0.25rem 0; max-width: none; }
.state .headline { font-size: 1.2rem; font-weight: 600; line-height: 1.4; margin: 0.15rem 0; }
.well { border-left-color: var(--good); background: var(--good-paper); }
.notice { border-left-color: var(--warn-line); background: var(--warn-paper); }
.trouble { border-left-color: var(--bad); background: var(--bad-paper); }
.well svg { color: var(--good); }
.notice svg { color: var(--warn); }
.trouble svg { color: var(--bad); }
.counts { display: flex; flex-wrap: wrap; gap: 0.5rem 2.5rem; margin: 0; padding: 0; list-style: none; color: var(--soft); }
.counts strong { display: block; font-size: 1.5rem; line-height: 1.2; font-weight: 600; color: var(--ink); font-variant-numeric: tabular-nums; }
dl div { grid-template-columns: 8rem minmax(0, 1fr); }
.pulls, .images, .findings, .clients { margin: 0; padding: 0; list-style: none; }
.pulls > li { padding: 0.9rem 1.25rem 0.4rem; margin: 0.75rem 0; border: 1px solid var(--line); border-radius: 8px; }
.pulls h3 { margin: 0; font-size: 1.05rem; }
.pulls p { margin: 0.4rem 0; }
.images li { padding: 0.2rem 0; }
.findings > li { padding: 0.3rem 0 0.3rem 0.9rem; margin: 0.4rem 0; border-left: 2px solid var(--line); }
.findings p { margin: 0.2rem 0; }
.clients li { display: inline-block; margin-right: 1.25rem; }
td p { margin: 0.25rem 0; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.mark.ended { color: var(--bad); }
.mark.soon { color: var(--warn); }
.chart { margin: 1.25rem 0; max-width: 44rem; }
.chart figcaption { font-size: 0.9rem; color: var(--soft); }
.chart strong { display: block; color: var(--ink); font-weight: 600; }
.chart svg { display: block; width: 100%; height: 5rem; margin-top: 0.4rem; border-bottom: 1px solid var(--soft); }
.chart .answered { fill: var(--mark); }
.chart .refused { fill: var(--bad); height: 3rem; }
.chart .unknown { fill: var(--line); opacity: 0.6; }
.axis { display: flex; justify-content: space-between; margin: 0.15rem 0 0; font-size: 0.8rem; color: var(--soft); }
.scroll { max-height: 24rem; overflow: auto; max-width: 44rem; }
.numbers { margin: 0; }
.numbers td, .numbers th { text-align: right; font-variant-numeric: tabular-nums; padding: 0.3rem 0.5rem 0.3rem 0; }
.numbers th:first-child { text-align: left; }
.pages { display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; }
.as-of { margin-top: 3rem; }
footer { margin-top: 0; padding-top: 0; border-top: 0; font-size: 0.9rem; }
@media (max-width: 45rem) {
  .cards, .cards tbody, .cards tr, .cards th, .cards td, .cards caption { display: block; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tr { padding: 0.6rem 0; border-bottom: 1px solid var(--line); }
  .cards th, .cards td { padding: 0.15rem 0; border: 0; }
  .cards td::before { content: attr(data-title) ': '; color: var(--soft); }
}
@media (max-width: 30rem) {
  dl div { grid-template-columns: minmax(0, 1fr); }
  .state { grid-template-columns: 1.5rem minmax(0, 1fr); padding: 0.9rem 1rem; }
  .state svg { width: 1.5rem; height: 1.5rem; }
  label { flex-basis: 100%; }
  .counts { display: grid; grid-template-columns: 1fr 1fr; }
}
@media print {
  form, nav, footer, #connection { display: none; }
  .short { max-width: none; white-space: normal; overflow: visible; }
  .scroll { max-height: none; }
  .pulls > li, .chart { break-inside: avoid; }
}
`;
