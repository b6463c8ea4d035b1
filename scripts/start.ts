// `npm start`: serves the example repository and says what to try next. Options after `--`
// go to `lookaside serve`.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';

const NAMESPACE = 'team';
const REPOSITORY = 'app';
const SERVING = /^lookaside: serving .* on (\S+)$/m;

const directory = readdirSync(`signatures/${NAMESPACE}`).find((entry) =>
  entry.startsWith(`${REPOSITORY}@sha256=`),
);
const server = spawn(
  process.execPath,
  [
    'dist/cli/main.js',
    'serve',
    'signatures',
    '--keys=signatures/keys',
    '--listen=localhost:8080',
    '--status-listen=localhost:9090',
    ...process.argv.slice(2),
  ],
  { stdio: ['inherit', 'inherit', 'pipe'] },
);
server.once('exit', (code) => (process.exitCode = code ?? 1));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal));
server.stderr.setEncoding('utf8').on('data', (text: string) => {
  process.stderr.write(text);
  const baseUrl = SERVING.exec(text)?.[1];
  if (baseUrl !== undefined) process.stdout.write(whatToTry(baseUrl));
});

function whatToTry(baseUrl: string): string {
  const base = `${baseUrl}/${NAMESPACE}/${directory}`;
  return `
Try next:
  curl -sI '${base}/signature-1'   a signature: 200
  curl -sI '${base}/signature-99'  behind the last one: 404
  ${baseUrl}/                     the page for people
  npm run demo                               sign, push and pull for real (needs podman and skopeo)
Stop with Ctrl-C. For other ports: npm start -- --listen HOST:PORT --status-listen HOST:PORT

`;
}
