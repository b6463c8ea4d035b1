// A key file that cannot be used costs its own scope and no other: what the program says beside what a
// node with the same policy and the same files does.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { readRequirements } from '../../generator/nodes/check/inspect-keys.ts';
import type { FoundContent } from '../../generator/nodes/check/node-state.ts';
import { DEFAULT_IDENTITY } from '../../generator/policy/signed-identity.ts';
import type { CheckReport } from '../../generator/store/report.ts';
import type { PullResult } from '../kit/node/clients.ts';
import { type Node, makeNode } from '../kit/node/node.ts';
import { runInProcess } from '../kit/program/run-in-process.ts';
import { type PushedImage, type Registry, startRegistry } from '../kit/registry/registry.ts';
import { formatLocation, writeSignature } from '../kit/signer/signature-tree.ts';
import { type Signer, type SigningKey, makeSigner } from '../kit/signer/signer.ts';
import { useTemporary } from '../kit/temporary.ts';
import { describeWith } from '../with-tools.ts';

const NO_SUCH_FILE = /no such file/;
const NO_KEYS = /No public keys imported/;

const signedBy = (keys: object): object => ({ type: 'signedBy', keyType: 'GPGKeys', ...keys });

function verdictOn(place: string, report: CheckReport | undefined): string | undefined {
  const file = report?.files.find(({ path }) => path === place);
  return file?.status === 'rejected' ? file.code : file?.status;
}

