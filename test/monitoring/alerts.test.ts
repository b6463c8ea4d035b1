// The alerts ask for what a server tells, and Prometheus fires them when it should.
import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { z } from 'zod';
import { describeWith } from '../with-tools.ts';
import { assertAsksFor, readSeries } from './metrics-in.ts';
import { ALERTS, promtool, readMonitoring } from './monitoring-files.ts';

const TESTS = 'lookaside-alerts.test.yaml';

const text = z.string().min(1);
const ruleSchema = z.strictObject({
  alert: text,
  expr: text,
  for: text.optional(),
  labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
  annotations: z.strictObject({ summary: text, description: text }),
});
const rulesSchema = z.strictObject({
  groups: z.tuple([z.strictObject({ name: text, rules: z.array(ruleSchema) })]),
});
const checkSchema = z.object({ expr: text, exp_samples: z.array(z.unknown()) });
const testsSchema = z.object({
  tests: z.array(z.object({ promql_expr_test: z.array(checkSchema) })),
});

const [{ rules }] = rulesSchema.parse(parse(readMonitoring(ALERTS))).groups;

describe('the alerts', () => {
  it('ask only for metrics that there are', async () => {
    const series = await readSeries();
    for (const { expr } of rules) assertAsksFor(series, expr);
  });

  it('say what to do next', () => {
    for (const { alert, annotations } of rules) {
      assert.match(annotations.description, / Next step: [a-z].+\.$/s, alert);
      assert.doesNotMatch(annotations.summary, /\.$/, alert);
    }
  });

  it('are each tested to fire, and not to fire', () => {
    const { tests } = testsSchema.parse(parse(readMonitoring(TESTS)));
    const checks = tests.flatMap(({ promql_expr_test: own }) => own);
    for (const { alert } of rules) {
      const fires = checks
        .filter(({ expr }) => expr.includes(`alertname="${alert}"`))
        .map(({ exp_samples: samples }) => samples.length > 0);
      assert.deepEqual(new Set(fires), new Set([true, false]), alert);
    }
  });

  it('are listed in the README', () => {
    const rows = readMonitoring('README.md').matchAll(/^\| `(Lookaside\w+)` +\| (\w+) +\|/gm);
    assert.deepEqual(
      [...rows].map(([, alert, severity]) => [alert, severity]),
      rules.map(({ alert, labels }) => [alert, labels.severity]),
    );
  });
});

describeWith(['promtool'], 'the alerts in Prometheus', () => {
  it('are taken', async () => {
    const said = await promtool(['check', 'rules', ALERTS]);
    assert.match(said, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });

  it('fire when they should, and only then', async () => {
    await promtool(['test', 'rules', TESTS]);
  });
});
