// The pieces of deploy/ci/ and the pipelines of `init`: each is what its system takes, and its script
// does what it says, run as it stands.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { parseAction } from '@actions/workflow-parser/actions/action-parser';
import { parse } from 'yaml';
import { z } from 'zod';
import { OPTION_NAMES, optionOf } from '../../cli/base/options.ts';
import { type GitRemote, makeGitRemote } from '../kit/remote/git-remote.ts';
import { type RunResult, run, runOrThrow } from '../kit/process/run.ts';
import { runLookaside } from '../kit/program/lookaside.ts';
import { putLookasideInPath } from '../kit/program/lookaside-in-path.ts';
import { SignWorld } from '../kit/push/sign-world.ts';
import { formatLocation } from '../kit/signer/signature-tree.ts';
import { type Publisher, makePublisher } from '../kit/signer/publisher.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith, toolPath } from '../with-tools.ts';
import {
  type Piece,
  gitlabJob,
  readAction,
  readComponent,
  readGiven,
  readPreparation,
  readTask,
} from './pieces.ts';

const CI = 'deploy/ci';
const TEMPLATES = 'signing/init/templates';
const CHECKS = {
  github: readAction(`${CI}/github/check/action.yml`),
  gitlab: readComponent(`${CI}/gitlab/templates/check.yml`),
  tekton: readTask(`${CI}/tekton/task/lookaside-check/0.1/lookaside-check.yaml`),
};
const SIGNS = {
  github: readAction(`${CI}/github/sign/action.yml`),
  gitlab: readComponent(`${CI}/gitlab/templates/sign.yml`),
  tekton: readTask(`${CI}/tekton/task/lookaside-sign/0.1/lookaside-sign.yaml`),
};
/** Who commits, by the names that each system has for it. */
const AUTHOR = {
  'author-name': 'CI',
  'author-email': 'ci@test',
};
const ALL: readonly Piece[] = [...Object.values(CHECKS), ...Object.values(SIGNS)];

/** What stands for an input, and for what each system has beside its inputs. */
const INPUT =
  /\$\{\{ inputs\.([a-z-]+) \}\}|\$\[\[ inputs\.([a-z-]+) \]\]|\$\(params\.([a-z-]+)\)/g;

/** The variables of a piece, as its system would set them; what is beside inputs is given by name. */
function resolveEnv(
  { env, inputs }: Piece,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const valueOf = (name: string): string => given[name] ?? inputs[name] ?? '';
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      value
        .replaceAll(INPUT, (_all, ...names: (string | undefined)[]) =>
          valueOf(names.find((one) => one !== undefined) ?? ''),
        )
        .replaceAll(
          /\$\(secret\.([a-z-]+)\)|^\$([A-Z_]+)$/g,
          (_all, secret?: string, variable?: string) => valueOf(secret ?? variable ?? ''),
        ),
    ]),
  );
}

