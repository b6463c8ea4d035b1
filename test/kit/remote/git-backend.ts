import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toolPath } from '../../with-tools.ts';

/** Ends the header of a CGI answer. */
const BLANK_LINE = '\r\n\r\n';

/**
 * Answers a request by git-http-backend(1), run as CGI (RFC 3875), for the bare repositories in
 * `projectRoot`. What the program says of its failures goes to the answer's status 500.
 */
export function runGitBackend(
  projectRoot: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  const child = spawn(toolPath('git-http-backend'), [], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
      GIT_PROJECT_ROOT: projectRoot,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: searchParams.toString(),
      REQUEST_METHOD: request.method ?? 'GET',
      REMOTE_ADDR: '127.0.0.1',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: request.headers['content-length'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    },
  });
  response.once('close', () => child.kill());
  // The program may end before it has read the whole request.
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);

  let head = '';
  child.stdout.on('data', function readHead(part: Buffer) {
    head += part.toString('latin1');
    const end = head.indexOf(BLANK_LINE);
    if (end === -1) return;
    child.stdout.off('data', readHead);
    for (const line of head.slice(0, end).split('\r\n')) {
      const [name = '', value = ''] = line.split(/:\s*(.*)/, 2);
      if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(Buffer.from(head.slice(end + BLANK_LINE.length), 'latin1'));
    child.stdout.pipe(response);
  });
  child.once('close', () => {
    if (!response.headersSent) response.writeHead(500).end();
  });
}
