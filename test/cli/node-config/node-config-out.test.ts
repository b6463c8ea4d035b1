// `lookaside node-config --out DIR` over what DIR already has.
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { run } from '../../kit/process/run.ts';
import { describeWith } from '../../with-tools.ts';
import {
  ANYTHING,
  REJECT,
  REJECTING,
  URL as STORE_URL,
  filesIn,
  signedByData,
  signedByFile,
  useNodeConfig,
} from './use-node-config.ts';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const ACCEPTING = ['--default', 'insecureAcceptAnything'];
const REGISTRIES = 'out/etc/containers/registries.d';

describeWith(['gpg'], 'lookaside node-config, over a tree that is there,', () => {
  const { at, team, call, write, writeJson, readPolicy } = useNodeConfig();
  const refuse = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await call('--out', at('out'), ...args);
    assert.equal(code, 2, stderr);
    return stderr;
  };
  const writePolicy = async (docker: object, byDefault: unknown = REJECT): Promise<void> => {
    await mkdir(at('out/etc/containers'), { recursive: true });
    await writeJson('out/etc/containers/policy.json', {
      default: byDefault,
      transports: { docker },
    });
  };

  it('refuses a scope that another file of registries.d has', async () => {
    await mkdir(at(REGISTRIES), { recursive: true });
    const other = at(REGISTRIES, 'other.yaml');
    await writeFile(other, 'docker:\n  quay.io/team: {}\n');
    assert.equal(
      await refuse(...team(), ...REJECTING),
      `lookaside: ${other}: expected the scope "quay.io/team" in one file, got it in etc/containers/registries.d/lookaside.yaml too, so nodes would fail every pull\n` +
        'hint: remove it from other.yaml; if an earlier run wrote that file, delete it or give its --name\n',
    );
    await writeFile(other, 'default-docker: {}\ndocker:\n  quay.io: {}\n');
    await write(...team(), ...REJECTING);
    const all = ['--keys', at('red.asc'), ...REJECTING];
    assert.match(await refuse(...all), /other\.yaml: expected default-docker in one file/);
    await rm(other);
    await write(...all, '--force');
  });

  it('refuses the scopes of an earlier run under another name, in a home too', async () => {
    await write(...team(), ...REJECTING, '--rootless');
    const renamed = [...team(), ...REJECTING, '--rootless', '--name', 'acme'];
    assert.match(await refuse(...renamed), /registries\.d\/lookaside\.yaml: expected the scope/);
  });

  it('does not mind what others have twice among themselves', async () => {
    await mkdir(at(REGISTRIES), { recursive: true });
    for (const name of ['a', 'b']) {
      await writeFile(at(REGISTRIES, `${name}.yaml`), 'docker:\n  other.example: {}\n');
    }
    await write(...team(), ...REJECTING);
  });

  it('refuses a policy that is looser, but with --force', async () => {
    const blue = await signedByData(at('blue.gpg'));
    const cases: readonly (readonly [object, unknown, readonly string[], RegExp])[] = [
      [{}, REJECT, ACCEPTING, /the default would accept images/],
      [
        { 'quay.io/team': [blue] },
        REJECT,
        REJECTING,
        /the scope "quay\.io\/team" would accept images/,
      ],
      [
        { 'other.example': REJECT },
        ANYTHING,
        ACCEPTING,
        /the scope "other\.example" would accept images/,
      ],
      [{ 'quay.io/team/x': REJECT }, REJECT, REJECTING, /the scope "quay\.io\/team\/x" would/],
      [{ '': [blue] }, ANYTHING, ACCEPTING, /the scope "" would accept images/],
    ];
    for (const [docker, byDefault, args, message] of cases) {
      await writePolicy(docker, byDefault);
      const before = await readPolicy();
      const said = await refuse(...team(), ...args);
      assert.match(said, message);
      assert.match(said, /\nhint: --merge FILE keeps what it says about other images; --force /);
      assert.deepEqual(await readPolicy(), before);
      assert.match(await write(...team(), ...args, '--force'), message);
    }
  });

  it('replaces a policy that is not stricter, or that nodes refuse', async () => {
    for (const docker of [
      {},
      { 'other.example': ANYTHING },
      { 'quay.io/team': ANYTHING },
      { 'quay.io/team/x': [await signedByData(at('red.asc'))] },
    ]) {
      await writePolicy(docker, ANYTHING);
      const said = await write(...team(), ...REJECTING);
      assert.match(said, /warning: the policy\.json of nodes is replaced as a whole: --merge FILE/);
    }
    await writeFile(at('out/etc/containers/policy.json'), '{}');
    await write(...team(), ...ACCEPTING);
  });

  it('reads the keys of the policy below the tree', async () => {
    await write(...team(), ...REJECTING);
    const docker = { 'quay.io/team': [signedByFile('-quay.io-team')], 'x.example': REJECT };
    await writePolicy(docker);
    await write(...team(), ...REJECTING);
    await writePolicy(docker);
    assert.match(
      await refuse(...team('blue.gpg'), ...REJECTING),
      /"quay\.io\/team" would accept images/,
    );
  });

  it('loses nothing to a full disk: what was there stays, whole', async () => {
    await writePolicy({}, ANYTHING);
    const before = await readPolicy();
    const args = ['node-config', '--url', STORE_URL, '--out', at('out'), ...team(), ...REJECTING];
    // A block has room for each of the keys, which come first, and for nothing else.
    for (const scope of ['a', 'b', 'c', 'd'])
      args.push('--scope', `quay.io/${scope}=${at('red.asc')}`);
    const room = 'trap "" XFSZ; ulimit -f 1; exec "$0" "$@"';
    const runFull = async () => {
      const { code, stderr } = await run('sh', ['-c', room, process.execPath, MAIN, ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^lookaside: cannot write .*lookaside\.yaml: EFBIG/m);
    };
    await runFull();
    assert.deepEqual(await readPolicy(), before);
    assert.deepEqual(await filesIn(at('out')), ['etc/containers/policy.json']);
    const { code, stderr } = await run(process.execPath, [MAIN, ...args]);
    assert.equal(code, 0, stderr);
    const written = await filesIn(at('out'));
    assert.ok(written.length > 6);
    await runFull();
    assert.deepEqual(await filesIn(at('out')), written);
  });

  it('leaves what lies behind a link of the tree as it is', async () => {
    await mkdir(at('else/registries.d'), { recursive: true });
    await mkdir(at('out/etc'), { recursive: true });
    await writeFile(at('else/policy.json'), 'as it was');
    await symlink('../../else', at('out/etc/containers'));
    assert.match(await refuse(...team(), ...REJECTING), /etc\/containers: it is a symbolic link/);
    assert.equal(await readFile(at('else/policy.json'), 'utf8'), 'as it was');
  });
});
