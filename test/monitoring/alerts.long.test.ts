// The alerts ask for what a server tells, and Prometheus fires them when it should.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseDocument } from 'yaml';
import { z } from 'zod';
import { useTemporary } from '../kit/temporary.ts';
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

/**
 * Writes each test to a file of its own, with the rules that it asks about, or with all where it asks
 * for none by name; gives the files. All rules at every minute of every test take three times as long.
 */
async function splitTests(directory: string): Promise<readonly string[]> {
  const whole = readMonitoring(TESTS);
  const { tests } = testsSchema.parse(parse(whole));
  return Promise.all(
    tests.map(async ({ promql_expr_test: checks }, index) => {
      const isAsked = ({ alert }: { readonly alert: string }): boolean =>
        checks.some(({ expr }) => !/alertname="/.test(expr) || expr.includes(`"${alert}"`));
      const group = { name: 'lookaside', rules: rules.filter(isAsked) };
      await writeFile(join(directory, `${index}.rules`), JSON.stringify({ groups: [group] }));
      // As a document, in which numbers stay as they are written: `0x25` is 25 times 0.
      const test = parseDocument(whole);
      test.set('rule_files', [`${index}.rules`]);
      test.set('tests', [test.getIn(['tests', index])]);
      const name = join(directory, `${index}.test`);
      await writeFile(name, test.toString({ lineWidth: 0 }));
      return name;
    }),
  );
}

describeWith(['promtool'], 'the alerts in Prometheus', () => {
  const directory = useTemporary();

  it('are taken', async () => {
    const said = await promtool(['check', 'rules', ALERTS]);
    assert.match(said, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });

  it('fire when they should, and only then', async () => {
    await promtool(['test', 'rules', ...(await splitTests(directory()))]);
  });
});
