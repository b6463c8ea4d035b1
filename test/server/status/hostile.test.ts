import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createSimplePolicy } from '../../../generator/policy/policy.ts';
import { formatDirectory, formatLocation } from '../../../generator/terms/location.ts';
import { keyringOf } from '../../kit/samples/samples.ts';
import { shapeOf } from '../html/shape-of.ts';
import { RED, fingerprintOf } from '../landing/policies.ts';
import {
  type StatusServer,
  type StatusWorld,
  makeWorld,
  refusedPull,
  startStatus,
} from './page-server.ts';
import { readPage } from './read-page.ts';
import { changeKeys, faulty, hexOf, signed } from './sample-worlds.ts';

const ATTACKS = [
  '"><script>alert(1)</script>',
  "' onclick='alert(1)",
  '</title></style></script>',
  '<!--',
  '&lt;script&gt;&#60;',
  ']]>',
  'javascript:alert(1)',
  '\u202eevil\u2066',
  'a\u0000\u001b[31m\r\nb',
  '%3Cscript%3E',
];
const NOW = Date.now();
const AT = new Date(NOW).toISOString();

/** What may stand in a directory: nodes ask for no others. */
function toRepository(text: string): string {
  return `ns/x${text.replaceAll(/[\p{Cc}\\/@]/gu, '')}x`.toWellFormed();
}

/** A world with a stranger's text wherever text of strangers can be. */
async function hostileWorld(text: string): Promise<StatusWorld> {
  const repository = toRepository(text);
  const claims = (hex: string) => ({
    dockerReference: text,
    manifestDigest: `sha256:${hex}`,
    creator: text,
    timestamp: 1,
  });
  const warnings = [{ code: 'weak-algorithm', message: text }] as const;
  const red = await fingerprintOf(RED);
  const sign = (hex: string) =>
    signed(formatDirectory(repository, hex), 1, red, {
      claims: claims(hex),
      warnings,
      signedAt: NOW,
    });
  const missing = formatDirectory(repository, hexOf(2));
  const bad = faulty(`${formatDirectory(repository, hexOf(3))}/${text}`);
  const world = await makeWorld(sign(hexOf(1)), bad, faulty(`${text}\n${text}`));
  const policy = await createSimplePolicy(await keyringOf(RED));
  const pull = { clients: [text, text], count: 2, hasMoreClients: true };
  return {
    ...world,
    location: text,
    status: { ...world.status, lastError: { at: AT, message: text } },
    policy: changeKeys(policy, (key) => ({ ...key, userIds: [text, text] })),
    refused: [missing, formatDirectory(repository, hexOf(3))].map((directory) =>
      refusedPull(directory, pull),
    ),
    resolved: [{ ...refusedPull(missing, pull), arrivedAt: NOW, commit: text }],
    lastChange: async () => ({
      id: text,
      author: { name: text, email: text },
      date: AT,
      subject: text,
    }),
  };
}

describe('the status pages, whatever strangers write', () => {
  let server: StatusServer;
  let generation = 1;
  before('start', async () => {
    server = await startStatus(await makeWorld());
  });
  after('stop', async () => server.stop());

  const readAll = async (text: string): Promise<readonly string[]> => {
    const { world } = server;
    Object.assign(world, await hostileWorld(text));
    const status = { number: ++generation, commit: `c${text}`, loadedAt: AT };
    world.status = { ...world.status, generation: status };
    const name = toRepository(text);
    const queries = {
      '/': {},
      '/refused': {},
      '/refused?by=client': {},
      '/explain': { image: `r.example/team/app@sha256:${hexOf(1)}` },
      '/rejected': {},
      '/search': { q: hexOf(1) },
      '/repository': { name },
      '/image': { directory: formatDirectory(name, hexOf(1)) },
    };
    const pages: string[] = [];
    for (const [path, query] of Object.entries(queries)) {
      const { status: code, body } = await readPage(
        server,
        `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams(query)}`,
      );
      assert.equal(code, 200, `${path} ${text}`);
      pages.push(body);
    }
    const location = formatLocation(formatDirectory(name, hexOf(2)), 1);
    for (const path of [
      `/explain?${new URLSearchParams({ image: text, digest: text })}`,
      `/refused?${new URLSearchParams({ client: text })}`,
      `/search?${new URLSearchParams({ q: location })}`,
      `/search?${new URLSearchParams({ q: text })}`,
    ]) {
      pages.push((await readPage(server, path)).body);
    }
    return pages;
  };

  it('keep their shape', async () => {
    const plain = (await readAll('zqz')).map(shapeOf);
    // What is found by a text depends on the text.
    const found = plain.length - 1;
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(...ATTACKS),
    );
    const property = fc.asyncProperty(hostile, async (raw) => {
      const text = `z${raw.replaceAll(/[\uFFFE\uFFFF]/g, '')}z`;
      for (const [index, page] of (await readAll(text)).entries()) {
        const shape = shapeOf(page);
        if (index !== found) assert.deepEqual(shape, plain[index]);
        assert.ok(!shape.some((element) => /^(?:img|iframe|object)|\bon[a-z]+\b/.test(element)));
        const markup = page.replace(/<(style|script)>[^]*?<\/\1>/g, '').replaceAll('\n', '');
        assert.doesNotMatch(markup, /[\p{Cc}\p{Cf}]/u);
      }
    });
    const examples = ATTACKS.map((text): [string] => [text]);
    await fc.assert(property, { numRuns: 60, examples });
  });
});
