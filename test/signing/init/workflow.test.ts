// The workflows and the pipeline that `init` writes work as written.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { OPTIONS, OPTION_NAMES, optionOf } from '../../../cli/base/options.ts';
import { type RunResult, run } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { putLookasideInPath } from '../../kit/program/lookaside-in-path.ts';
import { type GitRemote, makeGitRemote } from '../../kit/remote/git-remote.ts';
import { type Publisher, makePublisher } from '../../kit/signer/publisher.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const workflowSchema = z.object({
  on: z.strictObject({ pull_request: z.strictObject({ types: z.array(z.string()) }) }),
  env: z.record(z.string(), z.string()),
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
  const checks = steps.flatMap(({ run: script = '' }) =>
    [...script.matchAll(/"\$IMAGE"\s+(check [^>|]*)/g)].map(([, words = '']) => words.trim()),
  );

  it('checks every pull request', () => {
    const { types } = workflow.on.pull_request;
    assert.deepEqual(types, ['opened', 'synchronize', 'reopened', 'labeled', 'unlabeled']);
    assert.deepEqual(
      checks.map((words) => words.replace(/--format \w+/, '')),
      Array.from({ length: 2 }, () => 'check . --base HEAD^1 --strict $ALLOW_REMOVALS '),
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

/** What GitHub and Gitea make of a label. */
const BY_LABEL =
  "${{ contains(github.event.pull_request.labels.*.name, 'allow-removals') && '--allow-removals' || '' }}";

describeWith(['git', 'gpg'], 'what init writes for a git host', () => {
  const directory = useTemporary('suite');
  let publisher: Publisher;
  let remote: GitRemote;
  let [PATH, base] = ['', ''];
  before('take a signature back', async () => {
    publisher = await makePublisher();
    remote = await makeGitRemote();
    PATH = await putLookasideInPath(directory());
    // The container that the workflow for GitHub starts has the same program.
    const docker = join(directory(), 'bin/docker');
    await writeFile(
      docker,
      '#!/bin/sh\nwhile [ "$1" != check ]; do shift; done\nexec lookaside "$@"\n',
    );
    await chmod(docker, 0o755);
    await runLookaside(['init', remote.work, '--keys', publisher.keyFile]);
    const { location, bytes } = await publisher.sign();
    base = await remote.commit({ [location]: bytes });
    await remote.commit({ [location]: null });
  });
  after(async () => {
    await remote.remove();
    await publisher.stop();
  });

  const step = z.object({ name: z.string().optional(), run: z.string().optional() });
  const workflowJob = z.object({ steps: z.array(step.loose()) });
  const pipeline = z.object({ 'check-signatures': z.object({ script: z.array(z.string()) }) });

  const readScript = (forge: string): string => {
    const text = readFileSync(`signing/init/templates/${forge}.yml`, 'utf8');
    if (forge === 'gitlab')
      return pipeline.parse(parse(text))['check-signatures'].script.join('\n');
    const { jobs } = z.object({ jobs: z.object({ check: workflowJob }) }).parse(parse(text));
    assert.ok(text.includes(BY_LABEL));
    return jobs.check.steps.find(({ name }) => name === 'Check')?.run ?? '';
  };

  const start = async (forge: string, label: string): Promise<RunResult> =>
    run('sh', ['-c', readScript(forge)], {
      cwd: remote.work,
      env: {
        PATH,
        IMAGE: 'lookaside',
        BASE: base,
        ALLOW_REMOVALS: label === 'allow-removals' ? '--allow-removals' : '',
        CI_MERGE_REQUEST_DIFF_BASE_SHA: base,
        CI_MERGE_REQUEST_LABELS: `bug,${label}`,
      },
    });

  for (const forge of ['github', 'gitlab', 'gitea']) {
    it(`lets a signature be taken back by a label: ${forge}`, async () => {
      const refused = await start(forge, 'allow-removals-later');
      assert.equal(refused.code, 1, refused.stderr);
      assert.match(refused.stdout, /signature-removed/);
      assert.match(refused.stdout, /the label `allow-removals` on the proposal/);
      const taken = await start(forge, 'allow-removals');
      assert.equal(taken.code, 0, `${taken.stdout}${taken.stderr}`);
      assert.match(taken.stdout, /1 lost, as allowed/);
    });
  }
});
