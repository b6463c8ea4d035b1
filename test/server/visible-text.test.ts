// Whatever strangers write, nothing leaves that a terminal obeys, and no line of the log is endless.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { formatUsageError } from '../../cli/base/usage-error.ts';
import { formatShown } from '../../cli/show.ts';
import { escapeJson, formatJson, toLine } from '../../generator/terms/text.ts';
import { reject } from '../../generator/terms/rejection.ts';
import { MAX_LOG_LINE, createProgramLog } from '../../generator/system/program-log.ts';
import { createTerminalStream } from '../../generator/system/terminal-stream.ts';
import { SourceError } from '../../generator/sources/source.ts';
import { eventually } from '../kit/eventually.ts';
import { readStatus } from '../kit/program/read-status.ts';
import { captureLines } from '../kit/server/captured-lines.ts';
import { startExample } from '../kit/server/example-server.ts';
import { createGate } from '../kit/server/gate.ts';
import { createMemorySource } from '../kit/server/memory-source.ts';
import { makeWorld, refusedPull, startStatus } from './status/page-server.ts';

/** But for the ends of lines. */
const OBEYED = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u;
const HEX = 'ab'.repeat(32);

const peculiar = fc.constantFrom(
  '\u009b31m',
  '\u001b]0;x\u0007',
  '\u202e',
  '\u2028',
  '\u{e0041}',
  '\u{1d173}',
  '\ufeff',
  '\r\n',
  '\0',
  '\u007f',
  '\ud800',
  '"\\u009b',
);
const texts = fc.array(fc.oneof(peculiar, fc.string({ unit: 'binary' })), { maxLength: 12 });
const text = texts.map((parts) => parts.join(''));
const long = fc.tuple(text, fc.nat({ max: 40_000 })).map(([one, size]) => {
  const length = Math.max(1, one.length);
  return one.repeat(Math.ceil(size / length));
});

const assertVisible = (shown: string): void => {
  const found = OBEYED.exec(shown);
  assert.equal(found, null, `U+${found?.[0].codePointAt(0)?.toString(16)}`);
};

