// What people send or push who want a server to stop. Each input is prepared first, so that making
// it costs nothing while it is measured, and then begun.
import { dirname } from 'node:path';
import { eventually } from '../../../test/kit/eventually.ts';
import { lookUp } from '../../../test/kit/program/look-up.ts';
import {
  deltaBomb,
  HOSTILE_DIRECTORY,
  hugeSubject,
  makeBzip2Bomb,
  multiplyingTree,
} from '../../../test/kit/remote/bomb-repository.ts';
import type { GoodWorld } from '../../../test/kit/good-world.ts';
import type { TreeEntry } from '../../../test/kit/remote/object-pack.ts';
import {
  dripForgedBodies,
  pipeline,
  sendForgedBodies,
  type RudeClients,
} from '../../../test/kit/program/rude-clients.ts';
import type { Served } from '../../../test/kit/program/served.ts';
import {
  progressFlood,
  progressForEver,
  type SmartHttp,
} from '../../../test/kit/remote/smart-http.ts';

/** What an input acts on. */
export interface Target {
  readonly world: GoodWorld;
  readonly host: SmartHttp;
  readonly served: Served;
}

export interface HostileInput {
  readonly name: string;
  /** Before the clients are measured. */
  readonly prepare?: (target: Target) => Promise<unknown>;
  /** Milliseconds that it is measured for, where that is not enough. */
  readonly lasts?: number;
  /** Begins it; clients that are given are stopped when the time is over. */
  readonly begin: (target: Target) => RudeClients | undefined;
}

const MiB = 1024 * 1024;
const PAGE = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const PIPELINED = 6.6 * MiB;
const BODY = 24 * MiB;
const CONNECTIONS = 100;
const SUBJECT = 60 * MiB;
const FLOOD = 561 * MiB;
/** A push that is served at all is served by then. Milliseconds. */
const SERVED = 25_000;
const BOMBS = 20;
/** Unpacked. */
const BOMB = 512 * MiB;

/** The inputs, beside none. */
export const HOSTILE_INPUTS: readonly HostileInput[] = [
  { name: 'nothing hostile', begin: () => undefined },
  {
    name: '6.6 MB of pipelined GET /',
    begin: ({ served }) => pipeline(served.baseUrl, PAGE, PIPELINED),
  },
  {
    name: `${CONNECTIONS} unsigned webhooks of 24 MiB`,
    begin: ({ served }) =>
      sendForgedBodies(served.baseUrl, { connections: CONNECTIONS, bytes: BODY }),
  },
  {
    name: `${CONNECTIONS} slow webhooks`,
    begin: ({ served }) =>
      dripForgedBodies(served.baseUrl, { connections: CONNECTIONS, every: 100 }),
  },
  pushed('ten trees that make 100,000,000 paths', async ({ world }) => {
    const leaf = world.steady[0]?.bytes;
    await world.graft('hostile', (pack) =>
      multiplyingTree(pack, { width: 10, depth: 8, ...(leaf && { leaf }) }),
    );
    await world.publish();
  }),
  {
    name: 'a commit subject of 60 MiB, and the page that tells of it',
    lasts: 30_000,
    prepare: async ({ world }) => {
      world.add(await world.sign());
      await world.publish({ message: hugeSubject(SUBJECT) });
    },
    begin: ({ world, served }) => {
      const { location = '' } = world.files.at(-1) ?? {};
      const page = `${served.statusUrl}/image?directory=${encodeURIComponent(dirname(location))}`;
      void world
        .announce(served)
        .then(async () => eventually(async () => lookUpGood(served, location), SERVED))
        .then(async () => (await fetch(page)).arrayBuffer())
        .catch(() => undefined);
      return undefined;
    },
  },
  pushed(`${BOMBS} bzip2 bombs`, async ({ world }) => {
    const bomb = await makeBzip2Bomb(BOMB);
    await world.graft('hostile', (pack) => {
      const files = Array.from({ length: BOMBS }, (_, index): [string, TreeEntry] => [
        `signature-${index + 1}`,
        // Each another file, so that no verdict of one holds for the next.
        pack.blob(Buffer.concat([bomb, Buffer.from([index])])),
      ]);
      return pack.tree(new Map([[HOSTILE_DIRECTORY, pack.tree(new Map(files))]]));
    });
    await world.publish();
  }),
  pushed('deltas that unpack to 2 GiB', async ({ world }) => {
    await world.graft('hostile', (pack) => deltaBomb(pack, { blobs: 32, bytes: 64 * MiB }));
    await world.publish();
  }),
  pushed('561 MiB of progress', async ({ host }) => host.behave(progressFlood(FLOOD))),
  pushed('progress for ever', async ({ host }) => host.behave(progressForEver(100))),
];

/** An input that begins when the server is told that there is something new. */
function pushed(name: string, prepare: (target: Target) => Promise<unknown>): HostileInput {
  return {
    name,
    prepare,
    begin: ({ world, served }) => {
      // Whether it is answered is seen by what the clients get.
      void world.announce(served).catch(() => undefined);
      return undefined;
    },
  };
}

async function lookUpGood(served: Served, location: string): Promise<void> {
  const { status } = await lookUp(served, location);
  if (status !== 200) throw new Error(`${location}: got ${status}`);
}
