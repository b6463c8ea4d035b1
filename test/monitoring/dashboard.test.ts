// The dashboard shows what a server tells, all of it.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { METRICS } from '../../server/metrics/metric-list.ts';
import { makeTemporary, removeTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';
import { assertAsksFor, metricsIn, readSeries } from './metrics-in.ts';
import { promtool, readMonitoring } from './monitoring-files.ts';

const text = z.string().min(1);
const source = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
const panelSchema = z.object({
  id: z.number(),
  title: text,
  description: text,
  datasource: source,
  fieldConfig: z.object({ defaults: z.object({ unit: text }) }),
  gridPos: z.strictObject({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  targets: z.array(z.object({ datasource: source, expr: text })).min(1),
});
const rowSchema = z.object({ id: z.number(), type: z.literal('row'), title: text });
const dashboardSchema = z.object({
  templating: z.object({
    list: z.array(z.object({ name: text, type: text, allValue: text.optional() })),
  }),
  panels: z.array(z.union([rowSchema, panelSchema])),
});

const json = readMonitoring('lookaside-dashboard.json');
const { panels, templating } = dashboardSchema.parse(JSON.parse(json));
const shown = panels.flatMap((panel) => ('targets' in panel ? [panel] : []));
const expressions = shown.flatMap(({ targets }) => targets.map(({ expr }) => expr));

describe('the dashboard', () => {
  it('asks only for metrics that there are', async () => {
    const series = await readSeries();
    for (const expression of expressions) assertAsksFor(series, expression);
  });

  it('shows every metric', () => {
    const names = new Set(expressions.flatMap(metricsIn));
    for (const [name, { kind }] of Object.entries(METRICS)) {
      assert.ok(names.has(kind === 'histogram' ? `${name}_bucket` : name), name);
    }
  });

  it('is narrowed to a namespace and a job, without either where there is none', () => {
    const narrowed = /\{namespace=~"\$namespace",job=~"\$job"/;
    for (const expression of expressions) {
      const selectors = expression.match(/lookaside_\w+|process_\w+|nodejs_\w+/g) ?? [];
      assert.equal(
        expression.match(new RegExp(narrowed, 'g'))?.length,
        selectors.length,
        expression,
      );
    }
    const values = templating.list.map(({ name, allValue }) => [name, allValue]);
    assert.deepEqual(values, [
      ['datasource', undefined],
      // Plain Prometheus gives its targets no namespace.
      ['namespace', '.*'],
      ['job', '.+'],
    ]);
  });

  it('is of no certain machine', () => {
    assert.doesNotMatch(json, /:\/\/|\d+\.\d+\.\d+|localhost/);
    assert.ok(templating.list.some(({ name, type }) => name === 'datasource' && type === name));
  });

  it('has a place of its own for every panel', () => {
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of shown) {
      const { x, y, w, h } = gridPos;
      assert.ok(x + w <= 24, title);
      for (let index = 0; index < w * h; index++) {
        const place = `${x + (index % w)},${y + Math.floor(index / w)}`;
        assert.ok(!taken.has(place), `${title} covers another panel`);
        taken.add(place);
      }
    }
  });
});

describeWith(['promtool'], 'the dashboard in Prometheus', () => {
  it('has expressions that are taken', async () => {
    const rules = expressions.map((expr, index) => ({
      record: `panel:expression:${index}`,
      expr: expr
        .replaceAll('$__rate_interval', '5m')
        .replaceAll('$namespace', '.*')
        .replaceAll('$job', '.+'),
    }));
    const directory = await makeTemporary();
    const path = join(directory, 'dashboard.yaml');
    await writeFile(path, stringify({ groups: [{ name: 'dashboard', rules }] }));
    await promtool(['check', 'rules', path]);
    await removeTemporary(directory);
  });
});
