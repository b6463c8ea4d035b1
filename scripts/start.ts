// `npm start`: serves the example repository and says what to try next. Options after `--`
// go to `lookaside serve`.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';

const NAMESPACE = 'team';
const REPOSITORY = 'app';
const SERVING = /^lookaside: serving .* on (\S+)$/m;
const STATUS = /"status":"(http[^"]+)"/;

const directory = readdirSync(`signatures/${NAMESPACE}`).find((entry) =>
  entry.startsWith(`${REPOSITORY}@sha256=`),
);
const image = `registry.example.com/${NAMESPACE}/${REPOSITORY}${directory?.replace(/^.*@sha256=/, '@sha256:')}`;
const server = spawn(
  process.execPath,
  [
    'dist/cli/main.js',
    'serve',
    'signatures',
    '--keys=signatures/keys',
    '--listen=localhost:8080',
    '--status-listen=localhost:8081',
    ...process.argv.slice(2),
  ],
  { stdio: ['inherit', 'inherit', 'pipe'] },
);
server.once('exit', (code) => (process.exitCode = code ?? 1));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal));
let said = '';
server.stderr.setEncoding('utf8').on('data', (text: string) => {
  process.stderr.write(text);
  const hadSaid = SERVING.test(said);
  said += text;
  const [baseUrl, statusUrl] = [SERVING.exec(said)?.[1], STATUS.exec(said)?.[1]];
  if (!hadSaid && baseUrl !== undefined) process.stdout.write(whatToTry(baseUrl, statusUrl));
});

function whatToTry(baseUrl: string, statusUrl = 'http://127.0.0.1:8081'): string {
  const base = `${baseUrl}/${NAMESPACE}/${directory}`;
  return `
Try next:
  curl -sI '${base}/signature-1'   a signature: 200
  curl -sI '${base}/signature-99'  behind the last one: 404
  ${baseUrl}/   the page for people
  ${statusUrl}/   the page for operators
  npx lookaside explain '${image}' --server ${statusUrl}
                     whether nodes would accept an image, and what is in the way
  npm run demo       sign, push and pull for real (needs podman and skopeo); -- --keep leaves it running
Stop with Ctrl-C. For other ports: npm start -- --listen HOST:PORT --status-listen HOST:PORT

`;
}
