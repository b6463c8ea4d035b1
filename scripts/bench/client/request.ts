/** The headers that containers/image sends for a signature (docs: Go's net/http, HTTP/1.1). */
export const CLIENT_HEADERS = ['User-Agent: Go-http-client/1.1', 'Accept-Encoding: gzip'] as const;

/** One lookup as a node sends it; with `close` on a connection of its own. */
export function formatRequest(path: string, close = false): string {
  const headers = ['Host: 127.0.0.1', ...CLIENT_HEADERS, ...(close ? ['Connection: close'] : [])];
  return `GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}

/** A POST of a text of ASCII. */
export function formatPost(
  path: string,
  { headers, body }: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
): string {
  const lines = Object.entries({ Host: '127.0.0.1', ...headers, 'Content-Length': body.length });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `POST ${path} HTTP/1.1\r\n${head}\r\n${body}`;
}
