/** What the style sheets of all pages begin with: dark and light, from a phone's width to a desk's, and on paper. */
export const BASE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff;
  --panel: #f5f7f9;
  --line: #d5dbe1;
  --ink: #1c2329;
  --soft: #56616b;
  --link: #15569b;
  --mark: #1d5fa8;
  --warn-paper: #fff6e0;
  --warn-line: #b87a00;
  --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #13171b;
    --panel: #1c2228;
    --line: #343d46;
    --ink: #e6eaee;
    --soft: #a3afba;
    --link: #86bdf7;
    --mark: #5b9fe6;
    --warn-paper: #2b2311;
    --warn-line: #d69a26;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { border-top: 4px solid var(--mark); scroll-padding-top: 1rem; text-size-adjust: 100%; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto;
  padding: 0 1.25rem;
  max-width: 72rem;
  background: var(--paper);
  color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif;
  overflow-wrap: anywhere;
}
a { color: var(--link); text-underline-offset: 0.15em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; border-radius: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -100rem; background: var(--paper); padding: 0.5rem 1rem; }
.skip:focus { left: 1rem; top: 0.5rem; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h1 { font-size: 1.9rem; letter-spacing: -0.015em; margin: 0 0 0.75rem; }
h2 { font-size: 1.4rem; letter-spacing: -0.01em; margin: 3rem 0 0.75rem; }
h3 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
p { margin: 0.75rem 0; max-width: 44rem; }
code, pre { font-family: var(--mono); font-size: 0.875em; }
pre code { font-size: inherit; }
header { padding: 3rem 0 0.5rem; }
header > p { font-size: 1.1rem; color: var(--soft); }
dl { margin: 1.5rem 0 0; padding: 0.25rem 1.25rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; }
dl div { display: grid; grid-template-columns: 6rem 1fr; gap: 0 1rem; padding: 0.5rem 0; }
dl div + div { border-top: 1px solid var(--line); }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
button { min-height: 2rem; padding: 0.1rem 0.75rem; font: inherit; font-size: 0.875rem; color: var(--link); background: var(--paper); border: 1px solid var(--line); border-radius: 6px; cursor: pointer; }
button:hover { border-color: var(--link); }
.warning { padding: 0.75rem 1rem; background: var(--warn-paper); border-left: 4px solid var(--warn-line); border-radius: 0 6px 6px 0; }
table { width: 100%; border-collapse: collapse; margin: 1rem 0; }
caption { text-align: left; color: var(--soft); font-size: 0.875rem; padding: 0 0 0.4rem; }
th, td { text-align: left; vertical-align: top; padding: 0.55rem 1rem 0.55rem 0; border-bottom: 1px solid var(--line); font-weight: normal; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-size: 0.875rem; }
td { font-size: 0.95rem; }
a, bdi, dd, h1, li, td, th, .user { unicode-bidi: isolate; }
/* Paths, digests and addresses run from left to right, whatever they are written in. */
code, a[href^='image'], a[href^='repository'] { unicode-bidi: isolate-override; direction: ltr; }
.user { display: block; color: var(--soft); font-size: 0.95rem; }
summary { cursor: pointer; color: var(--link); padding: 0.4rem 0; }
footer { margin-top: 4rem; padding: 1rem 0 3rem; border-top: 1px solid var(--line); color: var(--soft); }
@media (max-width: 30rem) {
  h1 { font-size: 1.6rem; }
  header { padding-top: 2rem; }
  dl div { grid-template-columns: 1fr; }
}
@media print {
  button, .skip { display: none; }
  body { display: block; max-width: none; }
  tr { break-inside: avoid; }
}
`;
