// The image, as far as that can be seen without the images that it stands on: its build, with nothing but
// what is copied into it. `npm run release:try` builds it on a Debian, and runs it.
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run, runOrThrow } from './kit/process/run.ts';
import { useTemporary } from './kit/temporary.ts';

const ROOT = join(import.meta.dirname, '..');

/** The instructions of each stage, by the name of the stage; those of the last one under ''. */
async function readStages(): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await readFile(join(ROOT, 'Containerfile'), 'utf8');
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const stages = new Map<string, string[]>();
  let stage: string[] = [];
  for (const line of lines.filter(Boolean)) {
    const [, name] = /^FROM (?:--platform=\S+ )?\S+(?: AS (\w+))?$/.exec(line) ?? [];
    if (line.startsWith('FROM ')) stages.set(name ?? '', (stage = []));
    else stage.push(line);
  }
  return stages;
}

/** What is copied from the clone into a stage, as it is called there. */
function copiesOf(stage: readonly string[]): readonly string[] {
  return stage
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => {
      const words = line.split(' ').slice(1, -1);
      const target = line.split(' ').at(-1) ?? '';
      return target.endsWith('/') || words.length > 1 ? words : [target];
    });
}

describe('the image', () => {
  const directory = useTemporary('suite');
  let stages: ReadonlyMap<string, readonly string[]>;
  before(async () => {
    stages = await readStages();
  });
  const stageOf = (name: string): readonly string[] => stages.get(name) ?? assert.fail(name);

  it('is given all that its build copies, and no more', async () => {
    const lines = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).split('\n');
    const given = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    assert.equal(
      lines.find((line) => line !== '' && !line.startsWith('#')),
      '*',
    );
    assert.deepEqual(given.toSorted(), copiesOf(stageOf('build')).toSorted());
  });

  it('is built from that, and runs', async () => {
    for (const name of copiesOf(stageOf('build'))) {
      await mkdir(dirname(join(directory(), name)), { recursive: true });
      await cp(join(ROOT, name), join(directory(), name), { recursive: true });
    }
    // Instead of `npm ci`.
    await symlink(join(ROOT, 'node_modules'), join(directory(), 'node_modules'));
    const step = stageOf('build').find((line) => line.startsWith('RUN npm run build')) ?? '';
    const command = `umask 077; ${step.slice('RUN '.length)}`;
    await runOrThrow('sh', ['-ec', command], { cwd: directory() });
    const entry = stageOf('').find((line) => line.startsWith('ENTRYPOINT ')) ?? '';
    const words = JSON.parse(entry.slice('ENTRYPOINT '.length)) as readonly string[];
    const main = (words.at(-1) ?? '').replace('/opt/lookaside', directory());
    const { stdout, stderr } = await run(process.execPath, [main, 'check', '.']);
    assert.match(`${stdout}${stderr}`, /no signature|files/);
    // Whoever runs it may read it, whatever the umask of who built it.
    const hidden = await runOrThrow('find', [join(directory(), 'bundled'), '!', '-perm', '-a+r']);
    assert.equal(hidden.stdout, '');
    assert.match(
      stageOf('').join('\n'),
      /^RUN ln -s \/opt\/lookaside\/bundled\/cli\/main\.js \/usr\/local\/bin\/lookaside$/m,
    );
  });

  // Red Hat's gnupg2 has gpgv, and its repositories have no tini.
  const installers = {
    'apt-get': ['ca-certificates', 'git', 'gpgv', 'openssh-client'],
    microdnf: ['ca-certificates', 'git-core', 'gnupg2', 'openssh-clients'],
    dnf: ['ca-certificates', 'git-core', 'gnupg2', 'openssh-clients'],
  };
  for (const [installer, packages] of Object.entries(installers)) {
    it(`stands on an image that has ${installer}, and what the program calls is installed`, async () => {
      const bin = join(directory(), installer);
      await mkdir(bin);
      const log = `echo "$*" >>'${join(bin, 'log')}'`;
      await writeFile(join(bin, installer), `#!/bin/sh\n${log}\n`, { mode: 0o755 });
      await writeFile(join(bin, 'rm'), '#!/bin/sh\n', { mode: 0o755 });
      const install = stageOf('').find((line) => line.startsWith('RUN if ')) ?? '';
      await runOrThrow('/bin/sh', ['-ec', install.slice('RUN '.length)], { env: { PATH: bin } });
      const asked = (await readFile(join(bin, 'log'), 'utf8')).split('\n');
      const line = asked.find((words) => words.startsWith('install ')) ?? '';
      assert.deepEqual(
        line.split(' ').filter((word) => /^[a-z]/.test(word)),
        ['install', ...packages],
      );
    });
  }

  it('has an init that needs none of its libraries', () => {
    assert.ok(stageOf('').includes('COPY --from=init /usr/bin/tini-static /usr/bin/tini'));
  });
});
