import assert from 'node:assert/strict';
import { startExample } from '../kit/server/example-server.ts';
import { readMetrics } from '../server/metrics/read-metrics.ts';

/** The names of metrics in an expression of PromQL. */
export function metricsIn(expression: string): readonly string[] {
  const bare = expression
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replaceAll(/\b(?:by|on|without) \([^)]*\)/g, '')
    .replaceAll(/\boffset \w+/g, '');
  return [...bare.matchAll(/\b[a-z_]\w*\b(?!\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => name !== 'and' && name !== 'or');
}

/** Gives the names of the series that a server tells of. */
export async function readSeries(): Promise<ReadonlySet<string>> {
  const server = await startExample();
  const { kinds } = await readMetrics(server);
  await server.stop();
  const series = [...kinds].flatMap(([name, kind]) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  return new Set(series);
}

/** Fails for an expression with another metric than these. */
export function assertAsksFor(series: ReadonlySet<string>, expression: string): void {
  const names = metricsIn(expression);
  assert.ok(names.length > 0, expression);
  // Prometheus itself makes `up`.
  for (const name of names) {
    assert.ok(name === 'up' || series.has(name), `${name} in ${expression}`);
  }
}
