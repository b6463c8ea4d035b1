// The landing page as its reader has it: blocks of text to copy, by their labels.

/** The text of every block, by its label. */
export function readBlocks(page: string): ReadonlyMap<string, string> {
  const blocks = page.matchAll(/<pre\s[^>]*aria-label="([^"]*)"[^>]*><code>([^]*?)<\/code>/g);
  return new Map([...blocks].map(([, label = '', text = '']) => [unescape(label), unescape(text)]));
}

function unescape(markup: string): string {
  return markup.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
}
