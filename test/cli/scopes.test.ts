// Policies as people write them: scopes of the configuration file, and a node's policy.json.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { runLookaside } from '../kit/program/lookaside.ts';
import type { RunResult } from '../kit/process/run.ts';
import { writeSignature } from '../kit/signer/signature-tree.ts';
import { makeSigner, type Signer, type SigningKey } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

const reportSchema = z.strictObject({
  source: z.strictObject({ kind: z.literal('directory'), location: z.string() }),
  signersUnchecked: z.literal(true).optional(),
  keys: z.array(
    z.strictObject({
      fingerprint: z.string().regex(/^[0-9A-F]{40}$/),
      userIds: z.array(z.string()),
      expires: z.string().nullable(),
    }),
  ),
  summary: z.strictObject({
    accepted: z.number(),
    unverified: z.number(),
    rejected: z.number(),
    ignored: z.number(),
  }),
  files: z.array(
    z.discriminatedUnion('status', [
      z.strictObject({
        path: z.string(),
        status: z.enum(['accepted', 'unverified']),
        servedAs: z.string(),
        claims: z.strictObject({
          dockerReference: z.string(),
          manifestDigest: z.string(),
          creator: z.string().nullable(),
          timestamp: z.string().nullable(),
        }),
        signer: z
          .strictObject({ fingerprint: z.string(), primaryFingerprint: z.string() })
          .optional(),
        warnings: z.array(z.strictObject({ code: z.string(), message: z.string() })),
      }),
      z.strictObject({
        path: z.string(),
        status: z.literal('rejected'),
        code: z.string(),
        message: z.string(),
        hint: z.string(),
        breaksPulls: z.boolean(),
      }),
      z.strictObject({ path: z.string(), status: z.literal('ignored') }),
    ]),
  ),
});
type Report = z.output<typeof reportSchema>;

/** The status or code of each file, and the codes of its warnings. */
type Verdicts = Readonly<Record<string, readonly string[]>>;

function verdictsOf({ files }: Report): Verdicts {
  return Object.fromEntries(
    files.map((file) => {
      if (file.status === 'rejected') return [file.path, [file.code]];
      const warnings = 'warnings' in file ? file.warnings.map(({ code }) => code) : [];
      return [file.path, [file.status, ...warnings]];
    }),
  );
}

const KEYS_OF_NODE = '/etc/pki/containers';
const rejecting = [{ type: 'reject' }];

function signedBy(...names: string[]): object {
  const paths = names.map((name) => `${KEYS_OF_NODE}/${name}`);
  const keys = paths.length === 1 ? { keyPath: paths[0] } : { keyPaths: paths };
  return { type: 'signedBy', keyType: 'GPGKeys', ...keys };
}

