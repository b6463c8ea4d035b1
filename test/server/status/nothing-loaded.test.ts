import assert from 'node:assert/strict';
import { readPage } from './read-page.ts';
import {
  type StatusServer,
  type StatusWorld,
  makeWorld,
  refusedPull,
  startStatus,
} from './page-server.ts';
import { directoryOf, faulty, hexOf } from './sample-worlds.ts';

const imageOf = (directory: string): string => `/image?directory=${encodeURIComponent(directory)}`;

async function nothingLoaded(more: Partial<StatusWorld>): Promise<StatusServer> {
  const status = { generation: null, lastRefresh: null, lastError: null, runningSince: null };
  return startStatus({ ...(await makeWorld()), store: undefined, status, ...more });
}

describe('the status pages before anything is loaded', () => {
  let server: StatusServer | undefined;
  afterEach('stop', async () => {
    await server?.stop();
    server = undefined;
  });

  it('say so, and what is known all the same', async () => {
    const pull = refusedPull(directoryOf('team/app', 1));
    server = await nothingLoaded({ refused: [pull] });
    const asked = /The reason is known once the signatures are loaded\. Asked for once/;
    const nothing = /^ ?Nothing is loaded yet The signatures are being loaded\./;
    for (const [path, status, ...said] of [
      ['/', 200, /The signatures are being loaded/, asked],
      ['/refused', 200, asked],
      ['/rejected', 200, /Nothing is loaded yet/],
      ['/repository?name=team/app', 503, nothing, asked],
      ['/repository?name=nobody/knows', 503, nothing],
      [`/search?q=${hexOf(1)}`, 503, nothing, asked],
      ['/search?q=team', 503, nothing],
      ['/keys', 503, nothing],
      [imageOf(pull.directory), 503, nothing, asked],
      [imageOf(directoryOf('nobody/knows', 2)), 503, nothing, /Not known yet/],
    ] as const) {
      const page = await readPage(server, path);
      assert.equal(page.status, status, path);
      for (const words of said) assert.match(page.text, words, path);
      assert.doesNotMatch(
        page.text,
        /being looked up|There are none|no signatures? here|Not signed/,
      );
    }
  });

  it('show the files because of which the first state is refused', async () => {
    const directory = directoryOf('team/app', 1);
    const path = `${directory}/signature-1`;
    const world = await makeWorld(faulty(path));
    const at = new Date().toISOString();
    server = await nothingLoaded({
      refusedFiles: [...(world.store?.rejectedFiles() ?? [])],
      status: {
        generation: null,
        lastRefresh: { at, reason: 'start', result: 'refused', durationMs: 1 },
        lastError: { at, message: 'the newest state is refused: 1 rejected file' },
        runningSince: null,
      },
    });
    const whole = /The whole state is refused because of these files\./;
    const headline = /Nothing is served: the state is refused because of its rejected files\./;
    for (const [address, ...said] of [
      ['/', headline, whole],
      ['/rejected', whole],
      ['/repository?name=team/app', /Nothing is loaded yet/],
      [`/search?q=${hexOf(1)}`, /Nothing is loaded yet/],
      [imageOf(directory), /Nothing is loaded yet/],
    ] as const) {
      const { text } = await readPage(server, address);
      for (const words of said) assert.match(text, words, address);
      assert.ok(text.includes(path), address);
    }
  });
});
