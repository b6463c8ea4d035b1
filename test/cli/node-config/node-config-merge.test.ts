// `lookaside node-config --merge`: what stays, what is replaced, and what is not let happen.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { describeWith } from '../../with-tools.ts';
import {
  ANYTHING,
  REJECT,
  REJECTING,
  filesIn,
  signedBy,
  signedByData,
  signedByFile,
  useNodeConfig,
} from './use-node-config.ts';

describeWith(['gpg'], 'lookaside node-config merges', () => {
  const { signer, red, at, team, call, write, writeJson, readPolicy } = useNodeConfig();
  const withDocker = async (docker: object, byDefault: unknown = REJECT): Promise<string[]> => {
    const policy = { default: byDefault, transports: { docker } };
    return ['--merge', await writeJson('policy.json', policy)];
  };

  it('its scopes into a policy, and keeps the rest', async () => {
    const policy = {
      default: ANYTHING,
      transports: {
        docker: { 'other.example': REJECT, 'quay.io/team': ANYTHING },
        dir: { '': REJECT },
      },
    };
    const said = await write(...team(), '--merge', await writeJson('policy.json', policy));
    assert.match(said, /^lookaside: wrote\n/);
    assert.deepEqual(await readPolicy(), {
      default: ANYTHING,
      transports: {
        docker: { 'other.example': REJECT, 'quay.io/team': [signedByFile('-quay.io-team')] },
        dir: { '': REJECT },
      },
    });
  });

  it('into a policy that is nothing but its default, and may replace that', async () => {
    const policy = await writeJson('policy.json', { default: ANYTHING });
    await write(...team(), ...REJECTING, '--merge', policy);
    assert.deepEqual(await readPolicy(), {
      default: REJECT,
      transports: { docker: { 'quay.io/team': [signedByFile('-quay.io-team')] } },
    });
  });

  it('with the same keys from below --policy-root', async () => {
    await mkdir(at('root/etc/keys'), { recursive: true });
    await signer().exportKeys(at('root/etc/keys/red.gpg'), red());
    const args = await withDocker({
      'quay.io/team': [signedBy({ keyPath: '/etc/keys/red.gpg' })],
    });
    await write(...team(), ...args, '--policy-root', at('root'));
  });

  it('with a warning of what stays and never holds for an image', async () => {
    const signedIdentity = { type: 'remapIdentity', prefix: 'm.example', signedPrefix: 'mirror' };
    const merge = await withDocker({
      'docker.io/app': REJECT,
      'm.example': [{ ...signedBy({ keyPath: '/etc/keys/red.gpg' }), signedIdentity }],
    });
    const said = await write(...team(), ...merge);
    for (const warning of [
      'the scope "docker.io/app": it covers docker.io/app/…, but not the image "app", whose name is docker.io/library/app; write "docker.io/library/app" if that image is meant',
      'the scope "m.example": the signedPrefix "mirror" is no name in full form, so nodes take no signature for images of "m.example"; change it in the policy to "docker.io/mirror", or to the name of another host with what stands behind it',
    ]) {
      assert.ok(said.includes(warning), said);
    }
  });

  it('not where a scope would let through more, but with --force', async () => {
    const cases: readonly (readonly [requirements: readonly object[], reason: string])[] = [
      [[await signedByData(at('blue.gpg'))], ''],
      [REJECT, ' (rejects every image)'],
      [[{ type: 'sigstoreSigned', keyPath: '/x' }], ' (asks for a sigstore signature)'],
      [
        [{ type: 'signedBaseLayer', baseLayerIdentity: { type: 'matchExact' } }],
        ' (asks for signedBaseLayer)',
      ],
      [
        [signedBy({ keyPath: '/none.asc' })],
        ` (cannot read keys: ENOENT: no such file or directory, open '${at('none.asc')}')`,
      ],
    ];
    for (const [requirements, reason] of cases) {
      const merge = await withDocker({ 'quay.io/team': requirements });
      const args = [...team(), ...merge, '--policy-root', at()];
      const { code, stderr } = await call('--out', at('out'), ...args);
      const loss = `the scope "quay.io/team" would accept images that it refuses now${reason}`;
      assert.equal(code, 2);
      assert.equal(
        stderr,
        `lookaside: ${at('policy.json')}: ${loss}\n` +
          'hint: compare keys and signedIdentity; with --policy-root DIR its key paths start at DIR; --force merges anyway\n',
      );
      assert.deepEqual(await filesIn(at()), ['blue.gpg', 'policy.json', 'red.asc']);
    }
    const said = await write(
      ...team(),
      ...(await withDocker({ 'quay.io/team': REJECT })),
      '--force',
    );
    assert.match(said, /^lookaside: warning: .*: the scope "quay\.io\/team" would accept images/m);
  });

  it('not where the default would let through more, but with --force', async () => {
    const args = [...team(), ...(await withDocker({})), '--default', 'insecureAcceptAnything'];
    const { code, stderr } = await call('--out', at('out'), ...args);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /policy\.json: the default would accept images that it refuses now\nhint: /,
    );
    assert.match(
      await write(...args, '--force'),
      /^lookaside: warning: .*: the default would accept images/m,
    );
    await write(
      ...team(),
      ...(await withDocker({}, ANYTHING)),
      '--default',
      'insecureAcceptAnything',
    );
  });

  it('with a word on the scopes around and within ours, and on ""', async () => {
    const merge = await withDocker({
      'quay.io': [await signedByData(at('blue.gpg'))],
      'quay.io/team/open': ANYTHING,
      '': REJECT,
    });
    const said = await write(...team(), ...merge, ...REJECTING);
    const warnings = said
      .split('\n')
      .filter((line) => line.startsWith(`lookaside: warning: ${at()}`));
    assert.deepEqual(
      warnings.map((line) => line.replace(`lookaside: warning: ${at('policy.json')}: `, '')),
      [
        'images of "quay.io/team" would no longer be under the scope "quay.io", which is stricter',
        'the scope "quay.io/team/open" stays, and accepts images that "quay.io/team" refuses',
        'its scope "" applies to images from registries, not --default',
      ],
    );
    assert.match(said, /^lookaside: warning: nodes fail every pull if another file/m);
    assert.doesNotMatch(said, /policy\.json of nodes is replaced/);
    const outside = await write(
      ...team(),
      ...(await withDocker({}, [await signedByData(at('blue.gpg'))])),
    );
    assert.match(outside, /images of "quay\.io\/team" would no longer be under the default, which/);
  });

  it('and prints no control characters of the policy', async () => {
    const scope = 'quay.io/team/\u{202e}open\u{9b}';
    const said = await write(...team(), ...(await withDocker({ [scope]: ANYTHING })));
    assert.match(said, /the scope "quay\.io\/team\/\\u\{202e\}open\\u\{9b\}" stays/);
    assert.doesNotMatch(said, /[\u{202e}\u{9b}]/u);
  });
});
