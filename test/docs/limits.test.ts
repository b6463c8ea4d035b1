// What docs/limits.md says is what the code has.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { optionOf } from '../../cli/base/options.ts';
import { BUDGET_OPTIONS } from '../../generator/terms/budgets.ts';
import { BODY_LIMITS } from '../../server/follow/webhook/body-room.ts';
import { LISTENER_LIMITS, MAX_CONNECTIONS, MAX_HEADER_SIZE } from '../../server/listen/listener.ts';

describe('docs/limits.md', () => {
  const text = readFileSync('docs/limits.md', 'utf8');

  it('has every budget of a push with its default', () => {
    const rows = text.matchAll(/^\| `--([a-z-]+)` +\| `(\w+)` +\|/gm);
    assert.deepEqual(
      [...rows].map(([, name, usual]) => [name, usual]),
      Object.values(BUDGET_OPTIONS).map((name) => [name, optionOf(name).default]),
    );
  });

  it('has the limits of connections and bodies that the code has', () => {
    const { total, small, large } = BODY_LIMITS;
    for (const amount of [total, small, large]) {
      assert.ok(text.includes(`${amount / 1024 ** 2} MiB`), `${amount} bytes`);
    }
    const { headersTimeout, requestTimeout, keepAliveTimeout, socketTimeout } = LISTENER_LIMITS;
    for (const [what, limit] of [
      ['request line and headers', `${MAX_HEADER_SIZE / 1024} KiB`],
      ['time for them', `${headersTimeout / 1000} s`],
      ['time for a whole request', `${requestTimeout / 1000} s`],
      ['time between two requests', `${keepAliveTimeout / 1000} s`],
      ['time without a byte in either direction', `${socketTimeout / 1000} s`],
    ]) {
      assert.match(text, new RegExp(`^- ${what}: ${limit}(?: →|$)`, 'm'));
    }
    assert.ok(text.includes(`\`--max-connections\` (${MAX_CONNECTIONS.toLocaleString('en')};`));
  });
});
