// The workflow of a release: what GitHub reads, what it may do, and what its scripts are. What they do is
// tested by files.long.test.ts and `npm run release:try`.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { parse } from 'yaml';
import { z } from 'zod';
import { versionOf } from '../../scripts/release/version-faults.ts';
import { runOrThrow } from '../kit/process/run.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith, toolPath } from '../with-tools.ts';

const PATH = '.github/workflows/release.yml';
const TEXT = readFileSync(PATH, 'utf8');
const rights = z.record(z.string(), z.enum(['read', 'write']));
const step = z.object({
  name: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
  env: z.record(z.string(), z.string()).optional(),
});
const workflow = z
  .object({
    on: z.object({ push: z.object({ tags: z.tuple([z.string()]) }) }),
    permissions: z.strictObject({}),
    jobs: z.record(
      z.string(),
      z.object({
        needs: z.union([z.string(), z.array(z.string())]).optional(),
        environment: z.string().optional(),
        permissions: rights,
        'timeout-minutes': z.number(),
        steps: z.array(step),
      }),
    ),
  })
  .parse(parse(TEXT));
const STEPS = Object.values(workflow.jobs).flatMap(({ steps }) => steps);
const RUNS = STEPS.flatMap(({ run: script }) => script ?? []);

describe('the workflow of a release', () => {
  it('is one as GitHub reads it', () => {
    const { context } = parseWorkflow({ name: PATH, content: TEXT }, new NoOperationTraceWriter());
    assert.deepEqual(context.errors.getErrors(), []);
  });

  it('runs for tags of versions alone', () => {
    const [pattern] = workflow.on.push.tags;
    assert.equal(pattern, 'v[0-9]+.[0-9]+.[0-9]+');
    assert.equal(versionOf('v10.20.30'), '10.20.30');
  });

  it('has the rights that each of its jobs needs, and no others', () => {
    const given = Object.entries(workflow.jobs).map(([name, { permissions }]) => [
      name,
      permissions,
    ]);
    const id = { 'id-token': 'write' };
    assert.deepEqual(Object.fromEntries(given), {
      check: { contents: 'read' },
      files: { contents: 'read', ...id, attestations: 'write' },
      image: { contents: 'read', packages: 'write', ...id, attestations: 'write' },
      chart: { contents: 'read', packages: 'write', ...id },
      npm: id,
      release: { contents: 'write' },
    });
  });

  it('publishes nothing before the tests have passed, and tells of it when all is there', () => {
    const needs = (name: string): readonly string[] => [workflow.jobs[name]?.needs ?? []].flat();
    for (const name of Object.keys(workflow.jobs).filter((one) => one !== 'check')) {
      assert.ok(needs(name).includes('check'), name);
    }
    assert.ok(RUNS.includes('.ci/run'));
    const others = Object.keys(workflow.jobs).filter((name) => name !== 'release');
    assert.deepEqual(needs('release').toSorted(), others.toSorted());
  });

  it('has secrets where an environment guards them, and no script with a name of its own for them', () => {
    for (const [name, { environment, steps }] of Object.entries(workflow.jobs)) {
      const isSecret = JSON.stringify(steps).includes('secrets.');
      if (isSecret) assert.equal(environment, 'release', name);
    }
    assert.deepEqual(
      [...new Set(TEXT.match(/secrets\.\w+/g))].toSorted(),
      ['SIGNATURES_TOKEN', 'SIGNING_KEY', 'SIGNING_PASSPHRASE'].map((name) => `secrets.${name}`),
    );
  });

  it('takes actions of others by their commits, and tells their versions', () => {
    const uses = [...TEXT.matchAll(/uses: (.*)/g)].map(([, use = '']) => use);
    const others = uses.filter((use) => !use.startsWith('./'));
    assert.ok(others.length > 10);
    for (const use of others) assert.match(use, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    const commits = new Map<string, string>();
    for (const use of others) {
      const [name = '', commit = ''] = use.split('@');
      assert.equal(commits.get(name) ?? commit, commit, `two versions of ${name}`);
      commits.set(name, commit);
    }
  });

  it('keeps the credentials of the checkout away from what it runs', () => {
    const checkouts = STEPS.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    assert.ok(checkouts.length > 2);
    for (const { with: given } of checkouts)
      assert.deepEqual(given, { 'persist-credentials': false });
  });

  it('gives its scripts values by variables', () => {
    for (const script of RUNS) assert.doesNotMatch(script, /\$\{\{/);
  });

  it('calls scripts that are there, and leaves none out', () => {
    const called = RUNS.flatMap((script) => script.match(/scripts\/release\/[\w-]+\.\w+/g) ?? []);
    for (const path of called) {
      assert.ok(existsSync(path), path);
      if (path.endsWith('.sh')) assert.ok(statSync(path).mode & 0o100, path);
    }
    const scripts = readdirSync('scripts/release').filter((name) => name.endsWith('.sh'));
    for (const name of scripts) assert.ok(called.includes(`scripts/release/${name}`), name);
    const local = STEPS.flatMap(({ uses }) => (uses?.startsWith('./') ? uses : []));
    for (const path of local) assert.ok(existsSync(join(path, 'action.yml')), path);
  });

  it('gives the action that signs what it takes', () => {
    const signing = STEPS.find(({ uses }) => uses === './deploy/ci/github/sign');
    const action = z
      .object({ inputs: z.record(z.string(), z.unknown()) })
      .parse(parse(readFileSync('deploy/ci/github/sign/action.yml', 'utf8')));
    const given = Object.keys(signing?.with ?? {});
    assert.ok(given.includes('images') && given.includes('to'));
    for (const name of given) assert.ok(name in action.inputs, name);
  });
});

describeWith(['shellcheck'], 'the scripts in the workflow of a release', () => {
  const directory = useTemporary();
  it('leave shellcheck nothing to say', async () => {
    const files = RUNS.map((_script, index) => join(directory(), `${index}.sh`));
    for (const [index, file] of files.entries()) await writeFile(file, `${RUNS[index]}\n`);
    await runOrThrow(toolPath('shellcheck'), ['--shell=bash', '--severity=style', ...files]);
  });
});
