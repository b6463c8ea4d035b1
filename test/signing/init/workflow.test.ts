// The workflow that `init` writes for GitHub works as written.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { OPTIONS, OPTION_NAMES, optionOf } from '../../../cli/base/options.ts';

const workflowSchema = z.object({
  on: z.string(),
  permissions: z.strictObject({}),
  jobs: z.record(
    z.string(),
    z.object({
      permissions: z.record(z.string(), z.string()),
      steps: z.array(
        z.object({
          if: z.string().optional(),
          uses: z.string().optional(),
          run: z.string().optional(),
          with: z.record(z.string(), z.unknown()).optional(),
        }),
      ),
    }),
  ),
});

const TEMPLATE = 'signing/init/templates/github.yml';

describe('the workflow for GitHub', () => {
  const workflow = workflowSchema.parse(parse(readFileSync(TEMPLATE, 'utf8'), { strict: true }));
  const jobs = Object.values(workflow.jobs);
  const steps = jobs.flatMap((job) => job.steps);
  // What stands behind the name of the image, without where it goes.
  const checks = steps.flatMap(({ run = '' }) =>
    [...run.matchAll(/"\$IMAGE"\s+(check [^>|]*)/g)].map(([, words = '']) => words.trim()),
  );

  it('checks every pull request', () => {
    assert.equal(workflow.on, 'pull_request');
    assert.deepEqual(
      checks.map((words) => words.replace(/--format \w+/, '')),
      ['check . --base HEAD^1 --strict ', 'check . --base HEAD^1 --strict '],
    );
  });

  it('uses only flags and formats that exist', () => {
    const known = OPTION_NAMES.filter((name) => optionOf(name).commands.includes('check'));
    const names = new Set<string>(known);
    for (const words of checks) {
      for (const [, flag = ''] of words.matchAll(/--([a-z][a-z-]+)/g)) {
        assert.ok(names.has(flag), `--${flag}`);
      }
      const [, format] = /--format (\w+)/.exec(words) ?? [];
      OPTIONS.format.schema.parse(format);
    }
  });

  it('may write nothing but code scanning results', () => {
    for (const { permissions } of jobs) {
      const writable = Object.entries(permissions).filter(([, access]) => access !== 'read');
      assert.deepEqual(writable, [['security-events', 'write']]);
    }
    const checkout = steps.find(({ uses }) => uses?.startsWith('actions/checkout@'));
    assert.equal(checkout?.with?.['persist-credentials'], false);
  });

  it('uploads what it wrote, faults or not, with actions pinned to a major version', () => {
    for (const uses of steps.flatMap((step) => step.uses ?? [])) assert.match(uses, /@v[0-9]+$/);
    const upload = steps.at(-1);
    assert.match(upload?.uses ?? '', /^github\/codeql-action\/upload-sarif@/);
    assert.match(upload?.if ?? '', /^always\(\)/);
    const file = String(upload?.with?.['sarif_file']);
    assert.ok(steps.some((step) => step.if === 'always()' && step.run?.includes(`> ${file}`)));
  });
});
