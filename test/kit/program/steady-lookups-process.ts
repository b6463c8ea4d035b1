// The process behind steady-lookups.ts.
import { Agent, type IncomingMessage, request } from 'node:http';
import { Agent as SecureAgent, request as requestSecurely } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import type { Order, Seen, SlowAnswer, SteadyFile, WrongAnswer } from './steady-lookups.ts';

/** A lookup that has no answer by then is given up. Milliseconds. */
const PATIENCE = 60_000;

const now = (): number => performance.timeOrigin + performance.now();

let right = 0;
let slowest = 0;
let [wrong, slow, latencies]: [WrongAnswer[], SlowAnswer[], number[]] = [[], [], []];

/** When the lookups were sent that have no answer yet. */
const pending = new Set<number>();

function take(): Seen {
  const waiting = now() - Math.min(now(), ...pending);
  const seen: Seen = { right, wrong, slow, slowest, waiting, latencies };
  [right, slowest, wrong, slow, latencies] = [0, 0, [], [], []];
  return seen;
}

function begin({ baseUrl, files, clients, keep, every, slow: limit }: BeginOptions): void {
  for (let index = 0; index < clients; index++) {
    const settings = { keepAlive: keep && index % 2 === 0, maxSockets: 1 };
    const agent = baseUrl.startsWith('https:')
      ? new SecureAgent({ ...settings, rejectUnauthorized: false })
      : new Agent(settings);
    // Each begins with another file, and at another time.
    const ordered = [...files.slice(index % files.length), ...files.slice(0, index % files.length)];
    const offset = (every * index) / clients;
    void askOnAndOn(baseUrl, agent, ordered, { every, offset, limit });
  }
}

type BeginOptions = Extract<Order, { begin: unknown }>['begin'];

async function askOnAndOn(
  baseUrl: string,
  agent: Agent,
  files: readonly SteadyFile[],
  { every, offset, limit }: { every: number; offset: number; limit: number },
): Promise<never> {
  let due = now() + offset;
  for (;;) {
    for (const file of files) {
      await sleep(Math.max(0, due - now()));
      const from = now();
      pending.add(from);
      const what = await ask(`${baseUrl}/${file.location}`, agent, file.bytes);
      const to = now();
      pending.delete(from);
      const { location } = file;
      if (what === undefined) {
        right++;
        slowest = Math.max(slowest, to - from);
        latencies.push(to - due);
        if (to - from > limit) slow.push({ location, from, to });
      } else {
        wrong.push({ location, from, to, ...what });
      }
      due += every;
      // Who had nobody to ask does not make up for it.
      if (what?.isUnanswered === true) due = Math.max(due, to);
    }
  }
}

/** What is wrong with the answer; undefined if it is right. */
async function ask(
  url: string,
  agent: Agent,
  bytes: Uint8Array,
): Promise<Pick<WrongAnswer, 'what' | 'isUnanswered'> | undefined> {
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const send = agent instanceof SecureAgent ? requestSecurely : request;
      const sent = send(url, { agent, timeout: PATIENCE }, resolve);
      sent.once('timeout', () => sent.destroy(new Error(`no answer in ${PATIENCE} ms`)));
      sent.once('error', reject).end();
    });
    const body = await buffer(answer);
    if (answer.statusCode !== 200) {
      return { what: String(answer.statusCode), isUnanswered: false };
    }
    return body.equals(bytes) ? undefined : { what: 'other bytes', isUnanswered: false };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { what: code ?? message, isUnanswered: true };
  }
}

process.on('message', (order: Order) => {
  if ('begin' in order) begin(order.begin);
  else process.send?.({ take: order.take, seen: take() });
});
process.on('disconnect', () => process.exit());
