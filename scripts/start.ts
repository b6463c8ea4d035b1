// `npm start`: serves the example repository and says what to try next.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const BASE_URL = 'http://localhost:8080';
const REPOSITORY = 'team/app';

const [namespace = '', name = ''] = REPOSITORY.split('/');
const directory = readdirSync(`signatures/${namespace}`).find((entry) =>
  entry.startsWith(`${name}@sha256=`),
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
  ],
  { stdio: 'inherit' },
);
const ended = new AbortController();
server.once('exit', (code) => {
  ended.abort();
  process.exitCode = code ?? 1;
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => server.kill(signal));

while (!ended.signal.aborted && !(await isReady())) await sleep(100);
if (!ended.signal.aborted) {
  process.stdout.write(`
Try next:
  curl -sI '${BASE_URL}/${namespace}/${directory}/signature-1'   a signature: 200
  curl -sI '${BASE_URL}/${namespace}/${directory}/signature-99'  behind the last one: 404
  ${BASE_URL}/                     the page for people
  http://localhost:9090/status.json          what is served, and what is rejected
  npm run demo                               sign, push and pull for real (needs podman and skopeo)
Stop with Ctrl-C.

`);
}

async function isReady(): Promise<boolean> {
  try {
    return (await fetch('http://localhost:9090/readyz')).ok;
  } catch {
    return false;
  }
}
