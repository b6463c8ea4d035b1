/** The headers that containers/image sends for a signature (docs: Go's net/http, HTTP/1.1). */
export const CLIENT_HEADERS = ['User-Agent: Go-http-client/1.1', 'Accept-Encoding: gzip'] as const;

/** One lookup as a node sends it; with `close` on a connection of its own. */
export function formatRequest(path: string, close = false): string {
  const headers = ['Host: 127.0.0.1', ...CLIENT_HEADERS, ...(close ? ['Connection: close'] : [])];
  return `GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}
