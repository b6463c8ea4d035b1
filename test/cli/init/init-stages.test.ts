// `lookaside init --stages`: a repository to which images are promoted, and its check.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { runOrThrow } from '../../kit/process/run.ts';
import { runLookaside } from '../../kit/program/lookaside.ts';
import { PUSHER, randomDigest } from '../../kit/push/push-world.ts';
import { writeSignature } from '../../kit/signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../../kit/signer/signer.ts';
import { useTemporary } from '../../kit/temporary.ts';
import { describeWith } from '../../with-tools.ts';

const SCOPE = 'registry.example/team';

/** As reports name a key. */
function describeKey({ fingerprint, userId }: SigningKey): string {
  return `${fingerprint} (${userId})`;
}

describeWith(['git', 'gpg'], 'lookaside init --stages', () => {
  const directory = useTemporary();
  let signer: Signer;
  let keys: readonly SigningKey[];
  let files: readonly string[];
  let place = '';
  before(async () => {
    signer = await makeSigner();
    const names = ['QA', 'Release', 'Security'];
    keys = await Promise.all(
      names.map(async (name) => signer.makeKey({ algorithm: 'ed25519', name })),
    );
    files = await Promise.all(
      keys.map(async (key) => signer.exportKeys(join(signer.home, `${key.fingerprint}.asc`), key)),
    );
  });
  after(() => signer.stop());
  beforeEach(() => {
    place = join(directory(), 'signatures');
  });

  const check = async (...args: readonly string[]) =>
    runLookaside(['check', place, '--base', 'HEAD^', '--strict', ...args], { env: PUSHER });
  const init = async (...args: readonly string[]) =>
    runLookaside(['init', place, ...args], { env: PUSHER });
  const scopes = (): readonly string[] => files.flatMap((file) => ['--scope', `${SCOPE}=${file}`]);
  const git = async (...args: readonly string[]) =>
    (await runOrThrow('git', args, { cwd: place, env: PUSHER })).stdout.trim();
  const commit = async (message: string): Promise<void> => {
    await git('add', '--all');
    await git('commit', '--quiet', '--message', message);
  };

  it('asks for every key, and says who approves', async () => {
    const { code, stdout } = await init('--stages', ...scopes());
    assert.equal(code, 0);
    assert.match(stdout, /^ {2}made CODEOWNERS$/m);
    assert.match(stdout, /^ {2}set your people in CODEOWNERS, and protect the branch$/m);
    const config: unknown = parse(await readFile(join(place, 'lookaside.yaml'), 'utf8'));
    const paths = keys.map(({ fingerprint }) => `keys/${fingerprint}.asc`);
    assert.deepEqual(config, { scopes: { [SCOPE]: { keys: paths, require: 'all' } } });
    const owners = await readFile(join(place, 'CODEOWNERS'), 'utf8');
    const lines = owners.split('\n').filter((line) => /^[^#]/.test(line));
    assert.ok(lines.every((line) => /^\S+ +@\S+$/.test(line)));
    // The last line that fits counts: what decides about keys stands behind the line for all else.
    assert.match(lines[0] ?? '', /^\* /);
    for (const path of [
      '/lookaside.yaml',
      '/keys/',
      '/CODEOWNERS',
      '/.github/',
      '/.gitlab-ci.yml',
    ]) {
      assert.ok(
        lines.some((line) => line.startsWith(`${path} `)),
        path,
      );
    }
    const readme = await readFile(join(place, 'README.md'), 'utf8');
    assert.match(readme, /require: all/);
  });

  it('says who approves in the form that Gitea and Forgejo read', async () => {
    await init('--stages', '--forge', 'gitea', ...scopes());
    const owners = await readFile(join(place, 'CODEOWNERS'), 'utf8');
    // As models/issues/pull.go of Gitea reads it, TokenizeCodeOwnersLine and ParseCodeOwnersLine.
    const rules = owners.split('\n').flatMap((line) => {
      const [pattern, owner, ...more] = line
        .replace(/(?<!\\)#.*$/, '')
        .split(' ')
        .filter((word) => word !== '')
        .map((word) => word.replaceAll(/\\(.)/g, '$1'));
      if (pattern === undefined) return [];
      assert.deepEqual(more, []);
      const isNegative = pattern.startsWith('!');
      const form = new RegExp(`^${pattern.replace(/^!/, '')}$`);
      return { owner, fits: (path: string) => form.test(path) !== isNegative };
    });
    const ownersOf = (path: string) =>
      rules.filter(({ fits }) => fits(path)).map(({ owner }) => owner);
    const signature = `team/app@sha256=${'0'.repeat(64)}/signature-1`;
    for (const path of [signature, `keys@sha256=${'0'.repeat(64)}/signature-1`, 'README.md']) {
      assert.deepEqual(ownersOf(path), ['@example/release'], path);
    }
    for (const path of [
      'lookaside.yaml',
      'keys/a.asc',
      'CODEOWNERS',
      '.gitea/workflows/check-signatures.yml',
    ]) {
      assert.deepEqual(ownersOf(path), ['@example/security'], path);
    }
  });

  it('changes nothing when it is run again, and shows an example without keys', async () => {
    assert.equal((await init('--stages')).code, 0);
    const text = await readFile(join(place, 'lookaside.yaml'), 'utf8');
    assert.match(text, /^# {5}keys:\n# {7}- keys\/release.asc\n# {5}require: all\n/m);
    assert.match((await init('--stages')).stdout, /nothing was missing/);
  });

  it('is an error where a scope takes any of its keys', async () => {
    await init(...scopes());
    const { code, stderr } = await init('--stages', ...scopes());
    assert.equal(code, 2);
    assert.match(
      stderr,
      /lookaside.yaml: expected the scope "registry.example\/team" to require the signatures of all its keys; nothing was written\nhint: below "registry.example\/team:", add this line: require: all\n/,
    );
    const file = join(place, 'lookaside.yaml');
    await writeFile(file, `${await readFile(file, 'utf8')}    require: all\n`);
    const again = await init('--stages', ...scopes());
    assert.equal(again.code, 0, again.stderr);
  });

  it('has a check that says who still has to sign, and fails for nobody', async () => {
    await init('--stages', ...scopes());
    await commit('A repository');
    const digest = randomDigest();
    const claims = { dockerReference: `${SCOPE}/app:1.0`, manifestDigest: digest };
    const [qa, release, security] = keys;
    assert.ok(qa && release && security);
    const add = async (key: SigningKey, number: number, by = claims): Promise<string> => {
      const where = { repository: 'team/app', digest, number };
      await writeSignature(place, where, await signer.sign(key, by));
      await commit(`Sign with ${key.userId}`);
      const { code, stdout } = await check();
      assert.equal(code, 0, stdout);
      return stdout;
    };
    assert.ok(
      (await add(qa, 1)).includes(
        `adds a signature of "${SCOPE}/app:1.0" by ${describeKey(qa)}; nodes refuse the image until it is signed by ${describeKey(release)} and by ${describeKey(security)} too\n`,
      ),
    );
    const github = (await check('--format', 'github')).stdout;
    assert.match(github, /^::notice title=new-signatures::.* until it is signed by /m);
    const { files: reported } = JSON.parse((await check('--format', 'json')).stdout) as {
      files: readonly { awaits?: readonly (readonly string[])[] }[];
    };
    assert.deepEqual(
      reported.map(({ awaits }) => awaits),
      [[[release.fingerprint], [security.fingerprint]]],
    );
    // One of another tag is for another image.
    const other = { ...claims, dockerReference: `${SCOPE}/app:2.0` };
    assert.match(
      await add(release, 2, other),
      new RegExp(`until it is signed by ${qa.fingerprint}`),
    );
    assert.match(
      await add(release, 3),
      new RegExp(
        `1.0" by ${release.fingerprint} .*until it is signed by ${security.fingerprint}.* too$`,
        'm',
      ),
    );
    assert.doesNotMatch(await add(security, 4), /until it is signed by/);
  });
});
