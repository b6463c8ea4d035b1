// Scopes whose images a release vouches for, inside scopes that ask for signatures: what nodes get, and have.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describeWith } from '../../with-tools.ts';
import {
  ANYTHING,
  REJECT,
  REJECTING,
  URL,
  signedByFile,
  useNodeConfig,
} from './use-node-config.ts';

const RELEASED = 'quay.io/release/content';

describeWith(['gpg'], 'lookaside node-config, for images that a release vouches for,', () => {
  const { at, call, write, writeJson, readPolicy } = useNodeConfig();
  const configure = async (): Promise<readonly string[]> => [
    '--config',
    await writeJson('lookaside.yaml', {
      scopes: { 'quay.io': { keys: 'red.asc' }, [RELEASED]: { release: true } },
    }),
  ];
  const checkWith = async (change: (docker: Record<string, unknown>) => void): Promise<string> => {
    const args = await configure();
    await write(...args, ...REJECTING);
    const policy = Object(await readPolicy());
    change(policy.transports.docker);
    await writeFile(at('out/etc/containers/policy.json'), JSON.stringify(policy));
    return String((await call('--check', at('out'), ...args)).stdout);
  };

  it('finds good what it has written', async () => {
    const said = await checkWith((docker) => {
      assert.deepEqual(docker, { 'quay.io': [signedByFile('-quay.io')], [RELEASED]: ANYTHING });
    });
    assert.match(said, /^good: 2 scopes, 0 faults, 0 warnings$/m);
  });

  it('misses the scope where the images would need a signature, or would be rejected', async () => {
    const none = await checkWith((docker) => delete docker[RELEASED]);
    assert.match(none, /policy-scope-missing: .*"quay\.io\/release\/content", got those of "quay/);
    const rejected = await checkWith((docker) => {
      docker[RELEASED] = REJECT;
    });
    assert.match(rejected, /stricter-scope: .* got one that rejects every image/);
  });

  it('still tells of other images inside a scope that need no signature', async () => {
    const said = await checkWith((docker) => {
      docker['quay.io/release'] = ANYTHING;
    });
    assert.match(said, /weaker-subscope: expected "quay\.io\/release" as strict as "quay\.io"/);
  });

  it('opens no scope that a policy keeps closed, but with --force', async () => {
    const docker = { [RELEASED]: REJECT };
    const policy = await writeJson('policy.json', { default: ANYTHING, transports: { docker } });
    const args = ['--merge', policy, '--url', URL, '--out', at('out'), ...(await configure())];
    const { code, stderr } = await call(...args);
    assert.equal(code, 2);
    assert.match(stderr, /"quay\.io\/release\/content" would accept images that it refuses now/);
    await write(...args, '--force');
    assert.match(await readFile(at('out/etc/containers/policy.json'), 'utf8'), /insecureAccept/);
  });
});