describeWith(['gpg', 'gpgv'], 'a policy', () => {
  const directory = useTemporary();
  const at = (...names: string[]): string => join(directory(), ...names);
  let signer: Signer;
  let [red, blue]: SigningKey[] = [];
  before(async () => {
    signer = await makeSigner();
    red = await signer.makeKey({ name: 'Red', algorithm: 'ed25519' });
    blue = await signer.makeKey({ name: 'Blue', algorithm: 'ed25519' });
  });
  after(() => signer.stop());
  beforeEach(async () => {
    await mkdir(at('sigs'));
    await writeKeys(at('etc', 'keys', 'red.asc'), red);
    await writeKeys(at('etc', 'keys', 'blue.gpg'), blue);
  });

  const writeKeys = async (file: string, key = red): Promise<string> => {
    assert.ok(key);
    await mkdir(dirname(file), { recursive: true });
    return signer.exportKeys(file, key);
  };
  /** Signs `HOST/repository:v1`, and puts that below `repository`, or elsewhere. */
  const put = async (
    key: SigningKey | undefined,
    name: string,
    { repository = name.replace(/^[^/]+\//, ''), number = 1, tag = ':v1' } = {},
  ): Promise<string> => {
    assert.ok(key);
    const claims = { dockerReference: `${name}${tag}`, manifestDigest: DIGEST };
    const bytes = await signer.sign(key, claims);
    return writeSignature(at('sigs'), { repository, digest: DIGEST, number }, bytes);
  };
  const check = async (...args: string[]): Promise<RunResult> =>
    runLookaside(['check', at('sigs'), ...args]);
  const judge = async (...args: string[]): Promise<Report> => {
    const { code, stdout, stderr } = await check('--format', 'json', ...args);
    assert.equal(stderr, '');
    const report = reportSchema.parse(JSON.parse(stdout));
    assert.equal(code, report.summary.rejected > 0 ? 1 : 0);
    return report;
  };
  const configure = async (options: object): Promise<string[]> => {
    await writeFile(at('etc', 'lookaside.yaml'), stringify(options));
    return ['--config', at('etc', 'lookaside.yaml')];
  };

  const writePolicy = async (policy: unknown): Promise<string[]> => {
    await writeFile(
      at('policy.json'),
      typeof policy === 'string' ? policy : JSON.stringify(policy),
    );
    return ['--policy', at('policy.json'), '--policy-root', at('root')];
  };

  describe('of scopes', () => {
    it('has keys of its own for each scope, the narrowest first', async () => {
      const [app, other, elsewhere] = [
        await put(red, 'registry.example/team/app'),
        await put(red, 'registry.example/other/app'),
        await put(red, 'else.example/x/app'),
      ];
      const [blueApp, blueOther] = [
        await put(blue, 'registry.example/team/app', { number: 2 }),
        await put(blue, 'registry.example/other/app', { number: 2 }),
      ];
      const config = await configure({
        scopes: {
          'registry.example': { keys: 'keys/blue.gpg' },
          'registry.example/team': { keys: ['keys/red.asc'] },
        },
      });
      const report = await judge(...config);
      assert.deepEqual(verdictsOf(report), {
        [app]: ['accepted'],
        [blueApp]: ['signer-not-accepted'],
        [other]: ['signer-not-accepted'],
        [blueOther]: ['accepted', 'renumbered'],
        [elsewhere]: ['out-of-scope'],
      });
      assert.deepEqual(
        new Set(report.keys.map(({ fingerprint }) => fingerprint)),
        new Set([red, blue].map((key) => key?.fingerprint)),
      );
    });

    it('takes --keys for what no scope covers', async () => {
      const [inside, outside] = [
        await put(red, 'registry.example/team/app'),
        await put(red, 'else.example/x/app'),
      ];
      const config = await configure({
        keys: 'keys/red.asc',
        scopes: { 'registry.example': { keys: 'keys/blue.gpg' } },
      });
      assert.deepEqual(verdictsOf(await judge(...config)), {
        [inside]: ['signer-not-accepted'],
        [outside]: ['accepted'],
      });
    });

    it('warns of the other signature where all keys are required', async () => {
      const both = [
        await put(red, 'registry.example/team/both'),
        await put(blue, 'registry.example/team/both', { number: 2 }),
      ];
      const alone = await put(red, 'registry.example/team/alone');
      const keys = ['keys/red.asc', 'keys/blue.gpg'];
      const all = await configure({ scopes: { 'registry.example': { keys, require: 'all' } } });
      const report = await judge(...all);
      assert.deepEqual(verdictsOf(report), {
        ...Object.fromEntries(both.map((path) => [path, ['accepted']])),
        [alone]: ['accepted', 'co-signature-missing'],
      });
      assert.ok(JSON.stringify(report).includes(`until it is signed by ${blue?.fingerprint} too`));
      assert.equal((await check(...all, '--strict')).code, 1);
      const any = await configure({ scopes: { 'registry.example': { keys } } });
      assert.deepEqual(verdictsOf(await judge(...any))[alone], ['accepted']);
    });

    it('asks for a prefix, and says where the file belongs', async () => {
      const [right, wrong] = [
        await put(red, 'registry.example/team/app', { repository: 'mirror/team/app' }),
        await put(red, 'registry.example/team/app'),
      ];
      const config = await configure({
        scopes: { 'registry.example': { keys: 'keys/red.asc', prefix: 'mirror' } },
      });
      const report = await judge(...config);
      assert.deepEqual(verdictsOf(report), {
        [right]: ['accepted'],
        [wrong]: ['repository-mismatch'],
      });
      const hints = report.files.flatMap((file) => ('hint' in file ? file.hint : []));
      assert.match(hints.join('\n'), /belongs to "mirror\/team\/app@sha256=(?:ab)+\/signature-1"/);
    });

    it('knows every signedIdentity', async () => {
      const renamed = await put(red, 'registry.example/team/app', { repository: 'copies/app' });
      const untagged = await put(red, 'registry.example/team/x', { tag: '' });
      for (const [signedIdentity, codes] of [
        [undefined, ['repository-mismatch', 'identity-without-tag']],
        [{ type: 'matchExact' }, ['repository-mismatch', 'identity-without-tag']],
        [{ type: 'matchRepository' }, ['repository-mismatch', 'accepted']],
        [
          { type: 'exactRepository', dockerRepository: 'registry.example/team/app' },
          ['accepted', 'identity-mismatch'],
        ],
        [
          { type: 'exactReference', dockerReference: 'registry.example/team/app:v1' },
          ['accepted', 'identity-mismatch'],
        ],
        [
          {
            type: 'remapIdentity',
            prefix: 'registry.example/copies',
            signedPrefix: 'registry.example/team',
          },
          ['accepted', 'identity-mismatch'],
        ],
      ] as const) {
        const scope = { keys: 'keys/red.asc', ...(signedIdentity && { signedIdentity }) };
        const report = await judge(...(await configure({ scopes: { 'registry.example': scope } })));
        const verdicts = verdictsOf(report);
        const got = [renamed, untagged].map((path) => verdicts[path]?.[0]);
        assert.deepEqual(got, codes, JSON.stringify(signedIdentity));
      }
    });

    it('must have keys that are there', async () => {
      const none = await configure({ scopes: { 'registry.example': { keys: 'keys/none.asc' } } });
      const { code, stdout } = await check(...none);
      assert.equal(code, 1);
      const place = `${none.at(-1)}: scopes: "registry.example"`;
      const why = `cannot read keys: ENOENT: no such file or directory, stat '${at('etc/keys/none.asc')}'`;
      const told =
        `scope-not-judged: the scope "registry.example" cannot be judged: ${place}: ${why}\n` +
        '  hint: name a file of public keys that can be read, or a directory of them\n';
      assert.ok(stdout.startsWith(told), stdout);

      const config = await configure({ scopes: { 'registry.example': { keys: [] } } });
      const empty = await check(...config);
      assert.deepEqual([empty.code, empty.stdout], [2, '']);
      const cause = `${config.at(-1)}: scopes: "registry.example": expected keys, got none`;
      assert.equal(empty.stderr, `lookaside: ${cause}\nhint: name key files\n`);
    });

    it('must have keys that are there outside all scopes, too', async () => {
      const config = await configure({ keys: 'keys/none.asc' });
      const { code, stdout } = await check(...config);
      assert.equal(code, 1);
      const place = `${config.at(-1)}: keys`;
      assert.match(
        stdout,
        new RegExp(
          `^scope-not-judged: ${place} cannot be judged: cannot read keys: ENOENT: .*none\\.asc'\n`,
        ),
      );
    });
  });

  describe("of a node's policy.json", () => {
    const withDocker = async (docker: object): Promise<string[]> =>
      writePolicy({ default: rejecting, transports: { docker } });
    beforeEach(async () => {
      await writeKeys(at('root', KEYS_OF_NODE, 'red.asc'), red);
      await writeKeys(at('root', KEYS_OF_NODE, 'blue.gpg'), blue);
    });

    it('takes its keys from below --policy-root', async () => {
      const [app, other, elsewhere] = [
        await put(red, 'registry.example/team/app'),
        await put(blue, 'registry.example/other/app'),
        await put(red, 'else.example/x/app'),
      ];
      const policy = await withDocker({
        'registry.example': [signedBy('red.asc')],
        'registry.example/other': [signedBy('red.asc', 'blue.gpg')],
      });
      assert.deepEqual(verdictsOf(await judge(...policy)), {
        [app]: ['accepted'],
        [other]: ['accepted'],
        [elsewhere]: ['policy-rejects'],
      });
    });

    it('takes keys that it holds itself', async () => {
      const app = await put(red, 'registry.example/team/app');
      const keyData = (await readFile(await writeKeys(at('red.gpg')))).toString('base64');
      const requirement = { type: 'signedBy', keyType: 'GPGKeys', keyData };
      const policy = await withDocker({ 'registry.example': [requirement] });
      assert.deepEqual(verdictsOf(await judge(...policy)), { [app]: ['accepted'] });
    });

    it('is in force from the configuration file and the environment too', async () => {
      const app = await put(blue, 'registry.example/team/app');
      await withDocker({ 'registry.example': [signedBy('red.asc')] });
      const config = await configure({ policy: '../policy.json', 'policy-root': '../root' });
      const expected = { [app]: ['unknown-signer'] };
      assert.deepEqual(verdictsOf(await judge(...config)), expected);
      const { stdout } = await runLookaside(['check', at('sigs'), '--format', 'json'], {
        env: { LOOKASIDE_POLICY: at('policy.json'), LOOKASIDE_POLICY_ROOT: at('root') },
      });
      assert.deepEqual(verdictsOf(reportSchema.parse(JSON.parse(stdout))), expected);
    });

    it('rejects, asks for sigstore, or takes anything', async () => {
      const app = await put(red, 'registry.example/team/app');
      for (const [requirements, verdict] of [
        [rejecting, 'policy-rejects'],
        [[{ type: 'sigstoreSigned', keyPath: '/x.pub' }], 'policy-rejects'],
        [[signedBy('red.asc'), ...rejecting], 'policy-rejects'],
        [[{ type: 'insecureAcceptAnything' }], 'unverified'],
        [[{ type: 'insecureAcceptAnything' }, signedBy('red.asc')], 'accepted'],
      ] as const) {
        const policy = await withDocker({ 'registry.example': requirements });
        const [got] = verdictsOf(await judge(...policy))[app] ?? [];
        assert.equal(got, verdict, JSON.stringify(requirements));
      }
    });

    it('cannot be given together with keys or scopes', async () => {
      const policy = await withDocker({ 'registry.example': [signedBy('red.asc')] });
      const scopes = await configure({ scopes: { 'registry.example': { keys: 'keys/red.asc' } } });
      for (const more of [['--keys', at('etc', 'keys')], scopes]) {
        const { code, stdout, stderr } = await check(...policy, ...more);
        assert.equal(code, 2);
        assert.equal(stdout, '');
        assert.equal(
          stderr,
          'lookaside: --policy cannot be used with --keys or scopes: it names the keys itself\n' +
            'hint: leave out --keys and scopes, or --policy\n',
        );
      }
    });

    it('names the key file that is not there, as it looked for it', async () => {
      const policy = await withDocker({ 'registry.example': [signedBy('none.asc')] });
      const { code, stdout } = await check(...policy);
      assert.equal(code, 1);
      assert.ok(stdout.includes(at('root', KEYS_OF_NODE, 'none.asc')), stdout);
      assert.match(stdout, /^scope-not-judged: .*\bcannot read keys: ENOENT/);
    });

    it('names itself where it is not there', async () => {
      const { code, stderr } = await check('--policy', at('none.json'));
      assert.equal(code, 2);
      assert.match(stderr, /^lookaside: --policy: cannot read .*none\.json: ENOENT/);
    });

    const faults: Readonly<Record<string, readonly [policy: unknown, message: RegExp]>> = {
      'no JSON': ['{', /: expected JSON$/],
      'no default': [{ transports: {} }, /: default: /],
      'an unknown member': [{ default: rejecting, defaults: [] }, /"defaults"/],
      'no requirement': [{ default: [] }, /: default: expected at least one requirement$/],
      'an unknown type': [{ default: [{ type: 'trust' }] }, /: default\.0\.type: /],
      'a member twice': [
        '{"default": [{"type": "reject"}],\n"default": [{"type": "reject"}]}',
        /: expected each member once, got one twice in line 2$/,
      ],
      'no keys': [
        { default: [{ type: 'signedBy', keyType: 'GPGKeys' }] },
        /: default\.0: expected exactly one of keyPath, keyPaths and keyData$/,
      ],
      'an unknown signedIdentity': [
        {
          default: [
            { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/x', signedIdentity: { type: 'x' } },
          ],
        },
        /: default\.0\.signedIdentity\.type: expected one of the six types/,
      ],
    };
    for (const [title, [policy, message]] of Object.entries(faults)) {
      it(`is refused with ${title}, as nodes refuse it`, async () => {
        const { code, stdout, stderr } = await check(...(await writePolicy(policy)));
        const [first = '', second] = stderr.split('\n');
        assert.equal(code, 2);
        assert.equal(stdout, '');
        assert.ok(first.startsWith(`lookaside: ${at('policy.json')}: `), first);
        assert.match(first, message);
        assert.equal(
          second,
          'hint: nodes refuse the whole file too: see containers-policy.json(5)',
        );
      });
    }
  });
});
