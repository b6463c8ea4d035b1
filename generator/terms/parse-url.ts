/** Undefined where text is no URL. `URL.canParse` of Node 20 errs on Latin-1 once it is compiled. */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