describeWith(['skopeo', 'docker-registry', 'gpg', 'gpgv'], 'a key file that cannot be used', () => {
  const directory = useTemporary('suite');
  const at = (...names: string[]): string => join(directory(), ...names);
  let registry: Registry;
  let signer: Signer;
  let team: SigningKey;
  let vendor: SigningKey;
  let node: Node;
  let ours: PushedImage;
  let theirs: PushedImage;
  /** Places of the signatures, by whose they are. */
  let places: { readonly ours: string; readonly theirs: string };

  before(async () => {
    [registry, signer] = await Promise.all([startRegistry(), makeSigner()]);
    [team, vendor] = [
      await signer.makeKey({ name: 'Team', algorithm: 'rsa2048' }),
      await signer.makeKey({ name: 'Vendor', algorithm: 'ed25519' }),
    ];
    ours = await registry.pushImage({ repository: 'team/app', tag: 'v1' });
    theirs = await registry.pushImage({ repository: 'vendor/app', tag: 'v1' });
    places = {
      ours: await sign(ours, 'team/app', team),
      theirs: await sign(theirs, 'vendor/app', vendor),
    };
    await signer.exportKeys(at('team.asc'), team);
    await signer.exportKeys(at('vendor.asc'), vendor);
    await signer.exportKeys(at('vendor.gpg'), vendor);
    await signer.exportSecret(at('private.asc'), vendor);
    const lookaside = `file://${at('store')}`;
    node = await makeNode({ scope: registry.host, lookaside, keys: [] });
    await writeFile(at('page.asc'), '<!DOCTYPE html><title>Not Found</title>');
    await writeFile(at('empty.asc'), '');
    await mkdir(at('directory.asc'));
    await symlink('nowhere', at('dangling.asc'));
  });
  after(async () => Promise.all([registry.stop(), signer.stop(), node.remove()]));

  const sign = async (
    image: PushedImage,
    repository: string,
    key: SigningKey,
    madeAt = new Date(),
  ): Promise<string> => {
    const { reference: dockerReference, digest } = image;
    const claims = { dockerReference, manifestDigest: digest };
    const bytes = await signer.sign(key, claims, { at: madeAt });
    await writeSignature(at('store'), { repository, digest, number: 1 }, bytes);
    return formatLocation(repository, digest, 1);
  };

  const pathOf = (name: string): object => signedBy({ keyPath: at(name) });
  const pathsOf = (...names: readonly string[]): object =>
    signedBy({ keyPaths: names.map((name) => at(name)) });

  /** A policy that asks for the team's key, and for what is given of the vendor's images. */
  const writePolicy = async (requirement: object): Promise<string> => {
    const policy = {
      default: [{ type: 'reject' }],
      transports: {
        docker: {
          [`${registry.host}/team`]: [pathOf('team.asc')],
          [`${registry.host}/vendor`]: [requirement],
        },
      },
    };
    await writeFile(at('policy.json'), JSON.stringify(policy));
    return at('policy.json');
  };

  const configure = async (content: object): Promise<string> => {
    await writeFile(at('lookaside.yaml'), stringify(content));
    return at('lookaside.yaml');
  };

  const check = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runInProcess([
      'check',
      at('store'),
      '--format=json',
      ...args,
    ]);
    return {
      code,
      stderr,
      report: stdout.length > 0 ? (JSON.parse(stdout.toString()) as CheckReport) : undefined,
    };
  };

  const scopesWith = async (vendors: object): Promise<string> =>
    configure({
      scopes: {
        [`${registry.host}/team`]: { keys: 'team.asc' },
        [`${registry.host}/vendor`]: vendors,
      },
    });

  const explain = async (image: PushedImage, ...args: readonly string[]) => {
    const words = ['explain', image.reference, at('store'), ...args, '--format=json'];
    const { code, stdout, stderr } = await runInProcess(words);
    const { verdict, reason } = JSON.parse(stdout.toString()).platforms[0];
    return { code, verdict, reason, stderr };
  };
  /** What a node with this policy, and these files, does. */
  const pull = async (policy: string, image: PushedImage): Promise<PullResult> => {
    await copyFile(policy, join(node.home, '.config/containers/policy.json'));
    return node.copyWithSkopeo(image.reference);
  };

  const generate = async (policy: string) => {
    const words = ['generate', at('store'), `--out=${at('published')}`, `--policy=${policy}`];
    const { code, stderr } = await runInProcess(words);
    return { code, stderr };
  };
  const published = async (place: string): Promise<boolean> =>
    readFile(join(at('published'), 'current', place)).then(
      () => true,
      () => false,
    );

  describe('of a policy', () => {
    const lost: Readonly<Record<string, readonly [requirement: () => object, node: RegExp]>> = {
      'is missing': [() => pathOf('none.asc'), NO_SUCH_FILE],
      'is a link to nowhere': [() => pathOf('dangling.asc'), NO_SUCH_FILE],
      'is a directory': [() => pathOf('directory.asc'), /is a directory/],
      'is a web page': [() => pathOf('page.asc'), NO_KEYS],
      'is empty': [() => pathOf('empty.asc'), NO_KEYS],
      'is missing beside a good one': [() => pathsOf('vendor.asc', 'none.asc'), NO_SUCH_FILE],
      'is a directory beside a good one': [
        () => pathsOf('directory.asc', 'vendor.asc'),
        /is a directory/,
      ],
      'is one of several without any key': [() => pathsOf('page.asc', 'empty.asc'), NO_KEYS],
      'is data that is no key': [
        () => signedBy({ keyData: Buffer.from('no key').toString('base64') }),
        NO_KEYS,
      ],
    };
    for (const [title, [requirement, refusal]] of Object.entries(lost)) {
      it(`leaves the other scopes as they are where it ${title}, as on a node`, async () => {
        const policy = await writePolicy(requirement());
        const { code, report } = await check(`--policy=${policy}`);
        assert.equal(code, 1);
        assert.equal(verdictOn(places.ours, report), 'accepted');
        assert.equal(verdictOn(places.theirs, report), 'cannot-verify');
        assert.ok(report?.keyFaults?.length);
        for (const { scope, code: fault, message } of report?.keyFaults ?? []) {
          assert.deepEqual([scope, fault], [`${registry.host}/vendor`, 'scope-not-judged']);
          assert.match(message, /^the scope ".*\/vendor" cannot be judged: .*policy\.json: /);
        }
        assert.equal((await pull(policy, ours)).outcome, 'accepted');
        const { outcome, stderr } = await pull(policy, theirs);
        assert.equal(outcome, 'refused');
        assert.match(stderr, refusal);
      });
    }

    for (const [title, names] of [
      ['a web page before the key', ['page.asc', 'vendor.asc']],
      ['an empty file behind it', ['vendor.asc', 'empty.asc']],
    ] as const) {
      it(`is passed over beside others that hold keys, as on a node: ${title}`, async () => {
        const policy = await writePolicy(pathsOf(...names));
        const { code, report } = await check(`--policy=${policy}`);
        assert.equal(code, 0);
        assert.equal(verdictOn(places.theirs, report), 'accepted');
        const [fault, ...others] = report?.keyFaults ?? [];
        assert.equal(others.length, 0);
        assert.equal(fault?.code, 'key-file-unusable');
        assert.match(fault.message, /expected OpenPGP public keys.*; its other keys are used$/);
        assert.equal((await check(`--policy=${policy}`, '--strict')).code, 1);
        assert.equal((await pull(policy, theirs)).outcome, 'accepted');
      });
    }

    it('is a revocation alone, which counts behind the key that it revokes, as on a node', async () => {
      const name = `${vendor.fingerprint}.rev`;
      const written = await readFile(join(signer.home, 'openpgp-revocs.d', name), 'utf8');
      // gpg puts a colon in front of it, so that nobody imports it unawares.
      await writeFile(at('revocation.asc'), written.replace(/^:-----BEGIN/m, '-----BEGIN'));
      for (const [names, isRevoked] of [
        [['vendor.asc', 'revocation.asc'], true],
        [['revocation.asc', 'vendor.asc'], false],
      ] as const) {
        const policy = await writePolicy(pathsOf(...names));
        const { report } = await check(`--policy=${policy}`);
        const verdict = verdictOn(places.theirs, report);
        assert.equal(verdict, isRevoked ? 'key-revoked' : 'accepted');
        assert.equal(report?.keyFaults?.length ?? 0, isRevoked ? 0 : 1);
        const { outcome } = await pull(policy, theirs);
        assert.equal(outcome, isRevoked ? 'refused' : 'accepted');

        const paths = names.map((file) => at(file));
        const contents = paths.map(async (path): Promise<[string, FoundContent]> => [
          path,
          { kind: 'file', bytes: await readFile(path) },
        ]);
        const { requirements, findings } = await readRequirements(
          [
            {
              type: 'signedBy',
              keyPaths: paths,
              keyData: undefined,
              signedIdentity: DEFAULT_IDENTITY,
            },
          ],
          { policyPath: policy, keyFiles: new Map(await Promise.all(contents)) },
        );
        const [first] = requirements;
        const keyring = first?.type === 'signedBy' ? first.keyring : assert.fail();
        assert.equal(keyring.lives.get(vendor.fingerprint)?.isRevoked, isRevoked);
        assert.deepEqual(
          findings.map(({ code, severity }) => [code, severity]),
          isRevoked ? [] : [['key-file-unreadable', 'warning']],
        );
      }
      const [key, revocation] = [at('vendor.asc'), at('revocation.asc')];
      const given = await check(`--keys=${key}`, `--keys=${revocation}`);
      assert.equal(verdictOn(places.theirs, given.report), 'key-revoked');
    });

    for (const byDefault of ['reject', 'insecureAcceptAnything']) {
      it(`is told with each scope that it is in, whatever the default: ${byDefault}`, async () => {
        const [one, two] = ['team', 'vendor'].map((name) => `${registry.host}/${name}`);
        const docker = { [`${one}`]: [pathOf('none.asc')], [`${two}`]: [pathOf('page.asc')] };
        const policy = { default: [{ type: byDefault }], transports: { docker } };
        await writeFile(at('both.json'), JSON.stringify(policy));
        const { code, report } = await check(`--policy=${at('both.json')}`);
        assert.equal(code, 1);
        const faults = report?.keyFaults?.map(({ scope, message }) => [scope, message]) ?? [];
        assert.deepEqual(
          faults.map(([scope]) => scope),
          [one, two],
        );
        assert.match(faults[0]?.[1] ?? '', /ENOENT.*none\.asc/);
        assert.match(faults[1]?.[1] ?? '', /page\.asc: expected OpenPGP public keys/);
        for (const place of Object.values(places)) {
          assert.equal(verdictOn(place, report), 'cannot-verify');
        }
      });
    }

    it('is named once, and its scope once, where several are missing', async () => {
      const policy = await writePolicy(pathsOf('none.asc', 'gone.asc'));
      const { report } = await check(`--policy=${policy}`);
      const [fault, ...others] = report?.keyFaults ?? [];
      assert.equal(others.length, 0);
      assert.match(
        fault?.message ?? '',
        /^the scope "[^"]*\/vendor" cannot be judged: [^;]*none\.asc'; [^;]*gone\.asc'$/,
      );
      assert.doesNotMatch(fault?.hint ?? '', /;.*put public keys there.*put public keys there/);
      const told = await explain(theirs, `--policy=${policy}`);
      const lines = told.stderr.match(/cannot be judged/g);
      assert.equal(lines?.length, 1, told.stderr);
      assert.match(told.reason.message, /none\.asc'; [^;]*gone\.asc'; a node that lacks/);
      // Each key has to sign, and this one stands for two.
      const shared = await scopesWith({ keys: ['none.asc', 'none.asc'], require: 'all' });
      const [twice] = (await check(`--config=${shared}`)).report?.keyFaults ?? [];
      assert.equal(twice?.message.match(/none\.asc/g)?.length, 1);
    });

    it('is refused with a private key in it, which nodes would use, but in its own scope only', async () => {
      for (const requirement of [pathOf('private.asc'), pathsOf('vendor.asc', 'private.asc')]) {
        const policy = await writePolicy(requirement);
        const { code, report } = await check(`--policy=${policy}`);
        assert.equal(code, 1);
        assert.equal(verdictOn(places.ours, report), 'accepted');
        assert.equal(verdictOn(places.theirs, report), 'cannot-verify');
        assert.match(report?.keyFaults?.[0]?.message ?? '', /got a private key$/);
      }
    });
  });

  describe('of scopes', () => {
    const NOT_JUDGED = [1, 'accepted', 'cannot-verify'] as const;
    const GOES_ON = [0, 'accepted', 'accepted'] as const;
    const table: Readonly<Record<string, readonly [scope: object, expected: readonly unknown[]]>> =
      {
        'that is missing': [{ keys: 'none.asc' }, NOT_JUDGED],
        'that is a directory without keys': [{ keys: 'directory.asc' }, NOT_JUDGED],
        'that is a web page': [{ keys: 'page.asc' }, NOT_JUDGED],
        'that is private beside a good one': [{ keys: ['vendor.asc', 'private.asc'] }, NOT_JUDGED],
        'that is missing beside a good one': [{ keys: ['vendor.asc', 'none.asc'] }, GOES_ON],
        'that is a web page beside a good one': [{ keys: ['page.asc', 'vendor.gpg'] }, GOES_ON],
        // The other key has to sign as well, whatever it is.
        'of which all must sign': [
          { keys: ['vendor.asc', 'none.asc'], require: 'all' },
          [1, 'accepted', 'accepted'],
        ],
      };
    for (const [title, [scope, expected]] of Object.entries(table)) {
      it(title, async () => {
        const { code, report } = await check(`--config=${await scopesWith(scope)}`);
        const { ours: our, theirs: their } = places;
        assert.deepEqual([code, verdictOn(our, report), verdictOn(their, report)], expected);
      });
    }

    it('of which all must sign: one of them is not enough', async () => {
      const config = await scopesWith({ keys: ['vendor.asc', 'none.asc'], require: 'all' });
      const { report } = await check(`--config=${config}`);
      const file = report?.files.find(({ path }) => path === places.theirs);
      const codes = file && 'warnings' in file ? file.warnings.map(({ code }) => code) : [];
      assert.deepEqual(codes, ['co-signature-missing']);
      const { code, verdict } = await explain(theirs, `--config=${config}`);
      assert.deepEqual([code, verdict], [1, 'unknown']);
    });

    it('that may hold another state of a key that has expired in another scope', async () => {
      const at2020 = new Date('2020-02-01T00:00:00Z');
      const key = await signer.makeKey({ algorithm: 'ed25519', at: at2020, expires: '1y' });
      await signer.exportKeys(at('expired.asc'), key);
      const image = await registry.pushImage({ repository: 'vendor/old', tag: 'v1' });
      const place = await sign(image, 'vendor/old', key, new Date('2020-03-01T00:00:00Z'));
      const scopes = {
        [`${registry.host}/team`]: { keys: ['team.asc', 'expired.asc'] },
        [`${registry.host}/vendor`]: { keys: 'none.asc' },
      };
      const { report } = await check(`--config=${await configure({ scopes })}`);
      assert.equal(verdictOn(place, report), 'cannot-verify');
      await rm(at('store', dirname(place)), { recursive: true });
    });

    it('is a fault of the data, not of the call, where nothing else could be judged either', async () => {
      const config = await configure({ scopes: { [registry.host]: { keys: 'page.asc' } } });
      const { code, report } = await check(`--config=${config}`);
      assert.equal(code, 1);
      for (const place of Object.values(places)) {
        assert.equal(verdictOn(place, report), 'cannot-verify');
      }
      const [fault, ...others] = report?.keyFaults ?? [];
      assert.equal(others.length, 0);
      assert.equal(fault?.code, 'scope-not-judged');
      assert.match(fault.message, /page\.asc: expected OpenPGP public keys, got a web page$/);
      assert.match(fault.hint, /^fetch the key/);
    });
  });

  describe('of --keys', () => {
    it('is an error where it is not there', async () => {
      for (const keys of ['none.asc', 'dangling.asc']) {
        const { code, stderr } = await check(`--keys=${at('team.asc')}`, `--keys=${at(keys)}`);
        assert.equal(code, 2);
        assert.match(stderr, /^lookaside: --keys: cannot read keys: ENOENT/);
      }
    });

    it('is an error where it is all that there is, and holds no keys', async () => {
      const { code, stderr } = await check(`--keys=${at('page.asc')}`);
      assert.equal(code, 2);
      assert.match(stderr, /page\.asc: expected OpenPGP public keys, got a web page\nhint: fetch/);
    });

    it('is told as that of --keys: nobody gave a policy', async () => {
      const args = [`--keys=${at('team.asc')}`, `--keys=${at('page.asc')}`];
      const { report } = await check(...args);
      assert.match(report?.keyFaults?.[0]?.message ?? '', /^--keys: .*page\.asc: expected/);
    });

    it('is passed over beside good ones, with a warning', async () => {
      const { code, report } = await check(`--keys=${at('team.asc')}`, `--keys=${at('page.asc')}`);
      // The vendor's key is not given.
      assert.equal(code, 1);
      assert.equal(verdictOn(places.ours, report), 'accepted');
      assert.equal(verdictOn(places.theirs, report), 'unknown-signer');
      assert.match(
        report?.keyFaults?.[0]?.message ?? '',
        /page\.asc: expected OpenPGP public keys/,
      );
    });
  });

  describe('is told of', () => {
    let policy: string;
    before(async () => (policy = `--policy=${await writePolicy(pathOf('none.asc'))}`));

    const formats: Readonly<Record<string, RegExp>> = {
      text: /^scope-not-judged: the scope ".*\/vendor" cannot be judged: .*none\.asc'\n {2}hint: put public keys there/m,
      github: /^::error title=scope-not-judged::the scope ".*\/vendor" cannot be judged/m,
      sarif:
        /"toolConfigurationNotifications": \[\s*\{\s*"descriptor": \{\s*"id": "scope-not-judged"/,
      junit: /<testcase classname="\." name="keys">\s*<failure type="scope-not-judged"/,
    };
    for (const [format, expected] of Object.entries(formats)) {
      it(`by check as ${format}`, async () => {
        const { code, stdout } = await runInProcess([
          'check',
          at('store'),
          `--format=${format}`,
          policy,
        ]);
        assert.equal(code, 1);
        assert.match(stdout.toString(), expected);
      });
    }

    it('by explain, which says of the others what it always says', async () => {
      const our = await explain(ours, policy);
      assert.deepEqual([our.code, our.verdict], [0, 'accepted']);
      assert.match(our.stderr, /^lookaside: warning: the scope ".*\/vendor" cannot be judged: /);
      const their = await explain(theirs, policy);
      assert.deepEqual([their.code, their.verdict, their.reason.code], [1, 'unknown', 'no-keys']);
      assert.match(their.reason.message, /none\.asc'; a node that lacks these keys too refuses/);
    });

    it('by generate, which publishes the others', async () => {
      const out = at('out');
      const { code, stderr } = await runInProcess([
        'generate',
        at('store'),
        `--out=${out}`,
        policy,
      ]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^scope-not-judged: the scope ".*\/vendor" cannot be judged: /m);
      await readFile(join(out, 'current', places.ours));
      await assert.rejects(readFile(join(out, 'current', places.theirs)), { code: 'ENOENT' });
      await rm(out, { recursive: true });
    });
  });

  describe('costs nothing that generate has published', () => {
    beforeEach(async () => {
      await copyFile(at('vendor.asc'), at('changing.asc'));
      const { code, stderr } = await generate(await writePolicy(pathOf('changing.asc')));
      assert.equal(code, 0, stderr);
    });
    afterEach(async () => rm(at('published'), { recursive: true }));

    const breakages: Readonly<Record<string, () => Promise<object>>> = {
      'is overwritten': async () => {
        await writeFile(at('changing.asc'), 'x\n');
        return pathOf('changing.asc');
      },
      'is gone': async () => {
        await rm(at('changing.asc'));
        return pathOf('changing.asc');
      },
      'is passed over beside another': async () => pathsOf('team.asc', 'page.asc'),
    };
    for (const [title, change] of Object.entries(breakages)) {
      it(`where it ${title}`, async () => {
        const { code, stderr } = await generate(await writePolicy(await change()));
        assert.equal(code, 1);
        assert.match(stderr, /the scope ".*\/vendor"/);
        assert.match(stderr, /^lookaside: nothing was written: .*would be lost: vendor/m);
        assert.ok(await published(places.theirs));
        assert.ok(await published(places.ours));
      });
    }

    it('and lets go what was withdrawn, and takes what is new in other scopes', async () => {
      await rm(at('store', dirname(places.theirs)), { recursive: true });
      const image = await registry.pushImage({ repository: 'team/next', tag: 'v1' });
      const place = await sign(image, 'team/next', team);
      const { code } = await generate(await writePolicy(pathOf('none.asc')));
      assert.equal(code, 1);
      assert.ok(await published(place));
      assert.ok(!(await published(places.theirs)));
      await rm(at('store', dirname(place)), { recursive: true });
      await sign(theirs, 'vendor/app', vendor);
    });
  });
});