describe('text of strangers', () => {
  it('is in JSON as it was, in characters that all can see', () => {
    fc.assert(
      fc.property(fc.jsonValue(), text, fc.constantFrom(undefined, 2), (value, own, indent) => {
        const all = { value, own, [own]: own };
        const json = formatJson(all, indent);
        assertVisible(json);
        assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(all)));
        assert.equal(escapeJson(json), json, 'nothing is escaped twice');
      }),
    );
  });

  it('is visible in the log, and its lines are short', () => {
    fc.assert(
      fc.property(long, long, (one, other) => {
        const lines = captureLines();
        const log = createProgramLog(lines.stream);
        log.error({ hint: one, nested: { list: [other, one], deep: { error: other } } }, one);
        log.warn(other);
        log.info(
          Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`f${at}`, one])),
          other,
        );
        const written = lines.take();
        assert.equal(written.length, 3);
        for (const line of written) {
          assertVisible(line);
          assert.ok(Buffer.byteLength(line) < MAX_LOG_LINE, `${line.length}`);
          JSON.parse(line);
        }
        const { msg } = JSON.parse(written[1] ?? '') as { msg: string };
        const beginning = msg.slice(0, 900).replace(/[\ud800-\udbff\ufffd]$/, '');
        assert.ok(other.toWellFormed().startsWith(beginning.toWellFormed()));
      }),
      { numRuns: 25 },
    );
  });

  it('is visible on a terminal, with no other colours than ours', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const lines = captureLines();
        const log = createProgramLog(createTerminalStream(lines.stream, true));
        log.warn({ path: one, nested: { list: [other] } }, other);
        // eslint-disable-next-line no-control-regex
        assertVisible(lines.text().replaceAll(/\u001b\[\d+m/g, ''));
      }),
    );
  });

  it('is visible in complaints, cut, and in what is shown of a signature', () => {
    fc.assert(
      fc.property(long, (one) => {
        const complaint = formatUsageError(Object.assign(new Error(one), { hint: one }));
        assertVisible(complaint);
        assert.equal(complaint.match(/\n/g)?.length, 2);
        const claims = { dockerReference: one, manifestDigest: one, creator: one, timestamp: one };
        const verdict = { status: 'unverified' } as const;
        const shown = {
          path: one,
          size: 1,
          form: 'binary',
          claims,
          signature: null,
          verdict,
        } as const;
        assertVisible(formatShown([shown, shown], false));
        assert.ok(toLine(one).length <= 10_001);
      }),
      { numRuns: 25 },
    );
  });

  it('is cut, when a git host says 40 KB of it', async () => {
    const source = createMemorySource({ commit: 'a', files: {} });
    const loaded = createGate();
    const server = await startExample({ source, onServing: loaded.open });
    try {
      await loaded.wait();
      const said = 'remote: \u009b31m\u202e'.repeat(4000);
      source.onRefresh = () => {
        throw new SourceError(said, { hint: said });
      };
      await fetch(`${server.statusUrl}/refresh`, { method: 'POST' });
      const status = await eventually(async () => {
        const read = await readStatus(server);
        assert.ok(read.lastError);
        return read;
      });
      assert.ok(status.lastError !== null && status.lastError.message.length < 10_000);
      assert.ok((status.troubles[0]?.message.length ?? 0) < 10_000);
      const page = await (await fetch(server.statusUrl)).text();
      assertVisible(page);
      assert.ok(page.length < 60_000, `${page.length}`);
      const lines = server.programLog.take();
      assert.ok(lines.some((line) => line.includes('refresh failed')));
      for (const line of lines) {
        assertVisible(line);
        assert.ok(Buffer.byteLength(line) < MAX_LOG_LINE);
      }
    } finally {
      await server.stop();
    }
  });

  it('is visible in whatever the status listener answers', async () => {
    const hostile = 'a\u009b31m\u202e\u2028\u{e0041}\u007f/b';
    const world = await makeWorld();
    const rejected = reject('unknown-format', hostile);
    world.refusedFiles = [
      { path: `team/app@sha256=${HEX}/${hostile}`, status: 'rejected', ...rejected },
    ];
    world.location = hostile;
    world.status = { ...world.status, lastError: { at: '2026-01-01', message: hostile } };
    world.troubles.raise('state-refused', {
      message: hostile,
      hint: hostile,
      commit: 'c'.repeat(40),
      author: `Mallory ${hostile}`,
    });
    world.refused = [refusedPull(`team/app@sha256=${HEX}`, { clients: [hostile] })];
    const { url, stop } = await startStatus(world);
    try {
      const query = encodeURIComponent(hostile);
      for (const path of [
        '/',
        '/status.json',
        '/refused.json',
        '/repositories.json',
        `/repositories.json?${query}=1`,
        `/repositories.json?prefix=${query}`,
        `/explain.json?image=${query}`,
        `/explain.json?image=a.example/b&digest=${query}`,
        `/refused`,
        `/rejected?after=${query}`,
        `/search?q=${query}`,
        `/repository?name=${query}`,
        `/image?name=${query}`,
      ]) {
        const response = await fetch(`${url}${path}`);
        const body = await response.text();
        assertVisible(body);
        assert.ok(body.length > 0, path);
        const type = response.headers.get('content-type');
        if (path.includes('.json')) assert.equal(type, 'application/json; charset=utf-8');
      }
      const page = await (await fetch(url)).text();
      assert.match(page, /c{12}<\/code> of <bdi>Mallory a\\u\{9b\}31m/);
      const status = await (await fetch(`${url}/status.json`)).json();
      assert.ok(JSON.stringify(status).includes('\u202e'), 'programs read it as it was');
    } finally {
      await stop();
    }
  });
});
