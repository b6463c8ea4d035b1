import assert from 'node:assert/strict';
import { format } from 'prettier';
import { formatPart, formatTable } from '../../scripts/bench/report/format-tables.ts';
import { formatResults } from '../../scripts/bench/report/format-results.ts';
import { replaceResults } from '../../scripts/bench/report/write-docs.ts';
import { benchResult } from '../../scripts/bench/report/result.ts';
import { SAMPLE } from './sample-result.ts';

describe('the tables of the bench', () => {
  it('are Markdown with even columns', () => {
    const table = formatTable(
      ['name', 'value'],
      [
        ['a|b', '1'],
        ['longer than that', '12,345'],
      ],
      [1],
    );
    assert.equal(
      table,
      [
        '| name             |  value |',
        '| ---------------- | -----: |',
        String.raw`| a\|b             |      1 |`,
        '| longer than that | 12,345 |',
      ].join('\n'),
    );
  });

  it('show medians with their spread, goals and notes', () => {
    const [part] = SAMPLE.parts;
    assert.ok(part);
    const text = formatPart(part);
    assert.match(text, /^### Start\n/);
    assert.match(text, /\| cold start \| lookaside \| +12 \| +11 – 14 \| s +\| +3 \|/);
    assert.match(text, /\| warm start \| lookaside \| +3 \| +\| s +\| +1 \|/);
    assert.match(text, /\| at most 0.1 × \| +0.25 × \| \*\*no\*\* \|/);
    assert.match(text, /\n- A note\.\n/);
    assert.match(text, /Measured on 2026-01-02 in 60 s\.$/);
  });

  it('stay as prettier would have them', async () => {
    const text = `${formatResults(SAMPLE)}\n`;
    assert.equal(await format(text, { parser: 'markdown', printWidth: 100 }), text);
  });

  it('come back from JSON', () => {
    assert.deepEqual(benchResult.parse(JSON.parse(JSON.stringify(SAMPLE))), SAMPLE);
  });

  it('go between the markers of a page, again and again', () => {
    const page = 'before\n\n<!-- results -->\n<!-- end -->\n\nafter\n';
    const once = replaceResults(page, 'some');
    assert.equal(once, 'before\n\n<!-- results -->\n\nsome\n\n<!-- end -->\n\nafter\n');
    assert.equal(replaceResults(once, 'some'), once);
    assert.throws(() => replaceResults('no markers', 'some'), /lacks/);
  });
});
