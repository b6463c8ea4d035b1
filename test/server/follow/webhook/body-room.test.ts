import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import {
  type BodyLimits,
  BodyRoom,
  type HeldBody,
} from '../../../../server/follow/webhook/body-room.ts';

const KIB = 1024;
const LIMITS: BodyLimits = {
  total: 500 * KIB,
  small: 64 * KIB,
  large: 200 * KIB,
  time: 10_000,
  waiting: 4,
  rate: 1000 * KIB,
  interval: 10,
};

interface Sender {
  readonly body: HeldBody;
  readonly events: string[];
}

function openIn(room: BodyRoom, client: string, length?: number): Sender {
  const events: string[] = [];
  const body = room.open({
    client,
    length,
    isKept: true,
    onRefused: (refusal) => events.push(refusal),
    onTurn: () => events.push('turn'),
  });
  return { body, events };
}

describe('the room for bodies', () => {
  it('holds what comes, unchanged, however it is cut', () => {
    const cuts = fc.array(fc.uint8Array({ maxLength: 20_000 }), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, fc.boolean(), (pieces, isAnnounced) => {
        const all = Buffer.concat(pieces);
        const { body } = openIn(new BodyRoom(LIMITS), 'a', isAnnounced ? all.length : undefined);
        for (const piece of pieces) if (!body.add(Buffer.from(piece))) return;
        assert.ok(body.bytes.equals(all));
        body.close();
      }),
    );
  });

  it('never holds more than it has, whoever sends what', () => {
    const rarely = fc.nat(7).map((one) => one === 0);
    const act = fc.record({ who: fc.nat(30), size: fc.nat(70 * KIB), closes: rarely });
    let fullest = 0;
    fc.assert(
      // Long ones: few bodies fill no room.
      fc.property(fc.array(act, { maxLength: 200, size: 'max' }), (acts) => {
        const room = new BodyRoom(LIMITS);
        const senders = new Map<number, Sender>();
        for (const { who, size, closes } of acts) {
          const sender = senders.get(who) ?? openIn(room, `client ${who % 7}`);
          senders.set(who, sender);
          sender.body.add(Buffer.alloc(size));
          const held = [...senders.values()].reduce((sum, { body }) => sum + body.held, 0);
          assert.ok(held <= LIMITS.total, `${held} bytes`);
          assert.ok(room.used <= LIMITS.total);
          fullest = Math.max(fullest, room.used);
          if (!closes && !sender.events.some((event) => event !== 'turn')) continue;
          sender.body.close();
          senders.delete(who);
        }
        for (const { body } of senders.values()) body.close();
        assert.equal(room.used, 0);
      }),
    );
    assert.ok(fullest > 0.9 * LIMITS.total, `${fullest} bytes at most: the test says little`);
  });

  it('refuses the oldest of the client that holds most, and nobody else', () => {
    const room = new BodyRoom(LIMITS);
    const honest = openIn(room, 'honest');
    assert.ok(honest.body.add(Buffer.alloc(20 * KIB)));
    const hostile = Array.from({ length: 40 }, () => openIn(room, 'hostile'));
    for (const { body } of hostile) body.add(Buffer.alloc(64 * KIB));
    assert.deepEqual(honest.events, []);
    const refused = hostile.findIndex(({ events }) => events.length === 0);
    assert.ok(refused > 30);
    assert.ok(hostile.slice(0, refused).every(({ events }) => events.join('') === 'busy'));
    const late = openIn(room, 'late');
    assert.ok(late.body.add(Buffer.alloc(20 * KIB)));
    for (const { body } of [honest, late, ...hostile]) body.close();
    assert.equal(room.used, 0);
  });

  it('refuses what is too large, and lets large ones come one at a time, clients in turn', () => {
    const room = new BodyRoom(LIMITS);
    const piece = Buffer.alloc(60 * KIB);
    const senders = ['a', 'a', 'b'].map((client) => openIn(room, client));
    for (const { body } of senders) assert.ok(body.add(piece));
    const [first, second, other] = senders;
    assert.ok(first && second && other);
    assert.ok(first.body.add(piece));
    assert.deepEqual(first.events, ['turn']);
    assert.ok(!second.body.add(piece));
    assert.ok(!other.body.add(piece));
    assert.deepEqual([second.events, other.events], [[], []]);
    first.body.close();
    assert.deepEqual([second.events, other.events], [[], ['turn']]);
    assert.ok(other.body.add(piece));
    assert.ok(!other.body.add(Buffer.alloc(30 * KIB)));
    assert.deepEqual(other.events, ['turn', 'too-large']);
    assert.deepEqual(second.events, ['turn']);
    assert.ok(second.body.bytes.equals(Buffer.alloc(120 * KIB)));
    second.body.close();
    assert.equal(room.used, 0);
  });

  it('lets so many wait, and refuses the newest of the client of which most do', () => {
    const room = new BodyRoom(LIMITS);
    const large = (client: string): Sender => {
      const sender = openIn(room, client, 150 * KIB);
      room.mayGrow(sender.body, 150 * KIB);
      return sender;
    };
    const crowd = Array.from({ length: 5 }, () => large('crowd'));
    const honest = large('honest');
    assert.deepEqual(honest.events, []);
    assert.deepEqual(
      crowd.map(({ events }) => events.join('')),
      ['turn', '', '', '', 'busy'],
    );
    crowd[0]?.body.close();
    assert.deepEqual(honest.events, ['turn']);
    for (const { body } of [honest, ...crowd]) body.close();
  });

  it('takes the turn from one that comes slowly while others wait, and only then', async () => {
    const room = new BodyRoom(LIMITS);
    const slow = openIn(room, 'slow', 150 * KIB);
    room.mayGrow(slow.body, 150 * KIB);
    slow.body.add(Buffer.alloc(100));
    await sleep(50);
    assert.deepEqual(slow.events, ['turn']);
    const waiting = openIn(room, 'waiting', 150 * KIB);
    room.mayGrow(waiting.body, 150 * KIB);
    await sleep(100);
    assert.deepEqual(slow.events, ['turn', 'too-slow']);
    assert.deepEqual(waiting.events, ['turn']);
    waiting.body.close();
  });

  it('gives each body so much time', async () => {
    const room = new BodyRoom({ ...LIMITS, time: 20 });
    const sender = openIn(room, 'a');
    sender.body.add(Buffer.alloc(100));
    await sleep(60);
    assert.deepEqual(sender.events, ['too-slow']);
    assert.ok(!sender.body.add(Buffer.alloc(100)));
    assert.equal(room.used, 0);
  });
});
