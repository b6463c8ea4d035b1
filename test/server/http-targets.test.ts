import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type ExampleServer, TWICE, startExample } from '../kit/server/example-server.ts';
import { formatRequest, parseAnswers, sendRaw } from '../kit/web/raw-http.ts';

const FIRST = `/${TWICE}/signature-1`;
const SECOND = `/${TWICE}/signature-2`;
const [, HEX = ''] = TWICE.split('@sha256=');
/** Pieces that a target is spoilt with. */
const JUNK = (
  '/ // %40 %3D %3d ? .. . %2f %5c %00 % %25 %2 # @ = \\ %74 %31 -1 sha256 ' +
  `signature-2 signature-01 ${HEX} ${TWICE}`
).split(' ');

describe('any request target', () => {
  let server: ExampleServer;
  before('start', async () => {
    server = await startExample({ accessLog: 'none' });
  });
  after('stop', async () => server.stop());

  it('gives the right bytes for a target, or says that it is not there', async () => {
    const pieces = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...FIRST.split(/(?=[/@=-])/)) },
      {
        weight: 3,
        arbitrary: fc.constantFrom(...JUNK),
      },
      fc.string({ unit: 'binary-ascii', maxLength: 3 }),
      fc.nat(255).map((byte) => String.fromCharCode(byte)),
    );
    const mutated = fc
      .tuple(
        fc.constantFrom(FIRST, SECOND, `/${FIRST}`, `http://h${FIRST}`),
        fc.nat(120),
        fc.nat(2),
        pieces,
      )
      .map(([text, from, cut, piece]) => text.slice(0, from) + piece + text.slice(from + cut));
    const joined = fc.array(pieces, { maxLength: 12 }).map((parts) => `/${parts.join('')}`);
    const unchanged = fc.constantFrom(FIRST, SECOND, `/${FIRST}`);
    const target = fc.oneof(
      { weight: 5, arbitrary: mutated },
      { weight: 5, arbitrary: joined },
      { weight: 1, arbitrary: unchanged },
    );
    const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST');
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(method, target, async (verb, sent) => {
        const text = await sendRaw(server.url, formatRequest(verb, sent));
        const [answer, ...more] = parseAnswers(text, [verb]);
        assert.ok(answer);
        if (!isOneLine(sent)) {
          assert.ok([200, 400, 404, 405].includes(answer.status), String(answer.status));
          return;
        }
        assert.deepEqual(more, []);
        const path = referencePath(sent);
        const bytes = path === undefined ? undefined : server.files.get(path)?.toString('latin1');
        const isRead = verb !== 'POST';
        if (bytes !== undefined) {
          hits++;
          assert.equal(answer.status, isRead ? 200 : 405);
          assert.equal(answer.body, verb === 'GET' ? bytes : '');
        } else if (isRead && isPage(sent)) assert.equal(answer.status, 200);
        else {
          assert.ok(answer.status === 404 || (!isRead && answer.status === 405));
          assert.equal(answer.body, '');
        }
      }),
      { numRuns: 3000 },
    );
    assert.ok(hits > 20, `only ${hits} hits`);
  });
});

/** Spaces and line ends cut the request line: then it is another request, or none. */
function isOneLine(target: string): boolean {
  return !/[\t-\r ]/.test(target) && /^(?:https?:\/\/h)?\//.test(target);
}

function isPage(target: string): boolean {
  return /^(?:https?:\/\/h)?\/(?:\?[!"$-~]*)?$/.test(target);
}

/** The path of a signature as the contract words it, written anew and slowly. */
function referencePath(target: string): string | undefined {
  const withoutHost = target.replace(/^https?:\/\/h(?=\/)/, '');
  if (/[^!-~]/.test(target)) return undefined;
  if (target.includes('#')) return undefined;
  const [path = ''] = withoutHost.split('?');
  if (/%(?![0-9a-f]{2})|%00|%2f|%5c/i.test(path)) return undefined;
  const components = path.split('/').filter((component) => component !== '');
  if (path.endsWith('/')) return undefined;
  return components
    .join('/')
    .replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
