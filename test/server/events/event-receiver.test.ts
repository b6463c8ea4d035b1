// Deliveries to a real receiver over HTTP and HTTPS, with all its faults.
import assert from 'node:assert/strict';
import { type Server, type Socket, createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProgramLog } from '../../../generator/system/program-log.ts';
import type { MadeEvent } from '../../../server/events/cloud-event.ts';
import { EventCounts } from '../../../server/events/event-counts.ts';
import { EventReceiver, type EventReceiverOptions } from '../../../server/events/event-receiver.ts';
import { Troubles } from '../../../server/troubles/troubles.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/process/free-port.ts';
import { type CapturedLines, captureLines } from '../../kit/server/captured-lines.ts';
import { type AnswerPost, ListeningReceiver } from '../../kit/server/listening-receiver.ts';

/** No pause is worth waiting for, and no try is given up on a machine with much to do. */
const PACE = { firstPause: 1, longestPause: 4, timeout: 60_000, longestLife: 3_600_000 };
const PATIENCE = 60_000;

function makeEvent(id: string): MadeEvent {
  const text = JSON.stringify({ id });
  return { kind: 'published', id, text, bytes: text.length };
}

describe('a receiver of events', () => {
  let target: ListeningReceiver;
  let receiver: EventReceiver;
  let counts: EventCounts;
  let troubles: Troubles;
  let log: CapturedLines;
  let clock: number;

  const make = (options: Partial<EventReceiverOptions> = {}): void => {
    counts = new EventCounts();
    troubles = new Troubles(() => new Date());
    log = captureLines();
    clock = 0;
    receiver = new EventReceiver({
      url: new URL(target.url),
      secrets: () => [],
      counts,
      troubles,
      log: createProgramLog(log.stream),
      now: () => new Date(),
      elapsed: () => clock,
      userAgent: 'lookaside/1',
      pace: PACE,
      ...options,
    });
  };
  const countOf = (result: string): number => {
    let sum = 0;
    for (const [[, own], count] of counts.list()) if (own === result) sum += count;
    return sum;
  };
  const until = async (result: string, count: number): Promise<void> =>
    eventually(() => assert.equal(countOf(result), count), PATIENCE);
  const told = (): string =>
    troubles
      .list()
      .map(({ message }) => message)
      .join();
  const ids = (): readonly unknown[] => target.bodies.map(({ id }) => id);

  beforeEach(async () => {
    target = await ListeningReceiver.listen();
    make();
  });
  afterEach(async () => {
    await receiver.close(0);
    await target.close();
  });

  it('gets all, in order, one at a time', async () => {
    target.answer = async (response) => {
      await sleep(1);
      response.writeHead(204).end();
    };
    const names = Array.from({ length: 20 }, (_, number) => `event-${number}`);
    for (const name of names) receiver.offer(makeEvent(name));
    await until('delivered', 20);
    assert.deepEqual(ids(), names);
    assert.equal(target.mostAtOnce, 1);
    assert.equal(receiver.waiting, 0);
    assert.equal(target.posts[0]?.headers['user-agent'], 'lookaside/1');
    assert.equal(told(), '');
  });

  /** What is told of a receiver that fails in some way, and what becomes of the event. */
  const faults: readonly (readonly [
    title: string,
    answer: AnswerPost,
    told: RegExp,
    becomes: 'dropped' | 'tried again',
  ])[] = [
    ...[500, 502, 503, 401, 403, 404, 405, 408, 409, 425, 429].map(
      (status) => [`answers ${status}`, answerWith(status), toTold(status), 'tried again'] as const,
    ),
    ...[400, 406, 410, 413, 415, 422].map(
      (status) => [`answers ${status}`, answerWith(status), toTold(status), 'dropped'] as const,
    ),
    ...[301, 302, 303, 307, 308].map(
      (status) =>
        [
          `redirects with ${status}`,
          answerWith(status, { location: '/elsewhere' }),
          /it answers 30\d, a redirect, which is not followed/,
          'tried again',
        ] as const,
    ),
    [
      'closes the connection',
      (response) => void response.destroy(),
      /socket hang up|ECONNRESET/,
      'tried again',
    ],
    [
      'answers what is no HTTP',
      (response) => void response.socket?.end('hello\r\n\r\n'),
      /Parse Error|socket hang up/,
      'tried again',
    ],
    [
      'goes on in another protocol',
      (response) => {
        response.writeHead(101, { connection: 'upgrade', upgrade: 'websocket' }).end();
      },
      /it closes the connection without an answer/,
      'tried again',
    ],
  ];
  for (const [title, answer, words, becomes] of faults) {
    it(`is ${becomes === 'dropped' ? 'not asked for ever' : 'asked again'} when it ${title}`, async () => {
      let tries = 0;
      target.answer = (response, post) => {
        if (++tries <= 4) void answer(response, post);
        else void response.writeHead(200).end('ok');
      };
      receiver.offer(makeEvent('first'));
      if (becomes === 'dropped') {
        await until('dropped', 1);
        assert.equal(tries, title.endsWith('410') ? 1 : 3);
        assert.match(told(), words);
        assert.match(told(), /1 were dropped$/);
        return;
      }
      await until('delivered', 1);
      assert.equal(countOf('failed'), 4);
      // The same each time, at the same address.
      assert.equal(new Set(target.posts.map(({ body, path }) => `${path} ${body}`)).size, 1);
      assert.match(log.text(), words);
      assert.match(log.text(), /"msg":"events are delivered again"/);
      assert.equal(told(), '');
    });
  }

  it('is told with the next event what was dropped before it, once', async () => {
    make({ limits: { events: 2, bytes: 1000 } });
    let isUp = false;
    target.answer = (response) => void response.writeHead(isUp ? 204 : 503).end();
    for (const name of ['a', 'b', 'c', 'd', 'e']) receiver.offer(makeEvent(name));
    await until('dropped', 2);
    assert.match(told(), /events come than it takes; \d wait, 2 were dropped$|it answers 503/);
    isUp = true;
    await until('delivered', 3);
    const bodies = new Map(target.bodies.map((body) => [body['id'], body['droppedbefore']]));
    assert.deepEqual(
      [...bodies],
      [
        ['a', undefined],
        ['d', 2],
        ['e', undefined],
      ],
    );
    assert.equal(told(), '');
  });

  it('gets the next event after one for which there is no room at all', async () => {
    make({ limits: { events: 5, bytes: 100 } });
    receiver.offer(makeEvent('x'.repeat(100)));
    assert.equal(countOf('dropped'), 1);
    receiver.offer(makeEvent('a'));
    await until('delivered', 1);
    assert.equal(target.bodies[0]?.['droppedbefore'], 1);
  });

  it('is told of them also if the event that told it is dropped itself', async () => {
    make({ limits: { events: 1, bytes: 1000 } });
    target.answer = (response, { body }) => {
      const { id } = JSON.parse(body) as { id: string };
      void response.writeHead(id === 'last' ? 204 : 422).end();
    };
    for (const name of ['a', 'b', 'c']) receiver.offer(makeEvent(name));
    await until('dropped', 3);
    receiver.offer(makeEvent('last'));
    await until('delivered', 1);
    assert.equal(target.bodies.at(-1)?.['droppedbefore'], 3);
  });

  it('gets no event that is older than a day', async () => {
    target.answer = (response) => {
      clock = PACE.longestLife + 1;
      response.writeHead(503).end();
    };
    receiver.offer(makeEvent('a'));
    await until('dropped', 1);
  });

  it('is left alone for as long as it asks, in seconds or until a date, for an hour at most', async () => {
    make({ pace: { ...PACE, firstPause: 3_600_000, longestPause: 3_600_000 } });
    const asked = ['0', new Date(0).toUTCString(), '-5', 'soon'];
    target.answer = (response) => {
      const [wait] = asked;
      asked.shift();
      response.writeHead(429, { 'retry-after': wait }).end();
    };
    receiver.offer(makeEvent('a'));
    // The third is no time, so the own pause of an hour holds.
    await until('failed', 3);
    assert.equal(target.posts.length, 3);
    assert.equal(receiver.waiting, 1);
  });

  it('is given up when it says nothing', async () => {
    make({ pace: { ...PACE, timeout: 50 } });
    const held: unknown[] = [];
    target.answer = (response) => {
      if (held.push(response) > 3) response.writeHead(200).end();
    };
    receiver.offer(makeEvent('a'));
    await until('delivered', 1);
    assert.match(log.text(), /no answer within 0.05 s/);
  });

  it('is not listened to for longer than it has to say whether it took the event', async () => {
    target.answer = (response) => {
      response.writeHead(200);
      const more = (): void => {
        // Without an end.
        if (!response.destroyed) response.write(Buffer.alloc(16 * 1024), more);
      };
      more();
    };
    receiver.offer(makeEvent('a'));
    await until('delivered', 1);
  });

  it('is found again when it was not there', async () => {
    const port = await freePort();
    make({ url: new URL(`http://user:secret@127.0.0.1:${port}/hidden?key=hidden`) });
    receiver.offer(makeEvent('a'));
    await eventually(() => assert.match(told(), /ECONNREFUSED/), PATIENCE);
    const late = await ListeningReceiver.listen(undefined, port);
    await until('delivered', 1);
    assert.equal(late.posts[0]?.headers.authorization, `Basic ${btoa('user:secret')}`);
    assert.match(log.text(), new RegExp(`http://127.0.0.1:${port}: `));
    assert.doesNotMatch(log.text(), /secret|hidden/);
    await late.close();
  });

  it('is not there under a name that nobody knows', async () => {
    make({ url: new URL('http://nobody.invalid/') });
    receiver.offer(makeEvent('a'));
    await eventually(() => assert.match(told(), /ENOTFOUND|EAI_AGAIN/), PATIENCE);
  });

  it('has to speak TLS under https', async () => {
    make({ url: new URL(target.url.replace('http:', 'https:')) });
    receiver.offer(makeEvent('a'));
    await eventually(() => assert.match(told(), /wrong version number|EPROTO|SSL/i), PATIENCE);
  });

  describe('at a stop', () => {
    it('gets what waits, at once', async () => {
      make({ pace: { ...PACE, firstPause: 3_600_000, longestPause: 3_600_000 } });
      let isUp = false;
      target.answer = (response) => void response.writeHead(isUp ? 204 : 503).end();
      for (const name of ['a', 'b', 'c']) receiver.offer(makeEvent(name));
      await until('failed', 1);
      isUp = true;
      await receiver.close(PATIENCE);
      assert.deepEqual(ids(), ['a', 'a', 'b', 'c']);
      assert.equal(countOf('dropped'), 0);
    });

    it('keeps nobody waiting that answers nothing', async () => {
      target.answer = () => undefined;
      for (const name of ['a', 'b', 'c']) receiver.offer(makeEvent(name));
      await eventually(() => assert.equal(target.posts.length, 1), PATIENCE);
      await receiver.close(10);
      assert.equal(countOf('dropped'), 3);
      assert.match(log.text(), /"events":3,.*"msg":"events were not delivered before the stop"/);
    });

    it('has one more chance, and no more, when it fails', async () => {
      target.answer = (response) => void response.writeHead(503).end();
      make({ pace: { ...PACE, firstPause: 3_600_000, longestPause: 3_600_000 } });
      for (const name of ['a', 'b']) receiver.offer(makeEvent(name));
      await until('failed', 1);
      await receiver.close(PATIENCE);
      assert.deepEqual(ids(), ['a', 'a', 'b']);
      assert.equal(countOf('dropped'), 2);
    });
  });

  describe('that takes no bytes', () => {
    let server: Server;
    const sockets: Socket[] = [];
    before(async () => {
      server = createServer((socket) => void sockets.push(socket.pause()));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    });
    after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });

    it('is given up too', async () => {
      const address = server.address();
      assert(typeof address === 'object' && address !== null);
      const url = new URL(`http://127.0.0.1:${address.port}/`);
      make({ url, pace: { ...PACE, timeout: 50 } });
      const text = JSON.stringify({ id: 'x'.repeat(1024 * 1024) });
      receiver.offer({ kind: 'refused', id: 'x', text, bytes: text.length });
      await eventually(() => assert.match(told(), /no answer within/), PATIENCE);
    });
  });
});

function answerWith(status: number, headers: Readonly<Record<string, string>> = {}): AnswerPost {
  return (response) => void response.writeHead(status, headers).end('text');
}

function toTold(status: number): RegExp {
  return new RegExp(`it answers ${status}\\b`);
}