describe('the pieces for pipelines', () => {
  const trace = new NoOperationTraceWriter();
  for (const { path } of [CHECKS.github, SIGNS.github]) {
    it(`are an action as GitHub reads it: ${path}`, () => {
      const content = readFileSync(path, 'utf8');
      const { context } = parseAction({ name: 'action.yml', content }, trace);
      assert.deepEqual(context.errors.getErrors(), []);
    });
  }
  for (const name of ['github.yml', 'gitea.yml']) {
    it(`are a workflow as GitHub reads it: ${name} of init`, () => {
      const content = readFileSync(`${TEMPLATES}/${name}`, 'utf8');
      const { context } = parseWorkflow({ name, content }, trace);
      assert.deepEqual(context.errors.getErrors(), []);
    });
  }
  it('are a pipeline with the keywords of GitLab: gitlab.yml of init', () => {
    const jobs = z.record(z.string(), gitlabJob);
    jobs.parse(parse(readFileSync(`${TEMPLATES}/gitlab.yml`, 'utf8')));
  });

  for (const piece of ALL) {
    it(`take parameters by variables, and use all of them: ${piece.path}`, () => {
      assert.doesNotMatch(piece.script, /\$\{\{|\$\[\[|\$\((?:params|workspaces|inputs)\./);
      const used = new Set(
        [...readFileSync(piece.path, 'utf8').matchAll(INPUT)].map(
          ([, ...names]) => names.find((name) => name !== undefined) ?? '',
        ),
      );
      assert.deepEqual([...used].toSorted(), Object.keys(piece.inputs).toSorted());
      for (const name of Object.keys(piece.env)) {
        if (name !== 'HOME' && name !== 'GIT_DEPTH')
          assert.ok(piece.script.includes(`$${name}`) || piece.script.includes(`\${${name}`), name);
      }
    });
  }

  it('sign in the same way everywhere', () => {
    const [first, ...others] = Object.values(SIGNS).map(({ script }) =>
      script.replace('#!/bin/sh\n', '').trim(),
    );
    for (const other of others) assert.equal(other, first);
  });

  it('call commands with flags that they take', () => {
    for (const { path, script } of ALL) {
      const commands = [...script.matchAll(/\blookaside ([a-z]+) /g)].map(([, name]) => name);
      const lines = script.split('\n').filter((line) => /\bset -- |\blookaside /.test(line));
      const flags = lines.flatMap((line) => Array.from(line.matchAll(/ --([a-z][a-z-]+)/g)));
      assert.ok(flags.length > 3, path);
      for (const [, flag = ''] of flags) {
        const known = OPTION_NAMES.find((name) => name === flag);
        const taken: readonly string[] = known ? optionOf(known).commands : [];
        assert.ok(
          commands.some((name) => name !== undefined && taken.includes(name)),
          `${path}: --${flag}`,
        );
      }
    }
  });
});

describeWith(['shellcheck'], 'the scripts for pipelines', () => {
  const directory = useTemporary();
  for (const { path, script } of ALL) {
    it(`leave shellcheck nothing to say: ${path}`, async () => {
      const file = join(directory(), 'script.sh');
      await writeFile(file, script);
      await runOrThrow(toolPath('shellcheck'), ['--shell=sh', '--severity=style', file]);
    });
  }
});

describeWith(['git', 'gpg'], 'the scripts for pipelines', () => {
  const directory = useTemporary();
  let publisher: Publisher;
  let remote: GitRemote;
  let PATH = '';
  before(async () => {
    publisher = await makePublisher();
  });
  after(() => publisher.stop());
  beforeEach(async () => {
    remote = await makeGitRemote();
    PATH = await putLookasideInPath(directory());
    const made = await runLookaside(['init', remote.work, '--keys', publisher.keyFile]);
    assert.equal(made.code, 0, made.stderr);
    await remote.publish({});
  });
  afterEach(() => remote.remove());

  /** Runs a script as the runner of its system does. */
  const start = async (
    piece: Piece,
    given: Readonly<Record<string, string>>,
    cwd = remote.work,
  ): Promise<RunResult> =>
    run('sh', ['-c', piece.script], {
      cwd,
      env: {
        ...resolveEnv(piece, given),
        PATH,
        HOME: directory(),
        GITHUB_STEP_SUMMARY: join(directory(), 'summary'),
        GIT_CONFIG_GLOBAL: join(directory(), 'gitconfig'),
      },
    });

  for (const [name, piece] of Object.entries(CHECKS)) {
    it(`check a proposal at ${name}`, async () => {
      const base = await remote.git('rev-parse', 'HEAD');
      // By the name that each system has for it.
      const given = { base, CI_MERGE_REQUEST_DIFF_BASE_SHA: base };
      const signed = await publisher.sign();
      await remote.commit({ [signed.location]: signed.bytes });
      const good = await start(piece, given);
      assert.equal(good.code, 0, good.stderr);
      assert.match(good.stdout, /good: 1 changed files: 1 accepted/);

      await remote.commit({ [signed.location.replace(/1$/, '2')]: '<html>' });
      const bad = await start(piece, given);
      assert.equal(bad.code, 1);
      assert.match(bad.stdout, /signature-2.*html/);
      if (name === 'github') {
        assert.match(bad.stdout, /^::error file=/m);
        const summary = await readFile(join(directory(), 'summary'), 'utf8');
        assert.match(summary, /```\n.*signature-1: adds a signature of .*\n.*signature-2: html/);
      }
      if (name === 'gitlab') {
        const junit = await readFile(join(remote.work, 'lookaside.xml'), 'utf8');
        assert.match(junit, /<failure type="html"/);
      }
    });

    // Only root can give files away.
    if (process.getuid?.() === 0) {
      it(`check at ${name} what another user has checked out`, async () => {
        const base = await remote.git('rev-parse', 'HEAD');
        await runOrThrow('chown', ['--recursive', 'nobody', remote.work]);
        try {
          const given = { base, CI_MERGE_REQUEST_DIFF_BASE_SHA: base };
          const { code, stdout, stderr } = await start(piece, given);
          assert.equal(code, 0, `${stdout}${stderr}`);
        } finally {
          await runOrThrow('chown', ['--recursive', 'root', remote.work]);
        }
      });
    }

    it(`check at ${name} whether a signature is taken away, unless that is allowed`, async () => {
      const signed = await publisher.sign();
      const base = await remote.commit({ [signed.location]: signed.bytes });
      await remote.commit({ [signed.location]: null });
      const given = { base, CI_MERGE_REQUEST_DIFF_BASE_SHA: base };
      assert.equal((await start(piece, given)).code, 1);
      assert.equal((await start(piece, { ...given, 'allow-removals': 'true' })).code, 0);
      if (name !== 'gitlab') return;
      const labelled = { ...given, CI_MERGE_REQUEST_LABELS: 'bug,allow-removals' };
      assert.equal((await start(piece, labelled)).code, 0);
    });
  }

  for (const [name, piece] of Object.entries(SIGNS)) {
    it(`push what was signed before at ${name}`, async () => {
      const signed = await publisher.sign();
      const staging = join(directory(), 'staging');
      await mkdir(join(staging, signed.location, '..'), { recursive: true });
      await writeFile(join(staging, signed.location), signed.bytes);
      const { code, stderr } = await start(
        piece,
        { to: remote.path, staging: 'staging', ...AUTHOR },
        directory(),
      );
      assert.equal(code, 0, stderr);
      const listed = await remote.gitBare('ls-tree', '-r', '--name-only', 'main');
      assert.ok(listed.split('\n').includes(signed.location), listed);
      const names = await remote.gitBare('log', '-1', '--format=%an <%ae> %cn <%ce>', 'main');
      assert.equal(names, 'CI <ci@test> CI <ci@test>');
      // The second run of the pipeline finds what the first has left of it.
      await rm(join(staging, signed.location, '..'), { recursive: true });
      const given = { to: remote.path, staging: 'staging', ...AUTHOR };
      const again = await start(piece, given, directory());
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stdout, /^nothing to push to /);
    });

    it(`propose at ${name} to the kind of git host that is named`, async () => {
      const signed = await publisher.sign();
      const staging = join(directory(), 'staging');
      await mkdir(join(staging, signed.location, '..'), { recursive: true });
      await writeFile(join(staging, signed.location), signed.bytes);
      await remote.gitBare('config', 'receive.advertisePushOptions', 'true');
      const given = { to: remote.path, staging: 'staging', 'pull-request': 'true', ...AUTHOR };
      const { code, stderr } = await start(piece, { ...given, forge: 'gitea' }, directory());
      assert.equal(code, 0, stderr);
      const refs = await remote.gitBare('for-each-ref', '--format=%(refname)');
      assert.ok(refs.split('\n').includes('refs/for/main'), refs);
    });
  }

  for (const [name, piece] of [
    ['check', CHECKS.tekton],
    ['sign', SIGNS.tekton],
  ] as const) {
    it(`do in the task's own test in the catalog what they should: ${name}`, async () => {
      const path = `${CI}/tekton/task/lookaside-${name}/0.1/tests/run.yaml`;
      const workspace = join(directory(), 'workspace');
      await mkdir(workspace);
      // A socket of gpg's agent has a short path.
      await mkdir(join(directory(), '.gnupg'), { mode: 0o700 });
      const preparation = { ...piece, env: {}, script: readPreparation(path) };
      const prepared = await start(preparation, {}, workspace);
      assert.equal(prepared.code, 0, prepared.stderr);
      const { code, stdout, stderr } = await start(piece, readGiven(path), workspace);
      assert.equal(code, 0, `${stdout}${stderr}`);
    });
  }
});

describeWith(
  ['skopeo', 'docker-registry', 'gpg', 'gpgv', 'git'],
  'the scripts for releases',
  () => {
    const directory = useTemporary();
    const PASSPHRASE = 'correct horse';
    let world: SignWorld<'release'>;
    let secret = '';
    before(async () => {
      world = await SignWorld.make({ release: { passphrase: PASSPHRASE } });
      await world.accept(['release']);
      const wanted = ['--export-secret-keys', world.keys.release.fingerprint];
      const loopback = ['--batch', '--armor', '--pinentry-mode', 'loopback'];
      const args = [...loopback, '--passphrase', PASSPHRASE, ...wanted];
      secret = (await runOrThrow('gpg', args, { env: { GNUPGHOME: world.signer.home } })).stdout;
    });
    after(() => world.stop());

    for (const [name, piece] of Object.entries(SIGNS)) {
      it(`sign images at ${name}, and leave no secret behind`, async () => {
        // One by one: the registry fails now and then where both bring the same layer at once.
        const images = [
          await world.pushImage(`team/${name}`, '1.0'),
          await world.pushImage(`team/${name}`, 'latest'),
        ];
        const names = images.map(({ reference }) => reference);
        const temporary = join(directory(), 'tmp');
        await mkdir(temporary);
        const { code, stdout, stderr } = await run('sh', ['-c', piece.script], {
          cwd: directory(),
          env: {
            GIT_CONFIG_GLOBAL: '/dev/null',
            GIT_CONFIG_SYSTEM: '/dev/null',
            ...resolveEnv(piece, {
              images: names.join(name === 'github' ? '\n' : ' '),
              'sign-by': world.keys.release.fingerprint,
              to: world.remote.path,
              ...AUTHOR,
              // Each system has its own names for secrets.
              'private-key': secret,
              SIGNING_KEY: secret,
              passphrase: PASSPHRASE,
              SIGNING_PASSPHRASE: PASSPHRASE,
            }),
            PATH: await recordEnvironments(),
            HOME: directory(),
            TMPDIR: temporary,
            GNUPGHOME: undefined,
          },
        });
        assert.equal(code, 0, stderr);
        for (const reference of names) assert.ok(stdout.includes(reference), stdout);
        const signed = new Set(await world.signatures());
        for (const { digest } of images) {
          assert.ok(signed.has(formatLocation(`team/${name}`, digest, 1)));
        }
        assert.deepEqual(await readdir(temporary), []);
        const environments = await readFile(join(directory(), 'environments'), 'utf8');
        assert.match(environments, /^lookaside$/m);
        assert.match(environments, /^gpg$/m);
        assert.doesNotMatch(environments, /PRIVATE KEY|correct horse/);
      });
    }

    /** Writes down what the programs of a script have in their environments. */
    async function recordEnvironments(): Promise<string> {
      const path = await putLookasideInPath(directory());
      const recorder = join(directory(), 'recorder');
      await mkdir(recorder);
      for (const name of ['lookaside', 'gpg']) {
        const real = (await runOrThrow('which', [name], { env: { PATH: path } })).stdout.trim();
        const note = `{ echo ${name}; env; } >> '${directory()}/environments'`;
        const file = join(recorder, name);
        await writeFile(file, `#!/bin/sh\n${note}\nexec '${real}' "$@"\n`, { mode: 0o755 });
      }
      return `${recorder}:${path}`;
    }
  },
);
